/** How someone outside asks dispatchers: any of them, over a network that loses requests and answers; patiently. */
import type { ApiAnswer, ApiRequest, DispatcherMachine } from '../dispatcher/dispatcher-machine.js';
import type { Random } from '../random.js';
import type { Trace } from '../trace.js';
import type { VirtualTime } from '../virtual-time.js';

export interface ApiCallerOptions {
  /** In the trace. */
  name: string;
  dispatchers: readonly DispatcherMachine[];
  time: VirtualTime;
  trace: Trace;
  random: Random;
  /** What is being told must hold now, whether the answer arrives or not (L7). */
  given: (url: string, answer: ApiAnswer | undefined) => void;
}

const answerLimitMs = 15_000;

export class ApiCaller {
  readonly #options: ApiCallerOptions;
  /** Requests and answers may get lost until then. */
  isNetworkCalm = false;

  constructor(options: ApiCallerOptions) {
    this.#options = options;
  }

  /** One request to some dispatcher; the answer, or that none came in time. */
  ask(method: string, url: string, request: ApiRequest, done: (answer: ApiAnswer | undefined) => void): void {
    const { name, time, trace, random, dispatchers, given } = this.#options;
    let isOver = false;
    const finish = (answer: ApiAnswer | undefined) => {
      if (isOver) return;
      isOver = true;
      limit.cancel();
      trace.add(name, `${method} ${url}: ${answer?.status ?? 'no answer'}`);
      done(answer);
    };
    const limit = time.schedule(answerLimitMs, () => finish(undefined));
    const dispatcher = random.pick(dispatchers);
    time.schedule(random.spread(0.5, 20), () => {
      if (!this.isNetworkCalm && random.chance(0.03)) return;
      dispatcher.request(method, url, request, (answer) => {
        given(url, answer);
        if (!this.isNetworkCalm && random.chance(0.05)) return;
        time.schedule(random.spread(0.5, 20), () => finish(answer));
      });
    });
  }

  /** After a while. */
  later(act: () => void): void {
    const { time, random } = this.#options;
    time.schedule(random.spread(100, 3000), act);
  }
}
