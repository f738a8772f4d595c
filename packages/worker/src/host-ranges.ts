import type { HostSet } from '@pogo/core';

/** A growing set of hosts as inclusive ranges, ascending and disjoint: a whole job that went through costs one. */
export class HostRanges {
  /** Pairs: first and last host of a range. */
  readonly #bounds: number[] = [];

  static of(set: HostSet): HostRanges {
    const ranges = new HostRanges();
    ranges.addSet(set);
    return ranges;
  }

  has(host: number): boolean {
    const at = this.#firstEndingAtOrBehind(host);
    return at < this.#bounds.length && this.#bounds[at]! <= host;
  }

  add(host: number): void {
    this.#addRange(host, host);
  }

  addSet(set: HostSet): void {
    for (const item of set) {
      if (typeof item === 'number') this.#addRange(item, item);
      else this.#addRange(item[0], item[1]);
    }
  }

  toHostSet(): HostSet {
    const set: (number | [number, number])[] = [];
    for (let at = 0; at < this.#bounds.length; at += 2) {
      const first = this.#bounds[at]!;
      const last = this.#bounds[at + 1]!;
      set.push(first === last ? first : [first, last]);
    }
    return set;
  }

  /** Takes in every range that it overlaps or touches. */
  #addRange(first: number, last: number): void {
    const at = this.#firstEndingAtOrBehind(first - 1);
    let behind = at;
    let from = first;
    let to = last;
    while (behind < this.#bounds.length && this.#bounds[behind]! <= last + 1) {
      from = Math.min(from, this.#bounds[behind]!);
      to = Math.max(to, this.#bounds[behind + 1]!);
      behind += 2;
    }
    this.#bounds.splice(at, behind - at, from, to);
  }

  /** Position of the first range that ends at `host` or behind it. */
  #firstEndingAtOrBehind(host: number): number {
    let low = 0;
    let high = this.#bounds.length / 2;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#bounds[middle * 2 + 1]! < host) low = middle + 1;
      else high = middle;
    }
    return low * 2;
  }
}
