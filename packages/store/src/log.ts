/**
 * One append-only log per namespace (L1), byte-level: drivers see who wrote a batch and its id (L3), never what is in it.
 *
 * 1. Indices start at 0 and have no holes. What stands at an index never changes.
 * 2. Of several appends at one index exactly one wins: that is the fence (L2). No lease and no clock takes part.
 * 3. An `ok` is durable: no crash takes it back (L7).
 * 4. Appending the same batch (writer and id) again at the same index answers `ok` without writing again, so that doubt
 *    is resolved by repeating the append (L3).
 * 5. The floor never goes back. Whatever stands below it counts as gone, also where its bytes are still there (L5).
 *
 * Apart from an append's doubt, what a store can't do just now rejects with a {@link StoreError}.
 */
import type { StoreError } from './store-error.js';

/** The largest body of one batch, in bytes: what a ZooKeeper node takes with room to spare. Larger values: L6. */
export const maxBatchBytes = 512 * 1024;

/** The longest writer and the longest id, in UTF-16 units; longer ones are the caller's bug: a RangeError. */
export const maxBatchNameLength = 256;

/** Who wrote a batch, and its id, unique per writer; neither is empty. */
export interface BatchIdentity {
  writer: string;
  id: string;
}

/** What is appended at one index: all of it or nothing. Neither side changes `body` after it was handed over. */
export interface Batch extends BatchIdentity {
  body: Uint8Array;
}

export interface LogEntry {
  index: number;
  batch: Batch;
}

/** Where the log begins now, and the snapshot of everything before. `version` is for {@link Log.prune}. */
export interface SnapshotPointer {
  /** The lowest index that can still be read; 0 until the first pruning. */
  floor: number;
  /** Names the snapshot of all entries below the floor; null until the first pruning. */
  snapshot: string | null;
  version: number;
}

export interface PrunedOutcome {
  kind: 'pruned';
  floor: number;
  snapshot: string | null;
}

export type AppendOutcome =
  /** This batch stands at that index, durably, now or since an earlier try. */
  | { kind: 'ok' }
  /** Another batch stands there: the caller no longer leads (L3). */
  | { kind: 'conflict'; found: BatchIdentity }
  /** The index is below the floor. It says nothing about whether this batch was in the log (L2). */
  | { kind: 'pruned'; floor: number }
  /** The caller skipped indices; nothing was written. `next` is the first free one. */
  | { kind: 'gap'; next: number }
  | { kind: 'too-large'; limitBytes: number }
  /** It may or may not have been written: append again at the same index, with the same id (L3). */
  | { kind: 'doubt'; error: StoreError };

export interface EntriesOutcome {
  kind: 'entries';
  /** In the order of their indices, without holes. */
  entries: LogEntry[];
  /** Where to go on reading. */
  next: number;
}

export type ReadOutcome = EntriesOutcome | PrunedOutcome;

export interface PruneRequest {
  /** The new floor: entries below it go. */
  before: number;
  /** Names the snapshot of everything below `before`, written completely beforehand (L5). */
  snapshot: string;
  /** The pointer's version that the caller has seen. */
  expectedVersion: number;
}

export type PruneOutcome =
  | { kind: 'ok'; version: number }
  /** The pointer has moved since, or its floor is above `before` already; `pointer` is the present one. */
  | { kind: 'conflict'; pointer: SnapshotPointer }
  /** `before` is beyond the end of the log. */
  | { kind: 'gap'; next: number };

export interface Log {
  append(index: number, batch: Batch): Promise<AppendOutcome>;
  /**
   * Up to `limit` entries from index `from` on, fewer when they would exceed about 4 MB. No entries means that none
   * stands at `from` yet.
   */
  read(from: number, limit: number): Promise<ReadOutcome>;
  /**
   * Every entry from `from` on, once, in order, as they come; each outcome holds at least one. Nothing is buffered for
   * a slow consumer: each step reads on from where it stands. After `pruned` (load the snapshot, follow again from the
   * floor), when `signal` aborts, and when the store is closed, the iteration ends without an error.
   */
  follow(from: number, signal: AbortSignal): AsyncIterable<ReadOutcome>;
  pointer(): Promise<SnapshotPointer>;
  /** Moves the pointer by compare-and-set; only after that the entries below it go (L5). */
  prune(request: PruneRequest): Promise<PruneOutcome>;
}
