import type { Clock, Timer } from '@pogo/lifecycle';
import type { LogObserver } from './leader.js';

export interface LeadersRoundsOptions {
  clock: Clock;
  /** From the taking of the leadership to the first round, and from the end of each round to the next. */
  everyMs: number;
  round: () => Promise<void>;
  /** A round has thrown; the next comes all the same. */
  failed: (error: unknown) => void;
}

/** Work that a dispatcher does again and again for as long as it leads, or knows the log, one round at a time. */
export class LeadersRounds implements LogObserver {
  readonly #options: LeadersRoundsOptions;
  #timer: Timer | undefined;
  #working: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: LeadersRoundsOptions) {
    this.#options = options;
  }

  taken(): void {
    this.#schedule();
  }

  lost(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** A long round looks here between its steps. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Resolves once no round is under way; none begins after. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.lost();
    await this.#working;
  }

  #schedule(): void {
    const { clock, everyMs, round, failed } = this.#options;
    if (this.#stopped) return;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(everyMs, () => {
      this.#working = round()
        .catch(failed)
        .finally(() => {
          if (this.#timer !== undefined) this.#schedule();
        });
    });
  }
}
