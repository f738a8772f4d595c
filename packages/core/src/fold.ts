/**
 * The fold of the log (L1): the only place where state changes. Recovery, followers, replay and the simulator use it.
 *
 * 1. Deterministic: same batches, same state. It reads no clock; time is the batch's log time (T1).
 * 2. It trusts the log: an entry that the tables don't allow is a bug of who appended it, and throws.
 * 3. It owns the state that it is given and changes it in place; a batch is folded whole.
 */
import { type ClusterState, emptyCounts, type HostRecord, type JobRecord } from './cluster-state.js';
import type { FoldedBatch, JobAccepted, LogEntry } from './entries.js';
import { type HostSet, hostIndexes } from './host-set.js';
import { IndexQueue } from './index-queue.js';
import type { Outcome } from './outcome.js';
import {
  type HostEvent,
  type HostState,
  IllegalTransition,
  type JobEvent,
  nextHostState,
  nextJobState,
} from './states.js';

export function applyBatch(state: ClusterState, batch: FoldedBatch): void {
  if (batch.index !== state.nextIndex) {
    throw new Error(`fold expects batch ${state.nextIndex}, got ${batch.index}`);
  }
  state.atMs = Math.max(state.atMs, batch.atMs);
  for (const entry of batch.entries) applyEntry(state, entry, batch.index);
  state.nextIndex = batch.index + 1;
}

/** Folds one entry of the batch at `index`; for a leader, which folds what it decides while it decides (see plan.ts). */
export function applyEntry(state: ClusterState, entry: LogEntry, index: number): void {
  if (entry.type === 'leadership-taken') {
    state.term = index;
    return;
  }
  if (entry.type === 'job-accepted') {
    acceptJob(state, entry, index);
    return;
  }
  const job = state.jobs.get(entry.job);
  if (job === undefined) throw new Error(`entry ${entry.type} names job ${entry.job}, which does not exist`);
  job.lastIndex = index;
  switch (entry.type) {
    case 'hosts-permitted':
      runJob(job, state.atMs);
      moveAll(state, job, entry.hosts, 'permit');
      break;
    case 'hosts-assigned':
      moveAll(state, job, entry.hosts, 'assign', entry.worker);
      break;
    case 'hosts-begun':
      moveAll(state, job, entry.hosts, 'begin');
      break;
    case 'hosts-started':
      moveAll(state, job, entry.hosts, 'start');
      job.proven = true;
      break;
    case 'host-finished':
      finishHost(state, job, entry.host, entry.attempt, entry.outcome);
      break;
    case 'hosts-refused':
      moveAll(state, job, entry.hosts, 'refuse');
      break;
    case 'hosts-halted':
      moveAll(state, job, entry.hosts, 'halt');
      break;
    case 'halt-requested':
      job.halt = { by: entry.by, cause: entry.cause, kill: entry.kill || (job.halt?.kill ?? false) };
      break;
    case 'credentials-lost':
      moveJob(job, 'lose-credentials');
      if (job.clockSinceMs !== undefined) job.usedMs += state.atMs - job.clockSinceMs;
      job.clockSinceMs = undefined;
      break;
    case 'job-ended':
      moveJob(job, `end-${entry.state}`);
      job.endedAtMs = state.atMs;
      job.clockSinceMs = undefined;
      state.open.delete(job.job);
      break;
    case 'job-archived':
      state.jobs.delete(job.job);
      state.jobByIdempotencyKey.delete(job.accepted.idempotencyKey);
      break;
  }
  job.waiting.trim((host) => job.hosts[host]!.state !== 'waiting');
  job.returned.trim((host) => job.hosts[host]!.state !== 'permitted');
}

function acceptJob(state: ClusterState, accepted: JobAccepted, index: number): void {
  const counts = emptyCounts();
  counts.waiting = accepted.hosts;
  const waiting = new IndexQueue();
  const hosts: HostRecord[] = [];
  for (let host = 0; host < accepted.hosts; host++) {
    hosts.push({ state: 'waiting', attempt: 1, worker: undefined, outcome: undefined, settled: false });
    waiting.push(host);
  }
  state.jobs.set(accepted.job, {
    job: accepted.job,
    accepted,
    acceptedIndex: index,
    acceptedAtMs: state.atMs,
    state: 'accepted',
    hosts,
    counts,
    assignedTo: new Map(),
    waiting,
    returned: new IndexQueue(),
    halt: undefined,
    proven: false,
    usedMs: 0,
    clockSinceMs: state.atMs,
    endedAtMs: undefined,
    lastIndex: index,
  });
  state.open.add(accepted.job);
  state.jobByIdempotencyKey.set(accepted.idempotencyKey, accepted.job);
  state.nextJob = Math.max(state.nextJob, accepted.job + 1);
}

function runJob(job: JobRecord, atMs: number): void {
  if (job.state !== 'accepted') return;
  moveJob(job, 'run');
  job.clockSinceMs ??= atMs;
}

function moveJob(job: JobRecord, event: JobEvent): void {
  const next = nextJobState(job.state, event);
  if (next === undefined) throw new IllegalTransition('job', job.state, event);
  job.state = next;
}

function moveAll(
  state: ClusterState,
  job: JobRecord,
  hosts: HostSet,
  event: HostEvent,
  worker?: string,
): void {
  for (const index of hostIndexes(hosts)) moveHost(state, job, index, event, worker);
}

function moveHost(
  state: ClusterState,
  job: JobRecord,
  index: number,
  event: HostEvent,
  worker?: string,
): HostRecord {
  const host = job.hosts[index];
  if (host === undefined) throw new Error(`job ${job.job} has no host ${index}`);
  const from = host.state;
  const to = nextHostState(from, event);
  if (to === undefined) throw new IllegalTransition('host', from, event);
  host.state = to;
  job.counts[from]--;
  job.counts[to]++;
  if (event === 'assign') {
    host.worker = worker;
  }
  const ordered = Number(isOrdered(to)) - Number(isOrdered(from));
  if (ordered !== 0 && host.worker !== undefined) {
    add(job.assignedTo, host.worker, ordered);
    add(state.assignedTo, host.worker, ordered);
  }
  if (to === 'permitted') {
    job.returned.push(index);
  }
  if (event === 'refuse') {
    host.worker = undefined;
    // Never the same order twice: the refused attempt stays refused, the next order is another attempt (A3).
    if (to === 'permitted' && job.halt === undefined) host.attempt++;
  }
  if (from === 'unknown' && event !== 'retry') host.settled = true;
  return host;
}

/** Outcomes that prove that the command began, and so that the host accepted the credentials. */
const begunOutcomes: readonly Outcome['state'][] = ['succeeded', 'failed', 'timed-out'];

function finishHost(
  state: ClusterState,
  job: JobRecord,
  index: number,
  attempt: number,
  outcome: Outcome,
): void {
  const host = job.hosts[index];
  if (host?.attempt !== attempt) throw new Error(`job ${job.job} host ${index}: not at attempt ${attempt}`);
  moveHost(state, job, index, `finish-${outcome.state}`);
  host.outcome = outcome;
  if (begunOutcomes.includes(outcome.state)) job.proven = true;
}

function isOrdered(state: HostState): boolean {
  return state === 'assigned' || state === 'connecting' || state === 'running';
}

function add(sums: Map<string, number>, key: string, difference: number): void {
  const sum = (sums.get(key) ?? 0) + difference;
  if (sum === 0) sums.delete(key);
  else sums.set(key, sum);
}
