/**
 * The dispatcher's state: nothing but the fold of the log (L1). Records change only in fold.ts; everyone else reads.
 *
 * Invariants:
 * 1. `counts` and `assignedTo` are sums over `hosts`, kept up to date by each transition, so that a decision never
 *    walks a job's hosts.
 * 2. `waiting` and `returned` hold every host that is `waiting`, respectively `permitted`; they may hold others too,
 *    which readers pass over.
 */
import type { HaltCause, JobAccepted } from './entries.js';
import type { IndexQueue } from './index-queue.js';
import type { Outcome } from './outcome.js';
import { type HostState, hostStates, isEnded, type JobState } from './states.js';

export interface HostRecord {
  state: HostState;
  /** Counts from 1. */
  attempt: number;
  /** The worker that the log names for the current attempt (A1). */
  worker: string | undefined;
  /** How the current attempt ended. */
  outcome: Outcome | undefined;
  /** An `unknown` that evidence has replaced: it can't be replaced again (E2). */
  settled: boolean;
}

export interface JobRecord {
  readonly job: number;
  readonly accepted: JobAccepted;
  /** Log index of the entry that accepted it: its history starts there. */
  readonly acceptedIndex: number;
  readonly acceptedAtMs: number;
  state: JobState;
  readonly hosts: HostRecord[];
  readonly counts: Record<HostState, number>;
  /** Unfinished ordered attempts of this job by worker; absent means none. */
  readonly assignedTo: Map<string, number>;
  /** Hosts that wait for a first permit, in order. */
  readonly waiting: IndexQueue;
  /** Hosts that hold a permit but no worker, in order. */
  readonly returned: IndexQueue;
  halt: { by: string; cause: HaltCause; kill: boolean } | undefined;
  /** Some host has accepted the job's credentials: its command began. */
  proven: boolean;
  /** Milliseconds of the job's timeout that were used up before the last pause. */
  usedMs: number;
  /** Log time since which the job's clock runs; undefined while it waits for credentials (S10). */
  clockSinceMs: number | undefined;
  endedAtMs: number | undefined;
  /** Log index of the last entry about this job. */
  lastIndex: number;
}

export interface ClusterState {
  readonly jobs: Map<number, JobRecord>;
  /** Jobs that are not ended, in order of acceptance. */
  readonly open: Set<number>;
  readonly jobByIdempotencyKey: Map<string, number>;
  /** Unfinished ordered attempts by worker, over all jobs. */
  readonly assignedTo: Map<string, number>;
  nextJob: number;
  /** Log time of the last batch in milliseconds (T1). */
  atMs: number;
  /** Index of the last `leadership-taken` (L4); -1 before the first. */
  term: number;
  /** Index of the next batch. */
  nextIndex: number;
}

export function createState(): ClusterState {
  return {
    jobs: new Map(),
    open: new Set(),
    jobByIdempotencyKey: new Map(),
    assignedTo: new Map(),
    nextJob: 1,
    atMs: 0,
    term: -1,
    nextIndex: 0,
  };
}

export function emptyCounts(): Record<HostState, number> {
  return Object.fromEntries(hostStates.map((state) => [state, 0])) as Record<HostState, number>;
}

/** Hosts whose current attempt was ordered from a worker and isn't over. */
export function orderedCount(job: JobRecord): number {
  return job.counts.assigned + job.counts.connecting + job.counts.running;
}

/** Hosts that hold a permit of the job's own cap: ordered ones, those about to be, and those nobody knows about (E1). */
export function disturbedCount(job: JobRecord): number {
  return orderedCount(job) + job.counts.permitted + job.counts.unknown;
}

/** Hosts that ended otherwise than by success; those halted or skipped never began and don't count. */
export function failureCount(job: JobRecord): number {
  const { failed, unreachable, killed, unknown, denied } = job.counts;
  return (
    failed + unreachable + killed + unknown + denied + job.counts['auth-failed'] + job.counts['timed-out']
  );
}

/** Hosts that can still change without anyone asking. */
export function unfinishedCount(job: JobRecord): number {
  return job.counts.waiting + job.counts.permitted + orderedCount(job);
}

/** Log time at which the job's timeout is reached; undefined while its clock stands (S10). */
export function deadlineMs(job: JobRecord): number | undefined {
  if (job.clockSinceMs === undefined || isEnded(job.state)) return undefined;
  return job.clockSinceMs + job.accepted.limits.jobTimeoutMs - job.usedMs;
}
