/**
 * The planner: what may happen next, decided from the state alone (S1-S10, S12).
 *
 * 1. Pure and deterministic: same state, same input, same decisions in the same order.
 * 2. It changes nothing: its decisions are entries, to be appended first and folded like any others.
 * 3. Its cost grows with the decisions, with the open jobs and with their groups of hosts that can go on now; never with
 *    the hosts of a job, nor with what is held up.
 * 4. A permit is given only together with a worker that takes the host now: nobody hoards permits.
 * 5. A host of a pool goes only to a worker of that pool. Where none has room, hosts of other pools go on.
 * 6. A worker that is being drained gets nothing further; what it has goes on.
 */
import {
  type ClusterState,
  deadlineMs,
  failureCount,
  type JobRecord,
  orderedCount,
  unfinishedCount,
} from './cluster-state.js';
import type { LogEntry } from './entries.js';
import { isDeadlocked } from './constraints/deadlock.js';
import { deadlockCauses } from './constraints/deadlock-causes.js';
import {
  type ChooseWorker,
  ReturnedInOrder,
  Room,
  type TakenHost,
  WaitingHosts,
} from './constraints/room.js';
import { toHostSet } from './host-set.js';
import { isBetweenSteps, isStepOver, nextStep, nextStepMs, rampRoom, stepFailures } from './ramp.js';
import type { EndedJobState } from './states.js';

/** A worker that can take orders now. */
export interface WorkerCapacity {
  name: string;
  /** Attempts that it takes at once, over all jobs; what the log assigns to it counts against this. */
  capacity: number;
  /** Key ids that it can open: eligible for a job whose recipients name one of them (V3). */
  keyIds: readonly string[];
  /** Pools that it belongs to; absent means none. Hosts without a pool go to any worker. */
  pools?: readonly string[];
  /** Jobs that it gets nothing of for now, having refused hosts of theirs; absent means none. */
  declined?: ReadonlySet<number>;
}

export interface PlanInput {
  /** Log time in milliseconds (T1). */
  nowMs: number;
  workers: readonly WorkerCapacity[];
  /** Jobs that may start nothing just now, for a reason outside of the log: their credentials are being fetched (V2). */
  paused?: ReadonlySet<number>;
}

/** The decisions that are due, in the order in which they are to be appended. Empty when nothing can change now. */
export function plan(state: ClusterState, input: PlanInput): LogEntry[] {
  const entries: LogEntry[] = [];
  const startable: Startable[] = [];
  const halted = new Set<number>();
  const isFrozen = state.constraints.frozen.all !== undefined;
  for (const number of state.open) {
    const job = state.jobs.get(number)!;
    const halt = haltDue(job, input.nowMs);
    if (halt) entries.push(halt);
    if (job.halt !== undefined || halt !== undefined) {
      halted.add(number);
      stopWaiting(job, entries);
      continue;
    }
    if (isStepOver(job)) {
      entries.push({ type: 'ramp-paused', job: number, step: job.ramp!.step, failed: stepFailures(job) });
    }
    if (!mayStart(job)) continue;
    const due = nextStepMs(job);
    const isDue = due !== undefined && input.nowMs >= due;
    if (isDue) entries.push({ type: 'ramp-advanced', job: number, step: job.ramp!.step });
    if (isFrozen || input.paused?.has(number) === true || (isBetweenSteps(job) && !isDue)) continue;
    startable.push({ job, first: rampRoom(job, isDue ? nextStep(job) : job.ramp) });
  }
  assign(state, startable, input.workers, entries);
  let mayDeadlock = true;
  for (const number of state.open) {
    const job = state.jobs.get(number)!;
    // A halt also ends the looking after `unknown` hosts; what was ordered is waited for (A3).
    const left = halted.has(number) ? orderedCount(job) : unfinishedCount(job);
    if (left === 0) {
      entries.push({ type: 'job-ended', job: number, state: endState(job, halted.has(number)) });
    } else if (mayDeadlock && !halted.has(number) && isDeadlocked(state, job)) {
      stopWaiting(job, entries);
      const deadlock = deadlockCauses(state, job);
      entries.push({ type: 'job-ended', job: number, state: 'deadlocked', deadlock });
      // Where its end frees what it held, others that it held up can go on.
      mayDeadlock = state.constraints.namespace?.definition.holdFailures !== 'until-job-ends';
    }
  }
  return entries;
}

