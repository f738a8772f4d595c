/**
 * The lease of the simulated store. It is as weak as a lease may be: the next candidate may have it before the last one
 * has heard that its own has ended. Safety rests on the log.
 */
import type { Lease } from '@pogo/store';
import type { SimulatedProcess } from '../simulated-process.js';
import type { VirtualTime } from '../virtual-time.js';

interface Candidate {
  process: SimulatedProcess;
  elect: (holder: Holder) => void;
}

interface Holder {
  process: SimulatedProcess;
  lost: AbortController;
}

export class Elections {
  readonly #time: VirtualTime;
  #queue: Candidate[] = [];
  #holder: Holder | undefined;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  campaign(process: SimulatedProcess, signal: AbortSignal): Promise<Lease | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const candidate: Candidate = {
        process,
        elect: (holder) => process.deliver(() => resolve(this.#lease(holder))),
      };
      signal.addEventListener('abort', () => {
        this.#queue = this.#queue.filter((other) => other !== candidate);
        resolve(undefined);
      });
      this.#queue.push(candidate);
      this.#electNext();
    });
  }

  /** The session of a process that died, or seems to have died, is over. */
  expire(process: SimulatedProcess, noticedMs: number): void {
    if (this.#holder?.process !== process) return;
    const { lost } = this.#holder;
    this.#holder = undefined;
    this.#time.schedule(noticedMs, () => process.deliver(() => lost.abort()));
    this.#electNext();
  }

  get holder(): SimulatedProcess | undefined {
    return this.#holder?.process;
  }

  #lease(holder: Holder): Lease {
    return {
      lost: holder.lost.signal,
      resign: () => {
        if (this.#holder === holder) {
          this.#holder = undefined;
          this.#electNext();
        }
        return Promise.resolve();
      },
    };
  }

  #electNext(): void {
    if (this.#holder !== undefined) return;
    this.#queue = this.#queue.filter(({ process }) => process.isAlive);
    const next = this.#queue.shift();
    if (next === undefined) return;
    this.#holder = { process: next.process, lost: new AbortController() };
    next.elect(this.#holder);
  }
}
