import type { Clock } from '@pogo/lifecycle';

/** A worker that nobody can reach any more begins nothing new (A5): this bounds surprise, no safety rests on it. */
export const contactLimitMs = 10_000;

/** Whether some dispatcher was in contact lately. */
export class DispatcherContact {
  readonly #clock: Clock;
  #links = 0;
  #lastMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastMs = clock.monotonicMs();
  }

  gained(): void {
    this.#links++;
  }

  lost(): void {
    this.#links--;
    this.#lastMs = this.#clock.monotonicMs();
  }

  /** Dispatchers that are linked. */
  get links(): number {
    return this.#links;
  }

  get isRecent(): boolean {
    return this.#links > 0 || this.#clock.monotonicMs() - this.#lastMs < contactLimitMs;
  }
}
