import {
  applyBatch,
  type ClusterState,
  createState,
  type FoldedBatch,
  restoreState,
  SnapshotTooNew,
  type StateSnapshot,
} from '@pogo/core';
import { decodeLogBatch } from '@pogo/protocol';
import { type Documents, type Log, type LogEntry as StoredEntry, StoreError } from '@pogo/store';
import type { ReferredDocuments } from './referred-documents.js';
import { readSnapshot } from './snapshots.js';

const batchesPerRead = 1000;

/** Where the state comes from besides the log. */
export interface StateSources {
  documents: Documents;
  referred: ReferredDocuments;
  /** Number of the namespace's first job. */
  firstJob: number;
}

/** The fold of everything that the log holds, from its snapshot on (L1, L5). Rejects when the store fails. */
export async function loadState(log: Log, sources: StateSources): Promise<ClusterState> {
  for (;;) {
    const state = await snapshotState(log, sources);
    if (state === undefined || !(await foldToEnd(log, state, sources.referred))) continue;
    return state;
    // Pruned while it was read: the newer snapshot has it all.
  }
}

/** What the pointer names; undefined when the pointer has moved on meanwhile, and that was deleted. */
async function snapshotState(
  log: Log,
  { documents, referred, firstJob }: StateSources,
): Promise<ClusterState | undefined> {
  const { snapshot, version } = await log.pointer();
  if (snapshot === null) return createState(referred, { firstJob });
  try {
    const value = await readSnapshot(documents, snapshot);
    await referred.readFor(value);
    return restored(value, referred);
  } catch (error) {
    const isGone = error instanceof StoreError && error.code === 'store-corrupt';
    if (isGone && (await log.pointer()).version !== version) return undefined;
    throw error;
  }
}

function restored(snapshot: StateSnapshot, referred: ReferredDocuments): ClusterState {
  try {
    return restoreState(snapshot, referred);
  } catch (error) {
    if (error instanceof SnapshotTooNew) throw new StoreError('store-format-newer', error.message);
    throw error;
  }
}

/** Folds what the log holds behind the state. Resolves to false when some of that was pruned; rejects when the store fails. */
export async function foldToEnd(
  log: Log,
  state: ClusterState,
  referred: ReferredDocuments,
): Promise<boolean> {
  for (;;) {
    const outcome = await log.read(state.nextIndex, batchesPerRead);
    if (outcome.kind === 'pruned') return false;
    if (outcome.entries.length === 0) return true;
    for (const entry of outcome.entries) {
      const batch = decodeEntry(entry);
      await referred.fold(state, batch.entries, () => applyBatch(state, batch));
    }
  }
}

/** @throws StoreError `store-corrupt` */
export function decodeEntry({ index, batch }: StoredEntry): FoldedBatch {
  try {
    return { index, ...decodeLogBatch(batch.body) };
  } catch (error) {
    throw new StoreError(
      'store-corrupt',
      `batch ${index} of the log can't be read: it is damaged, or a later release wrote it; start that release, or restore the store from a backup`,
      { cause: error },
    );
  }
}
