/**
 * The dispatcher's state: nothing but the fold of the log (L1). Records change only in fold.ts; everyone else reads.
 *
 * Invariants:
 * 1. `counts`, `disturbed`, `asking` and `assignedTo` are sums over `hosts`, kept up to date by each transition, so that
 *    a decision never walks a job's hosts.
 * 2. The queues of `groups` hold every host that is `waiting` and not busy with another job, and `returned` every one that
 *    is `permitted`; they may hold others too, which readers pass over.
 * 3. A host counts as disturbed from its permit until there is evidence that each of its attempts is over (E1).
 * 4. `ready` are the groups with hosts in their queues that neither a full or frozen slot nor an earlier stage keeps waiting.
 */
import { type ConstraintState, createConstraints } from './constraints/constraint-state.js';
import type { HostGroup } from './constraints/host-group.js';
import type { Placement } from './constraints/placement.js';
import type { ReadyGroups } from './constraints/ready-groups.js';
import type { ReturnedHosts } from './constraints/returned-hosts.js';
import type { DeadlockCause } from './deadlock-cause.js';
import type { HaltCause, JobAccepted, JobLimits } from './entries.js';
import { defaultNamespace, firstJobOf } from './job-id.js';
import type { Namespace } from './namespace/namespace.js';
import type { Outcome } from './outcome.js';
import type { RampProgress } from './ramp.js';
import { type EndedJobState, type HostState, hostStates, isEnded, type JobState } from './states.js';

/** An attempt of unknown outcome on a host that was tried again since: it goes on counting (E1). */
export interface EarlierAttempt {
  readonly attempt: number;
  readonly worker: string;
  readonly index: number;
}

export interface HostRecord {
  state: HostState;
  /** Counts from 1. */
  attempt: number;
  /** The worker that the log names for the current attempt (A1). */
  worker: string | undefined;
  /** Log index of the batch that assigned the current attempt: its number at the host's lock (E3); -1 before. */
  index: number;
  /** How the current attempt ended. */
  outcome: Outcome | undefined;
  /** An `unknown` that evidence has replaced: it can't be replaced again (E2). */
  settled: boolean;
  /** An `unknown` that a person has released: it no longer counts. */
  released: boolean;
  /** Its orders fence off every earlier attempt on the host: a person has said that their worker is gone (E3). */
  fence: boolean;
  /** Oldest first; undefined means none. */
  earlier: readonly EarlierAttempt[] | undefined;
}

/** What is known of asking a host what became of an `unknown` attempt. */
export interface Resolution {
  /** The worker that asks: evidence may come from it (E2). */
  worker: string;
  /** An answer is expected. */
  asking: boolean;
  /** Why the host could not tell, when it was last asked. */
  detail: string | undefined;
}

/** Who has said that a worker gets no further host. */
export interface Drain {
  readonly by: string;
  readonly note?: string | undefined;
  /** Log time in milliseconds. */
  readonly atMs: number;
}

export interface WorkerIdentity {
  /** Id of its durable journal. */
  journal: string;
  /** Log index at which it came with that journal: of what was assigned before, it knows nothing (A4). */
  joinedIndex: number;
}

export interface JobRecord {
  readonly job: number;
  readonly accepted: JobAccepted;
  /** Hosts of later stages wait for no more than the end of earlier ones, whatever it is (S4): as it was accepted. */
  readonly goesOnAfterFailure: boolean;
  /** Log index of the entry that accepted it: its history starts there. */
  readonly acceptedIndex: number;
  readonly acceptedAtMs: number;
  state: JobState;
  /** Those in force: what it was accepted with, or was altered to. */
  limits: JobLimits;
  /** Somebody has held it, and nobody has lifted that yet; also while it needs credentials. */
  hold: { by: string } | undefined;
  /** The step of its ramp that is under way. */
  ramp: RampProgress | undefined;
  /** Key ids of the workers that can open the credentials in force (V3). */
  recipients: readonly string[];
  /** Log time since which these credentials are in force, in milliseconds. */
  credentialsAtMs: number;
  readonly hosts: HostRecord[];
  readonly counts: Record<HostState, number>;
  /** Hosts that count against the job's own cap (3). */
  disturbed: number;
  /** By host: `unknown` attempts that were asked about. Rare, so not in each host's record. */
  readonly resolutions: Map<number, Resolution>;
  /** Hosts that are being asked just now. */
  asking: number;
  /** Unfinished ordered attempts of this job by worker; absent means none. */
  readonly assignedTo: Map<string, number>;
  /** Every worker that ever had an order of this job: where output of its attempts may be. */
  readonly everAssignedTo: Set<string>;
  /** Hosts that count although their command is over, since it didn't end well (S3). */
  readonly held: Set<number>;
  /** Hosts that wait for a permit, by what they wait for; one group for all where no constraint is known. */
  groups: HostGroup[];
  readonly ready: ReadyGroups;
  /** Where its hosts stand in the namespace; undefined when that knows none of them. */
  placement: Placement | undefined;
  /** Hosts that hold a permit but no worker. */
  readonly returned: ReturnedHosts;
  halt: { by: string; cause: HaltCause; kill: boolean } | undefined;
  /** Some host has accepted the job's credentials: its command began. */
  proven: boolean;
  /** Milliseconds of the job's timeout that were used up before the last pause. */
  usedMs: number;
  /** Log time since which the job's clock runs; undefined while it waits for a person or its ramp (S10). */
  clockSinceMs: number | undefined;
  endedAtMs: number | undefined;
  /** What held it up for good, if it has ended so (S7). */
  deadlock: readonly DeadlockCause[] | undefined;
  /** Opened again only to look what became of `unknown` hosts: how it had ended, which it goes back to. */
  looking: { from: EndedJobState; halt: JobRecord['halt'] } | undefined;
  /** Failures at the last retry: whoever asked for it has seen them, and the budget counts from there (S8). */
  excusedFailures: number;
  /** Log index of the last entry about this job. */
  lastIndex: number;
}

