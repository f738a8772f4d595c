/** Items of which the one with the least key is at hand; adding and taking take the logarithm of how many there are. */
export class MinHeap<T> {
  readonly #heap: T[] = [];
  readonly #keyOf: (item: T) => number;

  /** @param keyOf may change for the first item alone, which is then {@link moved}. */
  constructor(keyOf: (item: T) => number) {
    this.#keyOf = keyOf;
  }

  get first(): T | undefined {
    return this.#heap[0];
  }

  push(item: T): void {
    const key = this.#keyOf(item);
    let at = this.#heap.push(item) - 1;
    while (at > 0) {
      const parent = this.#heap[(at - 1) >> 1]!;
      if (this.#keyOf(parent) <= key) break;
      this.#heap[at] = parent;
      at = (at - 1) >> 1;
    }
    this.#heap[at] = item;
  }

  /** Takes the first. */
  pop(): T | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return first;
    this.#sink(last);
    return first;
  }

  /** The key of the first has become larger. */
  moved(): void {
    this.#sink(this.#heap[0]!);
  }

  /** Lets the item sink from the top to where it belongs. */
  #sink(item: T): void {
    const key = this.#keyOf(item);
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#heap.length) break;
      const right = child + 1;
      if (right < this.#heap.length && this.#keyOf(this.#heap[right]!) < this.#keyOf(this.#heap[child]!))
        child = right;
      if (this.#keyOf(this.#heap[child]!) >= key) break;
      this.#heap[at] = this.#heap[child]!;
      at = child;
    }
    this.#heap[at] = item;
  }
}
