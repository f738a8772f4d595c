/**
 * The fold of the log (L1): the only place where state changes. Recovery, followers, replay and the simulator use it.
 *
 * 1. Deterministic: same batches, same state. It reads no clock; time is the batch's log time (T1).
 * 2. It trusts the log: an entry that the tables don't allow is a bug of who appended it, and throws.
 * 3. It owns the state that it is given and changes it in place; a batch is folded whole.
 */
import { type ClusterState, emptyCounts, failureCount, type JobRecord, newHost } from './cluster-state.js';
import type { FoldedBatch, JobAccepted, JobLimits, LogEntry } from './entries.js';
import { applyNamespace } from './constraints/apply-namespace.js';
import { changeHost, fillQueues, settleGroups } from './constraints/change-host.js';
import { freeze, thaw } from './constraints/freeze.js';
import { releaseHost } from './constraints/hold.js';
import { placeJob, unplaceJob } from './constraints/placement.js';
import { ReadyGroups } from './constraints/ready-groups.js';
import { ReturnedHosts } from './constraints/returned-hosts.js';
import { forgetAsking, moveHost, moveHosts } from './fold-host.js';
import { confirmUnknown, finishHost, settleEarlier } from './fold-outcome.js';
import { hostIndexes } from './host-set.js';
import { membersOf } from './namespace/members-of.js';
import { beginRamp, confirmedStep, nextStep, startedHosts } from './ramp.js';
import { IllegalTransition, isEnded, type JobEvent, nextJobState } from './states.js';

export function applyBatch(state: ClusterState, batch: FoldedBatch): void {
  if (batch.index !== state.nextIndex) {
    throw new Error(`fold expects batch ${state.nextIndex}, got ${batch.index}`);
  }
  state.atMs = Math.max(state.atMs, batch.atMs);
  applyEntries(state, batch.entries, batch.index);
  state.nextIndex = batch.index + 1;
}

/** Folds entries of the batch at `index`; for a leader, which folds what it decides while it decides (see plan.ts). */
export function applyEntries(state: ClusterState, entries: readonly LogEntry[], index: number): void {
  for (const entry of entries) applyEntry(state, entry, index);
  settleGroups(state);
}

function applyEntry(state: ClusterState, entry: LogEntry, index: number): void {
  if (entry.type === 'leadership-taken') {
    state.term = index;
    state.leader = entry.dispatcher;
    return;
  }
  if (entry.type === 'worker-joined') {
    state.workers.set(entry.worker, { journal: entry.journal, joinedIndex: index });
    return;
  }
  if (entry.type === 'worker-drained') {
    const { worker, by, note } = entry;
    state.drained.set(worker, { by, atMs: state.atMs, ...(note !== undefined && { note }) });
    return;
  }
  if (entry.type === 'drain-lifted') {
    state.drained.delete(entry.worker);
    return;
  }
  if (entry.type === 'namespace-applied') {
    const { version, ref, by } = entry;
    applyNamespace(state, { version, ref, by, index, namespace: state.documents.namespace(ref) });
    return;
  }
  if (entry.type === 'frozen') {
    const { slot, by, note } = entry;
    freeze(state, slot, { by, atMs: state.atMs, ...(note !== undefined && { note }) });
    return;
  }
  if (entry.type === 'thawed') {
    thaw(state, entry.slot);
    return;
  }
  if (entry.type === 'job-accepted') {
    acceptJob(state, entry, index);
    return;
  }
  const job = state.jobs.get(entry.job);
  if (job === undefined) throw new Error(`entry ${entry.type} names job ${entry.job}, which does not exist`);
  job.lastIndex = index;
  applyJobEntry(state, job, entry, index);
  setClock(job, state.atMs);
  job.returned.trim((host) => job.hosts[host]!.state !== 'permitted');
}

type JobEntry = Exclude<
  LogEntry,
  {
    type:
      | 'leadership-taken'
      | 'worker-joined'
      | 'worker-drained'
      | 'drain-lifted'
      | 'namespace-applied'
      | 'frozen'
      | 'thawed'
      | 'job-accepted';
  }
>;

