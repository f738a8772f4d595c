import type { Documents, DocumentSummary } from '../documents.js';
import { checkDocumentKey, checkDocumentPrefix, maxDocumentBytes } from '../documents.js';
import type { Lease } from '../leadership.js';
import { type Log, type ReadOutcome, maxBatchBytes, maxBatchNameLength } from '../log.js';
import { type Store, type StoreDescription, checkNamespace } from '../store.js';
import { StoreError } from '../store-error.js';

/** What a driver supplies; this file adds what the handles of all drivers have in common. */
export interface Backing {
  describe(): StoreDescription;
  log(namespace: string): BackingLog;
  readonly documents: BackingDocuments;
  /** `closed` belongs to the candidate's handle: it ends the campaign, and the lease as well. */
  campaign(name: string, signal: AbortSignal, closed: AbortSignal): Promise<Lease | undefined>;
}

export interface BackingLog extends Omit<Log, 'follow'> {
  follow(following: Following): AsyncIterable<ReadOutcome>;
}

export interface Following {
  from: number;
  /** Reads while the handle is open. */
  read: Log['read'];
  /** Each ends the iteration. */
  stops: readonly AbortSignal[];
}

export interface BackingDocuments extends Omit<Documents, 'watch'> {
  watch(watching: Watching): AsyncIterable<DocumentSummary[]>;
}

export interface Watching {
  prefix: string;
  /** Lists while the handle is open. */
  list: () => Promise<DocumentSummary[]>;
  stops: readonly AbortSignal[];
}

/**
 * One handle on a backing that others may share. It checks what callers hand in, ends with its own `close`, and leaves
 * the backing to `release`.
 */
export function handleOn(backing: Backing, release: () => Promise<void>): Store {
  const closer = new AbortController();
  const closed = closer.signal;
  const underWay = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  async function whileOpen<T>(operation: () => Promise<T>): Promise<T> {
    if (closed.aborted)
      throw new StoreError('store-closed', `the store ${backing.describe().location} was closed`);
    const running = operation();
    underWay.add(running);
    try {
      return await running;
    } finally {
      underWay.delete(running);
    }
  }

  function log(namespace: string): Log {
    checkNamespace(namespace);
    const found = backing.log(namespace);
    const read: Log['read'] = (from, limit) => {
      checkIndex(from);
      checkLimit(limit);
      return whileOpen(() => found.read(from, limit));
    };
    return {
      append(index, batch) {
        checkIndex(index);
        checkName(batch.writer);
        checkName(batch.id);
        if (batch.body.byteLength > maxBatchBytes) {
          return Promise.resolve({ kind: 'too-large', limitBytes: maxBatchBytes });
        }
        return whileOpen(() => found.append(index, batch));
      },
      read,
      follow(from, signal) {
        checkIndex(from);
        return found.follow({ from, read, stops: [signal, closed] });
      },
      pointer: () => whileOpen(() => found.pointer()),
      prune(request) {
        checkIndex(request.before);
        return whileOpen(() => found.prune(request));
      },
    };
  }

  const documents: Documents = {
    get(key) {
      checkDocumentKey(key);
      return whileOpen(() => backing.documents.get(key));
    },
    put(key, value, expectedVersion) {
      checkDocumentKey(key);
      if (value.byteLength > maxDocumentBytes) {
        return Promise.resolve({ kind: 'too-large', limitBytes: maxDocumentBytes });
      }
      return whileOpen(() => backing.documents.put(key, value, expectedVersion));
    },
    delete(key, expectedVersion) {
      checkDocumentKey(key);
      return whileOpen(() => backing.documents.delete(key, expectedVersion));
    },
    list(prefix) {
      checkDocumentPrefix(prefix);
      return whileOpen(() => backing.documents.list(prefix));
    },
    watch(prefix, signal) {
      checkDocumentPrefix(prefix);
      const list = () => whileOpen(() => backing.documents.list(prefix));
      return backing.documents.watch({ prefix, list, stops: [signal, closed] });
    },
  };

  const leadership = {
    async campaign(name: string, signal: AbortSignal): Promise<Lease | undefined> {
      if (closed.aborted)
        throw new StoreError('store-closed', `the store ${backing.describe().location} was closed`);
      return backing.campaign(name, signal, closed);
    },
  };

  async function end(): Promise<void> {
    closer.abort();
    await Promise.allSettled(underWay);
    await release();
  }

  return {
    log,
    documents,
    leadership,
    describe: () => backing.describe(),
    close() {
      closing ??= end();
      return closing;
    },
  };
}

function checkIndex(index: number): void {
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError(`not a log index: ${index}`);
}

function checkLimit(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError(`not a number of entries: ${limit}`);
}

function checkName(name: string): void {
  if (name.length < 1 || name.length > maxBatchNameLength) {
    throw new RangeError(`not a writer or batch id: ${JSON.stringify(name)}`);
  }
}
