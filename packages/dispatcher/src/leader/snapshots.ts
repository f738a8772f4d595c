/**
 * Snapshots of the state (L5): chunks first, then the pointer by compare-and-set, and only then do older entries go;
 * the one before is deleted last.
 */
import type { ClusterState, StateSnapshot } from '@pogo/core';
import { snapshotState } from '@pogo/core';
import { type Clock, delay } from '@pogo/lifecycle';
import { deleteLarge, type Documents, getLarge, type Log, putLarge, StoreError } from '@pogo/store';
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
    const text = new SnapshotText(snapshotState(state));
    this.#hosts = text.hosts;
    this.#running = this.#write(text, state.nextIndex)
      .catch(failed)
      .finally(() => (this.#running = undefined));
  }

  /** Resolves once nothing is being written; what is under way no longer waits for others to have their turn. */
  async idle(): Promise<void> {
    this.#hurry.abort();
    await this.#running;
  }

  async #write(text: SnapshotText, before: number): Promise<void> {
    const { log, documents, uniqueId, clock } = this.#options;
    const pointer = await log.pointer();
    if (pointer.floor >= before) return;
    const value = await text.encode(() => delay(clock, 0, this.#hurry.signal));
    const { digest } = await putLarge(documents, { folder, value, uniqueName: uniqueId() });
    const outcome = await log.prune({ before, snapshot: digest, expectedVersion: pointer.version });
    // Another leader may have moved the pointer meanwhile: then ours is the one that nobody needs.
    const obsolete = outcome.kind === 'ok' ? pointer.snapshot : digest;
    const current = outcome.kind === 'conflict' ? outcome.pointer.snapshot : digest;
    if (obsolete !== null && (outcome.kind === 'gap' || obsolete !== current))
      await deleteLarge(documents, { folder, digest: obsolete });
  }
}