interface Startable {
  job: JobRecord;
  /** How many of its hosts may be started that never were (S9). */
  first: number;
}

/** One that is held, or waits for credentials, starts nothing. */
function mayStart(job: JobRecord): boolean {
  return job.state === 'accepted' || job.state === 'running';
}

/** Log time of the next deadline of any job; undefined when there is none (T2). */
export function nextDeadlineMs(state: ClusterState): number | undefined {
  let next: number | undefined;
  for (const number of state.open) {
    const job = state.jobs.get(number)!;
    if (job.halt?.cause === 'job-timeout') continue;
    const stepMs = mayStart(job) && job.halt === undefined ? nextStepMs(job) : undefined;
    for (const due of [deadlineMs(job), stepMs]) {
      if (due !== undefined && (next === undefined || due < next)) next = due;
    }
  }
  return next;
}

function haltDue(job: JobRecord, nowMs: number): LogEntry | undefined {
  const due = deadlineMs(job);
  if (due !== undefined && nowMs >= due && job.halt?.cause !== 'job-timeout') {
    return { type: 'halt-requested', job: job.job, by: 'planner', cause: 'job-timeout', kill: true };
  }
  const { maxFailures } = job.limits;
  // A budget that is spent when nothing is left to start has nothing to stop.
  const startable = job.counts.waiting + job.counts.permitted;
  const failures = failureCount(job) - job.excusedFailures;
  if (job.halt === undefined && maxFailures !== null && failures >= maxFailures && startable > 0) {
    return { type: 'halt-requested', job: job.job, by: 'planner', cause: 'failure-budget', kill: false };
  }
  return undefined;
}

/** Hosts without an order become `halted`; ordered ones wait for their worker's word (A3). */
function stopWaiting(job: JobRecord, entries: LogEntry[]): void {
  if (job.counts.waiting + job.counts.permitted === 0) return;
  const never: number[] = [];
  job.hosts.forEach(({ state }, index) => {
    if (state === 'waiting' || state === 'permitted') never.push(index);
  });
  entries.push({ type: 'hosts-halted', job: job.job, hosts: toHostSet(never) });
}

/** To have looked after `unknown` hosts changes how a job has ended only when they all turn out well. */
function endState(job: JobRecord, halted: boolean): EndedJobState {
  if (job.counts.succeeded === job.hosts.length) return 'succeeded';
  if (job.looking !== undefined) return job.looking.from;
  return halted ? 'halted' : 'failed';
}

interface Progress {
  job: JobRecord;
  /** Hosts of the job that a worker holds, those decided here included. */
  ordered: number;
  /** Permits that its own cap has left. */
  permits: number;
  /** Of these, how many hosts may have one for the first time (S9). */
  first: number;
  waiting: WaitingHosts;
  returned: ReturnedInOrder;
  /** No host has accepted its password yet. */
  needsProof: boolean;
  /** Workers that can open its credentials, by the pool whose hosts they reach; those pools that were asked for. */
  eligible: Map<string | undefined, readonly WorkerCapacity[]>;
  permitted: number[];
  byWorker: Map<string, number[]>;
}

