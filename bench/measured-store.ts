/** A store whose appends are counted and timed. */
import { systemClock } from '@pogo/lifecycle';
import type { Batch, Log, Store, StoreDescription } from '@pogo/store';

export class MeasuredStore implements Store {
  appends = 0;
  bytes = 0;
  largestBytes = 0;
  appendMs = 0;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get documents(): Store['documents'] {
    return this.#store.documents;
  }

  get leadership(): Store['leadership'] {
    return this.#store.leadership;
  }

  log(namespace: string): Log {
    const log = this.#store.log(namespace);
    return {
      append: async (index: number, batch: Batch) => {
        const startMs = systemClock.monotonicMs();
        const outcome = await log.append(index, batch);
        this.appendMs += systemClock.monotonicMs() - startMs;
        this.appends++;
        this.bytes += batch.body.byteLength;
        this.largestBytes = Math.max(this.largestBytes, batch.body.byteLength);
        return outcome;
      },
      read: (from, limit) => log.read(from, limit),
      follow: (from, signal) => log.follow(from, signal),
      pointer: () => log.pointer(),
      prune: (request) => log.prune(request),
    };
  }

  describe(): StoreDescription {
    return this.#store.describe();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