/** What the fold needs of stored documents (L6): whoever folds an entry has read what it refers to. */
export interface ReferredDocuments {
  /** The namespace that an entry names. */
  namespace(ref: string): Namespace;
  /** Names of the hosts of a job, in order; undefined when its spec was deleted since: the job is archived further on. */
  hostsOf(specRef: string): readonly string[] | undefined;
}

export interface ClusterState {
  readonly jobs: Map<number, JobRecord>;
  readonly constraints: ConstraintState;
  /** What entries refer to by key, read before they are folded. */
  readonly documents: ReferredDocuments;
  /** Jobs that are not ended, in order of acceptance. */
  readonly open: Set<number>;
  readonly jobByIdempotencyKey: Map<string, number>;
  /** Unfinished ordered attempts by worker, over all jobs. */
  readonly assignedTo: Map<string, number>;
  /** Every worker that has ever joined, by name. */
  readonly workers: Map<string, WorkerIdentity>;
  /** Workers that get no further host since somebody said so, by name; they needn't have joined yet. */
  readonly drained: Map<string, Drain>;
  nextJob: number;
  /** Log time of the last batch in milliseconds (T1). */
  atMs: number;
  /** Index of the last `leadership-taken` (L4); -1 before the first. */
  term: number;
  /** Name of the dispatcher that took the leadership last, by that entry; undefined before the first. */
  leader: string | undefined;
  /** Index of the next batch. */
  nextIndex: number;
}

const noDocuments: ReferredDocuments = {
  namespace: (ref) => {
    throw new Error(`the namespace ${ref} was not read`);
  },
  hostsOf: () => undefined,
};

/** Nothing has happened yet. */
export function createState(
  documents: ReferredDocuments = noDocuments,
  { firstJob = firstJobOf(defaultNamespace.number) }: { firstJob?: number } = {},
): ClusterState {
  return {
    jobs: new Map(),
    constraints: createConstraints(),
    documents,
    open: new Set(),
    jobByIdempotencyKey: new Map(),
    assignedTo: new Map(),
    workers: new Map(),
    drained: new Map(),
    nextJob: firstJob,
    atMs: 0,
    term: -1,
    leader: undefined,
    nextIndex: 0,
  };
}

export function emptyCounts(): Record<HostState, number> {
  return Object.fromEntries(hostStates.map((state) => [state, 0])) as Record<HostState, number>;
}

/** A host that no event has touched yet. */
export function newHost(): HostRecord {
  return {
    state: 'waiting',
    attempt: 1,
    worker: undefined,
    index: -1,
    outcome: undefined,
    settled: false,
    released: false,
    fence: false,
    earlier: undefined,
  };
}

/** Whether the current attempt was ordered from a worker and isn't over. */
export function isOrdered(state: HostState): boolean {
  return state === 'assigned' || state === 'connecting' || state === 'running';
}

/** Whether the host counts against the job's own cap: permitted, ordered, or of an outcome that nobody knows (E1). */
export function isDisturbed(host: HostRecord): boolean {
  if (host.earlier !== undefined) return true;
  if (host.state === 'unknown') return !host.released;
  return host.state === 'permitted' || isOrdered(host.state);
}

/**
 * Whether the worker can speak for the host's current attempt: it is the one that the log names, and it has the journal
 * that it had when it was given the order (A4, A6).
 */
export function holdsAttempt(state: ClusterState, host: HostRecord, worker: string): boolean {
  return host.worker === worker && hasJournalOf(state, worker, host.index);
}

/** Whether the worker's journal is the one of when the batch at `index` was written. */
export function hasJournalOf(state: ClusterState, worker: string, index: number): boolean {
  const joined = state.workers.get(worker)?.joinedIndex;
  return joined === undefined || index >= joined;
}

/** Hosts whose current attempt was ordered from a worker and isn't over. */
export function orderedCount(job: JobRecord): number {
  return job.counts.assigned + job.counts.connecting + job.counts.running;
}

/** Hosts that ended otherwise than by success; those halted or skipped never began and don't count. */
export function failureCount(job: JobRecord): number {
  const { failed, unreachable, killed, unknown, denied } = job.counts;
  return (
    failed + unreachable + killed + unknown + denied + job.counts['auth-failed'] + job.counts['timed-out']
  );
}

/** Hosts that can still change without anyone asking, or whose answer is waited for. */
export function unfinishedCount(job: JobRecord): number {
  return job.counts.waiting + job.counts.permitted + orderedCount(job) + job.asking;
}

/** Log time at which the job's timeout is reached; undefined while its clock stands (S10). */
export function deadlineMs(job: JobRecord): number | undefined {
  if (job.clockSinceMs === undefined || isEnded(job.state)) return undefined;
  return job.clockSinceMs + job.limits.jobTimeoutMs - job.usedMs;
}
