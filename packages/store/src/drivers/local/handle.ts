import type { Documents } from '../../documents.js';
import type { Log } from '../../log.js';
import type { Store, StoreDescription } from '../../store.js';
import { type Backing, handleOn } from '../handle.js';
import type { ChangeSignal } from './change-signal.js';
import type { Elections } from './elections.js';
import { followLog, watchDocuments } from './following.js';

/** What a driver supplies whose handles all live in one process. */
export interface LocalBacking {
  readonly elections: Elections;
  describe(): StoreDescription;
  log(namespace: string): LocalLog;
  readonly documents: LocalDocuments;
}

export interface LocalLog extends Omit<Log, 'follow'> {
  /** Announced after each append and each move of the pointer. */
  readonly changes: ChangeSignal;
}

export interface LocalDocuments extends Omit<Documents, 'watch'> {
  readonly changes: ChangeSignal;
}

/** One handle on such a backing; see {@link handleOn}. */
export function localHandle(local: LocalBacking, release: () => Promise<void>): Store {
  const { documents, elections } = local;
  const backing: Backing = {
    describe: () => local.describe(),
    log(namespace) {
      const log = local.log(namespace);
      return {
        append: (index, batch) => log.append(index, batch),
        read: (from, limit) => log.read(from, limit),
        pointer: () => log.pointer(),
        prune: (request) => log.prune(request),
        follow: ({ from, read, stops }) => followLog({ from, read, changes: log.changes, stops }),
      };
    },
    documents: {
      get: (key) => documents.get(key),
      put: (key, value, expectedVersion) => documents.put(key, value, expectedVersion),
      delete: (key, expectedVersion) => documents.delete(key, expectedVersion),
      list: (prefix) => documents.list(prefix),
      watch: ({ list, stops }) => watchDocuments({ list, changes: documents.changes, stops }),
    },
    campaign: (name, signal, closed) => elections.campaign(name, signal, closed),
  };
  return handleOn(backing, release);
}
