import { IndexQueue } from '../index-queue.js';

/**
 * Hosts of one job that hold a permit but no worker, by the pool whose workers reach them, those of each in the order in
 * which they were returned. May hold others too, which readers pass over.
 */
export class ReturnedHosts {
  readonly #queues = new Map<string | undefined, IndexQueue>();

  push(pool: string | undefined, index: number): void {
    let queue = this.#queues.get(pool);
    if (queue === undefined) this.#queues.set(pool, (queue = new IndexQueue()));
    queue.push(index);
  }

  clear(): void {
    this.#queues.clear();
  }

  /** Drops what stands at the heads while `isStale`; amortised over pushes. */
  trim(isStale: (index: number) => boolean): void {
    for (const [pool, queue] of this.#queues) {
      queue.trim(isStale);
      if (queue.isEmpty) this.#queues.delete(pool);
    }
  }

  /** The hosts of each pool; may yield some that have moved on. */
  *byPool(): Generator<[pool: string | undefined, hosts: Iterable<number>]> {
    yield* this.#queues;
  }
}
