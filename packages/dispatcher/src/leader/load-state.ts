import { applyBatch, type ClusterState, createState, restoreState } from '@pogo/core';
import { decodeLogBatch } from '@pogo/protocol';
import type { Documents, Log } from '@pogo/store';
import { readSnapshot } from './snapshots.js';

const batchesPerRead = 1000;

/** The fold of everything that the log holds, from its snapshot on (L1, L5). Rejects when the store fails. */
export async function loadState(log: Log, documents: Documents): Promise<ClusterState> {
  for (;;) {
    const { snapshot } = await log.pointer();
    const state = snapshot === null ? createState() : restoreState(await readSnapshot(documents, snapshot));
    if (await foldRest(log, state)) return state;
    // Pruned while it was read: the newer snapshot has it all.
  }
}

async function foldRest(log: Log, state: ClusterState): Promise<boolean> {
  for (;;) {
    const outcome = await log.read(state.nextIndex, batchesPerRead);
    if (outcome.kind === 'pruned') return false;
    if (outcome.entries.length === 0) return true;
    for (const { index, batch } of outcome.entries) {
      applyBatch(state, { index, ...decodeLogBatch(batch.body) });
    }
  }
}
