/**
 * Snapshots of the state (L5): chunks first, then the pointer by compare-and-set, and only then do older entries go;
 * the one before is deleted last. What goes was kept for reports before that (history-segments.ts).
 */
import {
  type ClusterState,
  countsBefore,
  type CountsBefore,
  nothingBefore,
  snapshotState,
  type StateSnapshot,
} from '@pogo/core';
import { type Clock, delay } from '@pogo/lifecycle';
import {
  deleteLarge,
  type Documents,
  getLarge,
  type Log,
  putLarge,
  type SnapshotPointer,
  StoreError,
} from '@pogo/store';
import type { HistorySegments } from '../history/history-segments.js';
import { SnapshotText } from './snapshot-text.js';

const folder = 'snapshots/';

/** Rejects with `store-corrupt` when the document that the pointer names isn't there. */
export async function readSnapshot(documents: Documents, digest: string): Promise<StateSnapshot> {
  const bytes = await getLarge(documents, { folder, digest });
  if (bytes === undefined) {
    throw new StoreError(
      'store-corrupt',
      `the snapshot ${digest} that the log points to is missing: restore the store from a backup`,
    );
  }
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as StateSnapshot;
}

export interface SnapshotterOptions {
  log: Log;
  documents: Documents;
  segments: HistorySegments;
  uniqueId: () => string;
  clock: Clock;
  /** Fewest entries between two snapshots. */
  everyEntries: number;
  failed: (error: unknown) => void;
}

/**
 * Counts entries, and moves what they add up to into a snapshot in the background.
 *
 * 1. There are at least as many entries between two snapshots as the earlier one had hosts: what snapshots cost each entry
 *    doesn't grow with the state.
 * 2. Only the copy is made at once. Its text, which takes ten times as long, is made in slices, between which others have
 *    their turn.
 */
export class Snapshotter {
  readonly #options: SnapshotterOptions;
  #entries = 0;
  /** Hosts in the latest snapshot. */
  #hosts = 0;
  #running: Promise<void> | undefined;
  readonly #hurry = new AbortController();
  /** What counted at the last snapshot, by its digest. */
  #last: { digest: string; counts: CountsBefore } | undefined;

  constructor(options: SnapshotterOptions) {
    this.#options = options;
  }

  /** To be called with the state as the log holds it. */
  appended(entries: number, state: ClusterState): void {
    this.#entries += entries;
    const { everyEntries, failed } = this.#options;
    if (this.#entries < Math.max(everyEntries, this.#hosts) || this.#running !== undefined) return;
    this.#entries = 0;
    // Copied now: the state moves on while it is written.
    const snapshot = snapshotState(state);
    const text = new SnapshotText(snapshot);
    this.#hosts = text.hosts;
    this.#running = this.#write(text, countsBefore(snapshot))
      .catch(failed)
      .finally(() => (this.#running = undefined));
  }

  /** Resolves once nothing is being written; what is under way no longer waits for others to have their turn. */
  async idle(): Promise<void> {
    this.#hurry.abort();
    await this.#running;
  }

  async #write(text: SnapshotText, counts: CountsBefore): Promise<void> {
    const { log, documents, segments, uniqueId, clock } = this.#options;
    const before = counts.index;
    const pointer = await log.pointer();
    if (pointer.floor >= before) return;
    const value = await text.encode(() => delay(clock, 0, this.#hurry.signal));
    const first = await this.#countsAt(pointer);
    // Another leader has moved the pointer meanwhile, and deleted what it named.
    if (first === undefined) return;
    if (!(await segments.keep(log, { from: pointer.floor, to: before, counts: first }))) return;
    const { digest } = await putLarge(documents, { folder, value, uniqueName: uniqueId() });
    this.#last = { digest, counts };
    const outcome = await log.prune({ before, snapshot: digest, expectedVersion: pointer.version });
    // Another leader may have moved the pointer meanwhile: then ours is the one that nobody needs.
    const obsolete = outcome.kind === 'ok' ? pointer.snapshot : digest;
    const current = outcome.kind === 'conflict' ? outcome.pointer.snapshot : digest;
    if (obsolete !== null && (outcome.kind === 'gap' || obsolete !== current))
      await deleteLarge(documents, { folder, digest: obsolete });
  }

  async #countsAt({ snapshot }: SnapshotPointer): Promise<CountsBefore | undefined> {
    if (snapshot === null) return nothingBefore;
    if (this.#last?.digest === snapshot) return this.#last.counts;
    try {
      return countsBefore(await readSnapshot(this.#options.documents, snapshot));
    } catch (error) {
      if (error instanceof StoreError && error.code === 'store-corrupt') return undefined;
      throw error;
    }
  }
}
