import type { Documents } from './documents.js';
import type { Leadership } from './leadership.js';
import type { Log } from './log.js';

/** For people: which driver keeps the data where, in which version of its own format. */
export interface StoreDescription {
  driver: string;
  location: string;
  formatVersion: number;
  /** Absent where nothing outside of the process is needed. */
  session?: StoreSession;
}

/** How the store is reached just now. */
export interface StoreSession {
  /** A server is at the other end. */
  isConnected: boolean;
  /** Sessions since the store was opened: each beyond the first is one that was lost. */
  begun: number;
}

/** One dispatcher's handle on a store: the three contracts together. */
export interface Store {
  /** The log of one namespace; cheap to ask for again. The name is one segment of a document key. */
  log(namespace: string): Log;
  readonly documents: Documents;
  readonly leadership: Leadership;
  describe(): StoreDescription;
  /**
   * Ends followers, watchers, campaigns and leases of this handle, waits for writes under way, and lets go of the store.
   * Everything but `describe` rejects with `store-closed` afterwards. A second call waits for the first.
   */
  close(): Promise<void>;
}

const namespacePattern = /^[A-Za-z0-9._\-@+=]{1,128}$/;

/** Throws a RangeError for a name that can't be one segment of a key. */
export function checkNamespace(namespace: string): void {
  if (!namespacePattern.test(namespace) || namespace === '.' || namespace === '..') {
    throw new RangeError(`not a namespace: ${JSON.stringify(namespace)}`);
  }
}
