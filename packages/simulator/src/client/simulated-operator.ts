/**
 * Someone who looks after the namespace: applies one version of its file after another, through the API, only on top of
 * the version that it has seen, and asks again until one that is its own is in force.
 */
import type { Checker } from '../checker/checker.js';
import type { ApiAnswer, DispatcherMachine } from '../dispatcher/dispatcher-machine.js';
import { numberOf, textOf } from '../namespaces/namespace-plan.js';
import type { Random } from '../random.js';
import type { NamespaceChange } from '../scenario.js';
import type { Trace } from '../trace.js';
import type { VirtualTime } from '../virtual-time.js';
import { ApiCaller } from './api-caller.js';

export interface SimulatedOperatorOptions {
  changes: readonly NamespaceChange[];
  dispatchers: readonly DispatcherMachine[];
  time: VirtualTime;
  trace: Trace;
  random: Random;
  checker: Checker;
}

const url = '/v1/namespaces/:name';
const params = { name: 'default' };

export class SimulatedOperator {
  readonly #options: SimulatedOperatorOptions;
  readonly #caller: ApiCaller;
  readonly #changes: NamespaceChange[];
  isDone = false;

  constructor(options: SimulatedOperatorOptions) {
    this.#options = options;
    this.#changes = [...options.changes];
    this.#caller = new ApiCaller({
      ...options,
      name: 'operator',
      given: (_url, answer) => this.#given(answer),
    });
    this.#next();
  }

  calm(): void {
    this.#caller.isNetworkCalm = true;
  }

  #next(): void {
    const { time } = this.#options;
    const change = this.#changes.shift();
    if (change === undefined) this.isDone = true;
    else time.schedule(Math.max(0, change.atMs - time.nowMs), () => this.#look(change));
  }

  /** Perhaps it is in force already, and only the answer was lost. */
  #look(change: NamespaceChange): void {
    this.#caller.ask('GET', url, { params }, (answer) => {
      const found = answer?.status === 200 ? (answer.body as { version: number; text?: string }) : undefined;
      if (found === undefined) this.#caller.later(() => this.#look(change));
      else if (numberOf(found.text ?? '') === change.plan.number) this.#next();
      else this.#apply(change, found.version);
    });
  }

  #apply(change: NamespaceChange, version: number): void {
    const body = { file: 'namespace.yaml', text: textOf(change.plan) };
    const headers = { 'if-match': `"${version}"` };
    this.#caller.ask('PUT', url, { params, body, headers }, (answer) => {
      if (answer?.status === 200) this.#next();
      else if (answer?.status === 422)
        this.#options.checker.violated('bug', `a good namespace is refused: ${JSON.stringify(answer.body)}`);
      else this.#caller.later(() => this.#look(change));
    });
  }

  /** Only the answer to a PUT has no text. */
  #given(answer: ApiAnswer | undefined): void {
    if (answer?.status !== 200) return;
    const { version, text } = answer.body as { version: number; text?: string };
    this.#options.checker.namespaceToldInForce(version, text === undefined ? undefined : numberOf(text));
  }
}
