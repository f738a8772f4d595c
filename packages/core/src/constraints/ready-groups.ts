import { MinHeap } from '../min-heap.js';
import type { HostGroup } from './host-group.js';

/** A group that some host of may go on, and the first such host. */
export interface ReadyGroup {
  readonly group: HostGroup;
  readonly first: number;
}

interface Entry {
  readonly group: HostGroup;
  first: number;
  /** Where it is in the heap. */
  place: number;
}

/** The groups of a job of which some host may go on, by the pool whose workers reach them. */
export class ReadyGroups {
  readonly #byPool = new Map<string | undefined, OrderedGroups>();

  get isEmpty(): boolean {
    return this.#byPool.size === 0;
  }

  /** Adds the group, or moves it to where it belongs: its first host that may go on is this one. */
  put(group: HostGroup, first: number): void {
    let groups = this.#byPool.get(group.pool);
    if (groups === undefined) this.#byPool.set(group.pool, (groups = new OrderedGroups()));
    groups.put(group, first);
  }

  delete(group: HostGroup): void {
    const groups = this.#byPool.get(group.pool);
    if (groups === undefined) return;
    groups.delete(group);
    if (groups.size === 0) this.#byPool.delete(group.pool);
  }

  clear(): void {
    this.#byPool.clear();
  }

  /** Those of each pool in the order of their first hosts. Not to be changed meanwhile. */
  byPool(): Iterable<[pool: string | undefined, groups: Iterable<ReadyGroup>]> {
    return this.#byPool;
  }
}

/**
 * Groups of which some host may go on, in the order of their first such hosts: a binary heap that knows where
 * each group is. Adding, moving and removing one take the logarithm of how many there are, and so does reading the next:
 * whoever needs the first few pays for these alone.
 */
class OrderedGroups {
  readonly #heap: Entry[] = [];
  readonly #entries = new Map<HostGroup, Entry>();

  get size(): number {
    return this.#heap.length;
  }

  put(group: HostGroup, first: number): void {
    let entry = this.#entries.get(group);
    if (entry === undefined) {
      entry = { group, first, place: this.#heap.length };
      this.#entries.set(group, entry);
      this.#heap.push(entry);
    } else if (entry.first === first) return;
    entry.first = first;
    this.#settle(entry);
  }

  delete(group: HostGroup): void {
    const entry = this.#entries.get(group);
    if (entry === undefined) return;
    this.#entries.delete(group);
    const last = this.#heap.pop()!;
    if (last === entry) return;
    last.place = entry.place;
    this.#settle(last);
  }

  /** In the order of their first hosts. Not to be changed meanwhile. */
  *[Symbol.iterator](): Generator<ReadyGroup> {
    const heap = this.#heap;
    if (heap.length === 0) return;
    // Places whose parents were read.
    const places = new MinHeap<number>((place) => heap[place]!.first);
    places.push(0);
    for (let place = places.pop(); place !== undefined; place = places.pop()) {
      for (const child of [2 * place + 1, 2 * place + 2]) if (child < heap.length) places.push(child);
      yield heap[place]!;
    }
  }

  /** Moves an entry from its place to where it belongs, up or down. */
  #settle(entry: Entry): void {
    const heap = this.#heap;
    const { first } = entry;
    let at = entry.place;
    for (; at > 0; at = (at - 1) >> 1) {
      const parent = heap[(at - 1) >> 1]!;
      if (parent.first <= first) break;
      this.#set(at, parent);
    }
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.first < heap[child]!.first) child++;
      const least = heap[child]!;
      if (least.first >= first) break;
      this.#set(at, least);
      at = child;
    }
    this.#set(at, entry);
  }

  #set(at: number, entry: Entry): void {
    this.#heap[at] = entry;
    entry.place = at;
  }
}
