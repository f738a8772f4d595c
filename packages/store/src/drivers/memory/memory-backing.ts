import type { Store, StoreDescription } from '../../store.js';
import { Elections } from '../local/elections.js';
import { localHandle } from '../local/handle.js';
import { MemoryDocuments } from './memory-documents.js';
import { MemoryLog } from './memory-log.js';

/**
 * A store that lives as long as this object, for tests and trials. Each handle stands for one dispatcher: they see the same
 * data, and closing one ends only what was begun through it.
 */
export class MemoryBacking {
  readonly elections = new Elections();
  readonly documents = new MemoryDocuments();
  readonly #logs = new Map<string, MemoryLog>();

  openHandle(): Store {
    return localHandle(this, () => Promise.resolve());
  }

  /** Takes the lease called `name` from its holder, as an expired session would: the next candidate has its turn. */
  expireLease(name: string): void {
    this.elections.expire(name);
  }

  log(namespace: string): MemoryLog {
    const known = this.#logs.get(namespace);
    if (known !== undefined) return known;
    const log = new MemoryLog();
    this.#logs.set(namespace, log);
    return log;
  }

  describe(): StoreDescription {
    return { driver: 'memory', location: 'memory:', formatVersion: 1 };
  }
}
