/** How one host of a job changes, with the sums that its job and the state keep over hosts (cluster-state.ts, 1). */
import {
  type ClusterState,
  type HostRecord,
  isOrdered,
  type JobRecord,
  type Resolution,
} from './cluster-state.js';
import { changeHost, groupOf } from './constraints/change-host.js';
import type { HostSet } from './host-set.js';
import { type HostEvent, type HostState, IllegalTransition, nextHostState } from './states.js';

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
  let move: Move | undefined;
  const moveNext = (index: number) => {
    const { state: from } = hostOf(job, index);
    if (move?.from !== from) {
      if (move !== undefined) sumUp(state, job, move);
      move = moveFrom(from, event, order);
    }
    makeMove(state, job, index, move);
  };
  for (const item of hosts) {
    if (typeof item === 'number') moveNext(item);
    else for (let index = item[0]; index <= item[1]; index++) moveNext(index);
  }
  if (move !== undefined) sumUp(state, job, move);
}

/** @throws IllegalTransition when the table doesn't have the event. */
export function moveHost(state: ClusterState, job: JobRecord, index: number, event: HostEvent): void {
  const move = moveFrom(hostOf(job, index).state, event);
  makeMove(state, job, index, move);
  sumUp(state, job, move);
}

/** What one event does to any number of hosts that are in the same state. */
interface Move {
  readonly event: HostEvent;
  readonly from: HostState;
  readonly to: HostState;
  /** By how much each of them changes how many are ordered. */
  readonly ordered: number;
  readonly order: HostOrder | undefined;
  /** Hosts that were moved. */
  hosts: number;
}

function moveFrom(from: HostState, event: HostEvent, order?: HostOrder): Move {
  const to = nextHostState(from, event);
  if (to === undefined) throw new IllegalTransition('host', from, event);
  return { event, from, to, ordered: Number(isOrdered(to)) - Number(isOrdered(from)), order, hosts: 0 };
}

function makeMove(state: ClusterState, job: JobRecord, index: number, move: Move): void {
  const host = job.hosts[index]!;
  const { event, from, to, ordered, order } = move;
  changeHost(state, job, index, (record) => (record.state = to));
  move.hosts++;
  if (order !== undefined) {
    host.worker = order.worker;
    host.index = order.index;
  } else if (ordered !== 0 && host.worker !== undefined) addOrdered(state, job, host.worker, ordered);
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

/** The sums over hosts that are the same for each that was moved. */
function sumUp(state: ClusterState, job: JobRecord, { from, to, ordered, order, hosts }: Move): void {
  job.counts[from] -= hosts;
  job.counts[to] += hosts;
  if (order !== undefined && ordered !== 0) addOrdered(state, job, order.worker, ordered * hosts);
}

function addOrdered(state: ClusterState, job: JobRecord, worker: string, difference: number): void {
  add(job.assignedTo, worker, difference);
  add(state.assignedTo, worker, difference);
}

function hostOf(job: JobRecord, index: number): HostRecord {
  const host = job.hosts[index];
  if (host === undefined) throw new Error(`job ${job.job} has no host ${index}`);
  return host;
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