function assign(
  state: ClusterState,
  jobs: readonly Startable[],
  workers: readonly WorkerCapacity[],
  entries: LogEntry[],
): void {
  const free = new Map<string, number>();
  for (const worker of workers) {
    if (state.drained.has(worker.name)) continue;
    const left = worker.capacity - (state.assignedTo.get(worker.name) ?? 0);
    if (left > 0) free.set(worker.name, left);
  }
  const room = new Room(state);
  const active = jobs
    .filter(({ job }) => job.counts.permitted > 0 || !job.ready.isEmpty)
    .map((startable) => progressOf(startable, room));
  const candidates = new Set(active);
  while (free.size > 0 && candidates.size > 0) {
    // S12: the job with the fewest hosts in hand goes next, so that a huge job can't starve a small one.
    let next: Progress | undefined;
    for (const progress of candidates)
      if (next === undefined || progress.ordered < next.ordered) next = progress;
    if (!assignOne(next!, workers, free)) candidates.delete(next!);
  }
  // Those that no limit holds back come last: what the others were given room for is valid entry by entry.
  const isLifted = ({ job }: Progress) => Number(job.accepted.unconstrained === true);
  for (const { job, permitted, byWorker } of active.sort((one, other) => isLifted(one) - isLifted(other))) {
    if (permitted.length > 0)
      entries.push({ type: 'hosts-permitted', job: job.job, hosts: toHostSet(permitted) });
    for (const [worker, hosts] of byWorker) {
      entries.push({ type: 'hosts-assigned', job: job.job, hosts: toHostSet(hosts), worker });
    }
  }
}

function progressOf({ job, first }: Startable, room: Room): Progress {
  const { concurrent } = job.limits;
  return {
    job,
    ordered: orderedCount(job),
    permits: concurrent === null ? Infinity : concurrent - job.disturbed,
    first,
    waiting: new WaitingHosts(job, room),
    returned: new ReturnedInOrder(job),
    needsProof: job.accepted.provesPassword && !job.proven,
    eligible: new Map(),
    permitted: [],
    byWorker: new Map(),
  };
}

/** Takes the job's next host that may start and that a worker can have. */
function assignOne(
  progress: Progress,
  workers: readonly WorkerCapacity[],
  free: Map<string, number>,
): boolean {
  const workerOf = (pool: string | undefined) => chooseWorker(progress, pool, workers, free);
  let taken = progress.returned.take(workerOf);
  if (taken === undefined) {
    // S5: the job's own cap.
    if (progress.permits <= 0) return false;
    taken = takeWaiting(progress, workerOf);
    if (taken === undefined) return false;
    progress.permitted.push(taken.index);
    progress.permits--;
  }
  const { index, worker } = taken;
  const hosts = progress.byWorker.get(worker);
  if (hosts) hosts.push(index);
  else progress.byWorker.set(worker, [index]);
  progress.ordered++;
  const left = free.get(worker)! - 1;
  if (left === 0) free.delete(worker);
  else free.set(worker, left);
  return true;
}

/** S9: once the step has no room for another host, only those that it has started before. */
function takeWaiting(progress: Progress, workerOf: ChooseWorker): TakenHost | undefined {
  const { job, waiting, first } = progress;
  if (job.ramp === undefined) return waiting.take(workerOf);
  const taken = first > 0 ? waiting.take(workerOf) : waiting.takeAmong(job.ramp.again, workerOf);
  if (taken !== undefined && !job.ramp.started.has(taken.index)) progress.first--;
  return taken;
}

function chooseWorker(
  progress: Progress,
  pool: string | undefined,
  workers: readonly WorkerCapacity[],
  free: ReadonlyMap<string, number>,
): string | undefined {
  const { job, eligible } = progress;
  let among = eligible.get(pool);
  if (among === undefined) eligible.set(pool, (among = eligibleWorkers(job, pool, workers)));
  const only = progress.needsProof ? proverOf(progress) : undefined;
  let best: string | undefined;
  let bestFree = 0;
  for (const { name } of among) {
    const left = free.get(name) ?? 0;
    if (left <= bestFree || (only !== undefined && name !== only)) continue;
    best = name;
    bestFree = left;
  }
  return best;
}

function eligibleWorkers(
  { job, recipients }: JobRecord,
  pool: string | undefined,
  workers: readonly WorkerCapacity[],
): WorkerCapacity[] {
  return workers.filter(
    ({ pools, keyIds, declined }) =>
      (pool === undefined || pools?.includes(pool) === true) &&
      declined?.has(job) !== true &&
      keyIds.some((kid) => recipients.includes(kid)),
  );
}

/** While no host has accepted the password, all hosts go to the worker that has some already (security.md). */
function proverOf(progress: Progress): string | undefined {
  for (const worker of progress.byWorker.keys()) return worker;
  for (const worker of progress.job.assignedTo.keys()) return worker;
  return undefined;
}
