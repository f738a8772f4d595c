/** Decides what a person asks of a worker: that it gets no further host, or gets some again. */
import type { ClusterState } from '../cluster-state.js';
import type { LogEntry } from '../entries.js';

/** One that is drained stays as it was drained first. */
export function decideDrain(
  { drained }: ClusterState,
  { worker, by, note }: { worker: string; by: string; note?: string | undefined },
): LogEntry[] {
  if (drained.has(worker)) return [];
  return [{ type: 'worker-drained', worker, by, ...(note !== undefined && { note }) }];
}

export function decideDrainLift(
  { drained }: ClusterState,
  { worker, by }: { worker: string; by: string },
): LogEntry[] {
  return drained.has(worker) ? [{ type: 'drain-lifted', worker, by }] : [];
}
