/**
 * Tells waiting readers of one process that something has changed, without saying what: they look again.
 * No wake-up is lost: remember `sequence` before looking, then wait for it to pass.
 */
export class ChangeSignal {
  #sequence = 0;
  readonly #waiting = new Set<() => void>();

  get sequence(): number {
    return this.#sequence;
  }

  announce(): void {
    this.#sequence += 1;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Resolves when `sequence` has passed `seen`, or one of `stops` has aborted. */
  wait(seen: number, stops: readonly AbortSignal[]): Promise<void> {
    if (this.#sequence > seen || stops.some((stop) => stop.aborted)) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        for (const stop of stops) stop.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      for (const stop of stops) stop.addEventListener('abort', wake);
    });
  }
}
