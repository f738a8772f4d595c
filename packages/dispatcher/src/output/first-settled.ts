/**
 * Promises as they settle, one after another. Unlike repeated `Promise.race` it leaves nothing behind on those that stay
 * pending for long. None of them may reject without its error being wanted: `next` rejects with it.
 */
export class FirstSettled<T> {
  #settled: (() => T)[] = [];
  #pending = 0;
  #wake: (() => void) | undefined;

  /** How many were added and not taken yet. */
  get size(): number {
    return this.#pending + this.#settled.length;
  }

  add(promise: Promise<T>): void {
    this.#pending++;
    promise.then(
      (value) => this.#settle(() => value),
      (error: unknown) =>
        this.#settle(() => {
          throw error;
        }),
    );
  }

  /** The next value; undefined when `signal` aborts first. */
  async next(signal: AbortSignal): Promise<T | undefined> {
    const onAbort = () => this.#wake?.();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (this.#settled.length === 0 && !signal.aborted) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      return signal.aborted ? undefined : this.#settled.shift()!();
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #settle(result: () => T): void {
    this.#pending--;
    this.#settled.push(result);
    this.#wake?.();
  }
}
