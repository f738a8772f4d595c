/** For planted bugs: a dispatcher's state, altered behind the back of its fold, with every sum over it made anew. */
import {
  type ClusterState,
  type FoldedBatch,
  restoreState,
  snapshotState,
  type StateSnapshot,
} from '@pogo/core';
import type { PlantedBug } from './planted-bug.js';

export type JobSnapshot = StateSnapshot['jobs'][number];

/** `batch` is undefined when a reign begins. */
type Tampering = (state: ClusterState, batch: FoldedBatch | undefined) => void;

/** Acts on the state when a reign begins, and after each batch. */
export function tamperingWith(act: Tampering): PlantedBug {
  return {
    beforeStart: ({ leader }) =>
      leader.observe({
        taken: (state) => act(state, undefined),
        appended: (batch, state) => act(state, batch),
      }),
  };
}

/** Alters jobs as they would stand in a snapshot, where `wanted` says so of any. */
export function alterJobs(
  state: ClusterState,
  alter: (job: JobSnapshot, state: ClusterState) => boolean,
): void {
  const snapshot = JSON.parse(JSON.stringify(snapshotState(state))) as StateSnapshot;
  const altered = snapshot.jobs.filter((job) => alter(job, state));
  if (altered.length > 0) Object.assign(state, restoreState(snapshot, state.documents));
}

/** Alters each version of the namespace once, before anything is decided by it again. */
export function alteringNamespace(
  alter: (namespace: NonNullable<ClusterState['constraints']['namespace']>) => void,
): PlantedBug {
  const altered = new WeakSet<object>();
  return tamperingWith((state) => {
    const { namespace } = state.constraints;
    if (namespace === undefined || altered.has(namespace)) return;
    altered.add(namespace);
    alter(namespace);
    Object.assign(state, restoreState(snapshotState(state), state.documents));
  });
}