function applyJobEntry(state: ClusterState, job: JobRecord, entry: JobEntry, index: number): void {
  switch (entry.type) {
    case 'hosts-permitted':
      if (job.state === 'accepted') moveJob(job, 'run');
      moveHosts(state, job, entry.hosts, 'permit');
      if (job.ramp === undefined) return;
      for (const host of hostIndexes(entry.hosts)) {
        job.ramp.started.add(host);
        job.ramp.again.delete(host);
      }
      return;
    case 'hosts-assigned':
      job.everAssignedTo.add(entry.worker);
      moveHosts(state, job, entry.hosts, 'assign', { worker: entry.worker, index });
      return;
    case 'hosts-begun':
      moveHosts(state, job, entry.hosts, 'begin');
      return;
    case 'hosts-started':
      moveHosts(state, job, entry.hosts, 'start');
      job.proven = true;
      return;
    case 'host-finished':
      finishHost(state, job, entry.host, entry.attempt, entry.outcome);
      return;
    case 'hosts-refused':
      moveHosts(state, job, entry.hosts, 'refuse');
      return;
    case 'unknown-confirmed':
      confirmUnknown(job, entry.host, entry.attempt, entry.outcome);
      return;
    case 'earlier-settled':
      settleEarlier(state, job, entry);
      return;
    case 'hosts-halted':
      moveHosts(state, job, entry.hosts, 'halt');
      return;
    case 'hosts-skipped':
      moveHosts(state, job, entry.hosts, 'skip');
      if (job.ramp === undefined) return;
      for (const host of hostIndexes(entry.hosts)) job.ramp.again.delete(host);
      return;
    case 'hosts-retried':
      retryHosts(state, job, entry);
      return;
    case 'hosts-released':
      for (const host of hostIndexes(entry.hosts)) {
        changeHost(state, job, host, (record) => {
          record.released = record.state === 'unknown';
          record.earlier = undefined;
        });
        releaseHost(state, job, host);
      }
      return;
    case 'hosts-resolving':
      for (const host of hostIndexes(entry.hosts)) ask(job, host, entry.worker);
      return;
    case 'hosts-unsettled':
      for (const host of hostIndexes(entry.hosts)) {
        const resolution = forgetAsking(job, host);
        if (resolution !== undefined) resolution.detail = entry.detail;
      }
      return;
    case 'job-held':
      job.hold = { by: entry.by };
      if (job.state !== 'needs-credentials') moveJob(job, 'hold');
      return;
    case 'hold-lifted':
      job.hold = undefined;
      if (job.state === 'held') moveJob(job, 'run');
      return;
    case 'limits-altered':
      alterLimits(job, entry.limits);
      return;
    case 'ramp-paused':
      if (job.ramp?.step !== entry.step) throw new Error(`job ${job.job} is not at step ${entry.step}`);
      job.ramp.pause = { sinceMs: state.atMs, failed: entry.failed };
      return;
    case 'ramp-advanced':
    case 'ramp-confirmed':
      if (job.ramp?.step !== entry.step) throw new Error(`job ${job.job} is not at step ${entry.step}`);
      job.ramp = entry.type === 'ramp-confirmed' ? confirmedStep(job) : nextStep(job);
      return;
    case 'halt-requested':
      job.halt = { by: entry.by, cause: entry.cause, kill: entry.kill || (job.halt?.kill ?? false) };
      return;
    case 'credentials-lost':
      moveJob(job, 'lose-credentials');
      return;
    case 'credentials-renewed':
      renewCredentials(job, entry.recipients, state.atMs);
      return;
    case 'job-reopened':
      reopenJob(state, job, entry.cause);
      return;
    case 'job-ended':
      endJob(state, job, `end-${entry.state}`);
      // Looking after its hosts doesn't change why it had ended.
      if (entry.deadlock !== undefined) job.deadlock = entry.deadlock;
      return;
    case 'job-archived':
      letGoOfAll(state, job);
      state.jobs.delete(job.job);
      state.jobByIdempotencyKey.delete(job.accepted.idempotencyKey);
      return;
  }
}

function acceptJob(state: ClusterState, accepted: JobAccepted, index: number): void {
  const counts = emptyCounts();
  counts.waiting = accepted.hosts;
  const job: JobRecord = {
    job: accepted.job,
    accepted,
    goesOnAfterFailure: accepted.onPredecessorFailure === 'continue',
    acceptedIndex: index,
    acceptedAtMs: state.atMs,
    state: 'accepted',
    limits: accepted.limits,
    hold: undefined,
    ramp: beginRamp(accepted.limits, new Set()),
    recipients: accepted.recipients,
    credentialsAtMs: state.atMs,
    hosts: Array.from({ length: accepted.hosts }, newHost),
    counts,
    disturbed: 0,
    resolutions: new Map(),
    asking: 0,
    assignedTo: new Map(),
    everAssignedTo: new Set(),
    held: new Set(),
    groups: [],
    ready: new ReadyGroups(),
    placement: undefined,
    returned: new ReturnedHosts(),
    halt: undefined,
    proven: false,
    usedMs: 0,
    clockSinceMs: state.atMs,
    endedAtMs: undefined,
    deadlock: undefined,
    looking: undefined,
    excusedFailures: 0,
    lastIndex: index,
  };
  state.jobs.set(accepted.job, job);
  state.open.add(accepted.job);
  state.jobByIdempotencyKey.set(accepted.idempotencyKey, accepted.job);
  state.nextJob = Math.max(state.nextJob, accepted.job + 1);
  place(state, job);
}

function place(state: ClusterState, job: JobRecord): void {
  const { namespace } = state.constraints;
  const hosts = namespace === undefined ? undefined : state.documents.hostsOf(job.accepted.specRef);
  const members = hosts === undefined ? job.placement?.members : membersOf(namespace!, hosts);
  placeJob(state, job, members);
  fillQueues(state, job);
}

function moveJob(job: JobRecord, event: JobEvent): void {
  const next = nextJobState(job.state, event);
  if (next === undefined) throw new IllegalTransition('job', job.state, event);
  job.state = next;
}

