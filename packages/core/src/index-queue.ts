/**
 * A first-in-first-out queue of host indexes with cheap, lazy removal: an index whose host has moved on simply stays
 * until it reaches the head. Reading from the head costs nothing for what was read before.
 */
export class IndexQueue {
  #items: number[] = [];
  #head = 0;

  get isEmpty(): boolean {
    return this.#head === this.#items.length;
  }

  push(index: number): void {
    this.#items.push(index);
  }

  /** Drops what stands at the head while `isStale`; amortised over pushes. */
  trim(isStale: (index: number) => boolean): void {
    while (this.#head < this.#items.length && isStale(this.#items[this.#head]!)) this.#head++;
    if (this.#head > 0 && this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  /** From head to tail; may yield indexes whose host has moved on. */
  *[Symbol.iterator](): Generator<number> {
    for (let at = this.#head; at < this.#items.length; at++) yield this.#items[at]!;
  }
}
