/**
 * Host indexes (or other numbers) in ascending order, with cheap, lazy removal: an index whose host has moved on stays until it is the least.
 * An index that was added twice is read once.
 *
 * Adding and removing take steps in proportion to the logarithm of what is in it; reading the next of k in order takes
 * the logarithm of k.
 */
export class IndexHeap {
  #items: number[] = [];

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** How many it holds, those included whose host has moved on. */
  get size(): number {
    return this.#items.length;
  }

  /** Undefined when it is empty; may be one whose host has moved on. */
  get least(): number | undefined {
    return this.#items[0];
  }

  /** Begins anew with these, which are ascending. */
  reset(ascending: number[]): void {
    this.#items = ascending;
  }

  push(index: number): void {
    const items = this.#items;
    let at = items.push(index) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent]! <= index) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = index;
  }

  /** Drops the least while `isStale`. */
  trim(isStale: (index: number) => boolean): void {
    while (this.#items.length > 0 && isStale(this.#items[0]!)) this.#pop();
  }

  /** In ascending order, each once; may yield indexes whose host has moved on. Not to be changed meanwhile. */
  *[Symbol.iterator](): Generator<number> {
    const items = this.#items;
    if (items.length === 0) return;
    // Places in the heap whose parents were read, the place of the least index first.
    const places = [0];
    for (let last = -1; places.length > 0;) {
      const place = takeLeast(places, items);
      for (const child of [2 * place + 1, 2 * place + 2])
        if (child < items.length) addPlace(places, items, child);
      const index = items[place]!;
      if (index !== last) yield index;
      last = index;
    }
  }

  #pop(): void {
    const items = this.#items;
    const last = items.pop()!;
    if (items.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]! < items[child]!) child++;
      if (items[child]! >= last) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
  }
}

function addPlace(places: number[], items: readonly number[], place: number): void {
  let at = places.push(place) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (items[places[parent]!]! <= items[place]!) break;
    places[at] = places[parent]!;
    at = parent;
  }
  places[at] = place;
}

function takeLeast(places: number[], items: readonly number[]): number {
  const least = places[0]!;
  const last = places.pop()!;
  if (places.length === 0) return least;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= places.length) break;
    if (child + 1 < places.length && items[places[child + 1]!]! < items[places[child]!]!) child++;
    if (items[places[child]!]! >= items[last]!) break;
    places[at] = places[child]!;
    at = child;
  }
  places[at] = last;
  return least;
}
