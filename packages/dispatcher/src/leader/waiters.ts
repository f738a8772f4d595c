import type { Clock } from '@pogo/lifecycle';

/** Those who wait until something may have changed, and look again then. */
export class Waiters {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves at the next {@link wake}, when `signal` aborts, or after `limitMs`, if that is given. */
  async wait(limitMs?: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const arrived = () => {
        timer?.cancel();
        signal?.removeEventListener('abort', arrived);
        this.#waiting.delete(arrived);
        resolve();
      };
      const timer = limitMs === undefined ? undefined : this.#clock.setTimer(limitMs, arrived);
      this.#waiting.add(arrived);
      signal?.addEventListener('abort', arrived, { once: true });
    });
  }

  wake(): void {
    for (const arrived of [...this.#waiting]) arrived();
  }
}
