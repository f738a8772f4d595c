import type { WorkerCapacity } from '@pogo/core';

/** What a namespace has at workers. */
export interface WorkerLoad {
  /** Unfinished ordered attempts by worker. */
  readonly assignedTo: ReadonlyMap<string, number>;
  /** Jobs that haven't ended. */
  readonly openJobs: number;
}

/**
 * Workers as one namespace may use them beside others: each with the room that the others leave, and with no less than an
 * equal share among those that have open jobs, so that a large job of one doesn't keep out the others.
 *
 * A worker may so be assigned more than its capacity, less than twice as much, while shares are taken up; it holds what it
 * can't begin until a connection is free. The bound is that of one dispatcher: what another one leads isn't known here.
 */
export function sharedCapacities(
  workers: readonly WorkerCapacity[],
  others: readonly WorkerLoad[],
): readonly WorkerCapacity[] {
  const loads = others.filter(({ assignedTo, openJobs }) => openJobs > 0 || assignedTo.size > 0);
  if (loads.length === 0) return workers;
  const sharing = 1 + loads.filter(({ openJobs }) => openJobs > 0).length;
  return workers.map((worker) => {
    const { name, capacity } = worker;
    const elsewhere = loads.reduce((sum, { assignedTo }) => sum + (assignedTo.get(name) ?? 0), 0);
    const share = Math.max(1, Math.floor(capacity / sharing));
    return { ...worker, capacity: Math.max(capacity - elsewhere, share) };
  });
}
