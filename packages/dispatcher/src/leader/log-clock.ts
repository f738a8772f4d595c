import type { Clock } from '@pogo/lifecycle';

/**
 * Log time of one leader (T1): never before the last entry, moved on by the monotonic clock alone, so that a wall clock
 * that jumps moves no deadline.
 */
export class LogClock {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #monotonicStartMs: number;

  /** @param lastAtMs log time of the last entry in milliseconds since 1970. */
  constructor(clock: Clock, lastAtMs: number) {
    this.#clock = clock;
    this.#startMs = Math.max(lastAtMs, Math.floor(clock.wallMs()));
    this.#monotonicStartMs = clock.monotonicMs();
  }

  nowMs(): number {
    return this.#startMs + Math.floor(this.#clock.monotonicMs() - this.#monotonicStartMs);
  }
}
