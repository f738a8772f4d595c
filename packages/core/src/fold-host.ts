/** How one host of a job changes, with the sums that its job and the state keep over hosts (cluster-state.ts, 1). */
import { type ClusterState, isOrdered, type JobRecord, type Resolution } from './cluster-state.js';
import { changeHost, groupOf } from './constraints/change-host.js';
import type { HostSet } from './host-set.js';
import { type HostEvent, IllegalTransition, nextHostState } from './states.js';

/** An order that hosts get: whose it is, and the index of its batch. */
export interface HostOrder {
  worker: string;
  index: number;
}

/** @throws IllegalTransition when the table doesn't have the event for one of them. */
export function moveHosts(
  state: ClusterState,
  job: JobRecord,
  hosts: HostSet,
  event: HostEvent,
  order?: HostOrder,
): void {
  for (const item of hosts) {
    if (typeof item === 'number') moveHost(state, job, item, event, order);
    else for (let index = item[0]; index <= item[1]; index++) moveHost(state, job, index, event, order);
  }
}

/** @throws IllegalTransition when the table doesn't have the event. */
export function moveHost(
  state: ClusterState,
  job: JobRecord,
  index: number,
  event: HostEvent,
  order?: HostOrder,
): void {
  const host = job.hosts[index];
  if (host === undefined) throw new Error(`job ${job.job} has no host ${index}`);
  const from = host.state;
  const to = nextHostState(from, event);
  if (to === undefined) throw new IllegalTransition('host', from, event);
  changeHost(state, job, index, (record) => (record.state = to));
  job.counts[from]--;
  job.counts[to]++;
  if (order !== undefined) {
    host.worker = order.worker;
    host.index = order.index;
  }
  const ordered = Number(isOrdered(to)) - Number(isOrdered(from));
  if (ordered !== 0 && host.worker !== undefined) {
    add(job.assignedTo, host.worker, ordered);
    add(state.assignedTo, host.worker, ordered);
  }
  if (to === 'permitted') job.returned.push(groupOf(job, index).pool, index);
  if (event === 'refuse') {
    host.worker = undefined;
    host.index = -1;
    // Never the same order twice: the refused attempt stays refused, the next order is another attempt (A3).
    if (to === 'permitted' && job.halt === undefined) host.attempt++;
  }
  if (from === 'unknown') {
    host.settled = true;
    host.released = false;
    forgetAsking(job, index);
    job.resolutions.delete(index);
  }
}

/** No answer of this host is waited for any more; gives what is known of having asked. */
export function forgetAsking(job: JobRecord, index: number): Resolution | undefined {
  const resolution = job.resolutions.get(index);
  if (resolution?.asking === true) {
    resolution.asking = false;
    job.asking--;
  }
  return resolution;
}

function add(sums: Map<string, number>, key: string, difference: number): void {
  const sum = (sums.get(key) ?? 0) + difference;
  if (sum === 0) sums.delete(key);
  else sums.set(key, sum);
}
