import type { FoldedBatch } from '@pogo/core';

/**
 * The last batches that became durable, so that readers who keep up needn't ask the store. Bounded by entries: what
 * falls out is read from the log again.
 */
export class RecentBatches {
  readonly #maxEntries: number;
  /** What fell out has left a gap at the beginning. */
  #batches: (FoldedBatch | undefined)[] = [];
  #first = 0;
  #entries = 0;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** Index behind the newest batch, or undefined when there is none. */
  get next(): number | undefined {
    const newest = this.#batches.at(-1);
    return newest && newest.index + 1;
  }

  add(batch: FoldedBatch): void {
    if (this.next !== undefined && this.next !== batch.index) this.clear();
    this.#batches.push(batch);
    this.#entries += batch.entries.length;
    while (this.#entries > this.#maxEntries && this.#first < this.#batches.length - 1) {
      this.#entries -= this.#batches[this.#first]!.entries.length;
      this.#batches[this.#first++] = undefined;
    }
    // Moving the rest down costs little when it is rare.
    if (this.#first > 1024 && this.#first * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#first);
      this.#first = 0;
    }
  }

  clear(): void {
    this.#batches = [];
    this.#first = 0;
    this.#entries = 0;
  }

  /** Up to `limit` batches from `index` on; undefined when that is older than what is kept, or there is nothing. */
  from(index: number, limit: number): FoldedBatch[] | undefined {
    const oldest = this.#batches[this.#first];
    if (oldest === undefined || index < oldest.index) return undefined;
    const at = this.#first + (index - oldest.index);
    return this.#batches.slice(at, at + limit) as FoldedBatch[];
  }
}