/** S10: it stands still while the job is held, needs credentials, or is between two steps of its ramp. */
function setClock(job: JobRecord, atMs: number): void {
  if (isEnded(job.state)) return;
  const runs =
    (job.state === 'accepted' || job.state === 'running') &&
    (job.ramp?.pause === undefined || job.halt !== undefined);
  if (runs) {
    job.clockSinceMs ??= atMs;
    return;
  }
  if (job.clockSinceMs !== undefined) job.usedMs += atMs - job.clockSinceMs;
  job.clockSinceMs = undefined;
}

function alterLimits(job: JobRecord, limits: JobLimits): void {
  const { ramp, limits: before } = job;
  job.limits = limits;
  if (JSON.stringify(limits.ramp) === JSON.stringify(before.ramp)) return;
  const altered = beginRamp(limits, ramp?.started ?? startedHosts(job));
  for (const host of ramp?.again ?? []) altered?.again.add(host);
  job.ramp = altered && { ...altered, accepted: ramp?.accepted ?? altered.accepted };
}

function renewCredentials(job: JobRecord, recipients: readonly string[], atMs: number): void {
  job.recipients = recipients;
  job.credentialsAtMs = atMs;
  // Another password may be in them, which no host has accepted yet.
  job.proven = false;
  if (job.state !== 'needs-credentials') return;
  moveJob(job, 'get-credentials');
  if (job.hold !== undefined) moveJob(job, 'hold');
}

/** The whole timeout counts anew: what was used up before belongs to what has ended (S10). */
function reopenJob(state: ClusterState, job: JobRecord, cause: 'retry' | 'resolve'): void {
  if (!isEnded(job.state)) throw new IllegalTransition('job', job.state, 'reopen');
  job.looking = cause === 'resolve' ? { from: job.state, halt: job.halt } : undefined;
  if (cause === 'retry') job.deadlock = undefined;
  moveJob(job, 'reopen');
  job.halt = undefined;
  job.endedAtMs = undefined;
  job.usedMs = 0;
  job.clockSinceMs = state.atMs;
  job.ramp = beginRamp(job.limits, new Set());
  const open = [...state.open, job.job].sort((a, b) => a - b);
  state.open.clear();
  for (const number of open) state.open.add(number);
  place(state, job);
}

function endJob(state: ClusterState, job: JobRecord, event: JobEvent): void {
  moveJob(job, event);
  job.endedAtMs = state.atMs;
  job.clockSinceMs = undefined;
  job.hold = undefined;
  job.ramp = undefined;
  for (const host of job.resolutions.keys()) forgetAsking(job, host);
  if (job.looking !== undefined && job.state === job.looking.from) job.halt = job.looking.halt;
  job.looking = undefined;
  state.open.delete(job.job);
  if (state.constraints.namespace?.definition.holdFailures === 'until-job-ends') {
    for (const host of [...job.held]) releaseHost(state, job, host);
  }
  unplaceJob(state, job);
}

function retryHosts(
  state: ClusterState,
  job: JobRecord,
  { hosts, keepsPermit, fence }: Extract<LogEntry, { type: 'hosts-retried' }>,
): void {
  for (const index of hostIndexes(hosts)) {
    const host = job.hosts[index]!;
    const { state: from, attempt, worker, index: order, released } = host;
    if (from === 'unknown' && !released && worker !== undefined) {
      changeHost(state, job, index, (record) => {
        record.earlier = [...(record.earlier ?? []), { attempt, worker, index: order }];
      });
    }
    moveHost(state, job, index, keepsPermit ? 'retry-permitted' : 'retry');
    host.attempt = attempt + 1;
    host.worker = undefined;
    host.index = -1;
    host.outcome = undefined;
    host.settled = false;
    host.released = false;
    // An order that never reached the host has fenced nothing off: the next one has to (E3).
    host.fence = fence || (host.fence && host.earlier !== undefined);
    retryInRamp(job, index, keepsPermit);
  }
  fillQueues(state, job);
  job.looking = undefined;
  job.excusedFailures = failureCount(job);
}

/** Nobody could free what is counted for a job that is forgotten. */
function letGoOfAll(state: ClusterState, job: JobRecord): void {
  for (const host of [...job.held]) releaseHost(state, job, host);
  if (job.disturbed === 0) return;
  for (const host of job.hosts.keys()) {
    changeHost(state, job, host, (record) => {
      record.released = record.state === 'unknown';
      record.earlier = undefined;
    });
  }
}

/** A host that was started already takes no other one's place in the step. */
function retryInRamp({ ramp }: JobRecord, index: number, isPermitted: boolean): void {
  if (ramp === undefined || !(isPermitted || ramp.started.has(index))) return;
  ramp.started.add(index);
  ramp.accepted.delete(index);
  if (!isPermitted) ramp.again.add(index);
  ramp.pause = undefined;
}

function ask(job: JobRecord, index: number, worker: string): void {
  const host = job.hosts[index];
  if (host?.state !== 'unknown') throw new Error(`job ${job.job} host ${index} is not unknown`);
  forgetAsking(job, index);
  job.resolutions.set(index, { worker, asking: true, detail: undefined });
  job.asking++;
}
