/**
 * The state as a JSON value and back (L5); what derives from the hosts is derived again. Snapshots of earlier versions are
 * read; those of later ones are refused in so many words.
 */
import {
  type ClusterState,
  createState,
  type Drain,
  emptyCounts,
  type EarlierAttempt,
  type HostRecord,
  isDisturbed,
  isOrdered,
  type JobRecord,
  type ReferredDocuments,
} from './cluster-state.js';
import type { AppliedVersion, Freeze } from './constraints/constraint-state.js';
import { recount } from './constraints/apply-namespace.js';
import type { DeadlockCause } from './deadlock-cause.js';
import type { JobAccepted, JobLimits } from './entries.js';
import { hostIndexes, type HostSet, toHostSet } from './host-set.js';
import { ReadyGroups } from './constraints/ready-groups.js';
import { ReturnedHosts } from './constraints/returned-hosts.js';
import { keptOutcome } from './kept-outcome.js';
import type { Outcome } from './outcome.js';
import type { RampProgress } from './ramp.js';
import { hostStates, isEnded, type JobState } from './states.js';

/** What few hosts have. */
interface RareSnapshot {
  released?: true;
  fence?: true;
  earlier?: readonly EarlierAttempt[];
}

type HostSnapshot = [
  state: number,
  attempt: number,
  worker: string | null,
  outcome: Outcome | null,
  settled: 0 | 1,
  /** Since version 2. */
  index?: number,
  rare?: RareSnapshot,
];

interface JobSnapshot {
  accepted: JobAccepted;
  acceptedIndex: number;
  acceptedAtMs: number;
  state: JobState;
  halt: JobRecord['halt'] | null;
  proven: boolean;
  usedMs: number;
  clockSinceMs: number | null;
  endedAtMs: number | null;
  lastIndex: number;
  hosts: HostSnapshot[];
  /** These are there since version 2. */
  recipients?: readonly string[];
  credentialsAtMs?: number;
  resolutions?: [host: number, worker: string, asking: 0 | 1, detail: string | null][];
  everAssignedTo?: string[];
  looking?: JobRecord['looking'] | null;
  excusedFailures?: number;
  /** Since version 3. */
  held?: number[];
  /** Member numbers by host, as runs of consecutive ones: first, how many; -1 for hosts that the namespace doesn't know. */
  members?: [first: number, count: number][];
  /** Since version 5: limits that were altered, and what keeps the job from starting hosts. */
  limits?: JobLimits;
  hold?: { by: string };
  ramp?: {
    step: number;
    started: HostSet;
    /** Since version 6; absent where it has none. */
    accepted?: HostSet;
    pause?: { sinceMs: number; failed: number };
  };
  /** Since version 5. */
  deadlock?: readonly DeadlockCause[];
}

export interface StateSnapshot {
  version: 1 | 2 | 3 | 4 | 5 | 6 | 7;
  nextJob: number;
  atMs: number;
  term: number;
  /** Absent in snapshots that earlier releases wrote: then nobody is known to lead until the next one takes the lead. */
  leader?: string;
  nextIndex: number;
  jobs: JobSnapshot[];
  /** Since version 2. */
  workers?: [name: string, journal: string, joinedIndex: number][];
  /** The namespace's version and the key of its document; since version 3. */
  namespace?: { version: number; ref: string };
  /** Versions of the namespace's file, oldest first; since version 4. */
  namespaceVersions?: [version: number, ref: string, by: string | null, atMs: number | null, index: number][];
  /** Since version 5; absent where nothing is frozen. */
  frozen?: { all?: Freeze; slots: [name: string, freeze: Freeze][] };
  /** Since version 7; absent where no worker is drained. */
  drained?: [worker: string, drain: Drain][];
}

const latest = 7;

/** A later release wrote it: this one would lose what it doesn't know of. */
export class SnapshotTooNew extends Error {
  constructor(version: unknown) {
    super(
      `the snapshot has version ${String(version)}, and this release reads up to ${latest}: start the release that wrote it, or a later one`,
    );
    this.name = 'SnapshotTooNew';
  }
}

export function snapshotState(state: ClusterState): StateSnapshot {
  return {
    version: latest,
    nextJob: state.nextJob,
    atMs: state.atMs,
    term: state.term,
    ...(state.leader !== undefined && { leader: state.leader }),
    nextIndex: state.nextIndex,
    jobs: [...state.jobs.values()].map(snapshotJob),
    workers: [...state.workers].map(([name, { journal, joinedIndex }]) => [name, journal, joinedIndex]),
    ...(state.constraints.ref !== undefined && {
      namespace: { version: state.constraints.version, ref: state.constraints.ref },
      namespaceVersions: state.constraints.versions.map(({ version, ref, by, atMs, index }) => [
        version,
        ref,
        by ?? null,
        atMs ?? null,
        index,
      ]),
    }),
    ...snapshotFreezes(state.constraints.frozen),
    ...(state.drained.size > 0 && { drained: [...state.drained] }),
  };
}

/** @throws SnapshotTooNew */
export function restoreState(snapshot: StateSnapshot, documents?: ReferredDocuments): ClusterState {
  if (!(snapshot.version >= 1 && snapshot.version <= latest)) throw new SnapshotTooNew(snapshot.version);
  const state = createState(documents);
  state.nextJob = snapshot.nextJob;
  state.atMs = snapshot.atMs;
  state.term = snapshot.term;
  state.leader = snapshot.leader;
  state.nextIndex = snapshot.nextIndex;
  for (const [name, journal, joinedIndex] of snapshot.workers ?? []) {
    state.workers.set(name, { journal, joinedIndex });
  }
  for (const [worker, drain] of snapshot.drained ?? []) state.drained.set(worker, drain);
  const { frozen } = state.constraints;
  frozen.all = snapshot.frozen?.all;
  for (const [slot, freeze] of snapshot.frozen?.slots ?? []) frozen.slots.set(slot, freeze);
  const members = new Map<JobRecord, Int32Array>();
  for (const saved of snapshot.jobs) {
    const job = restoreJob(saved);
    deriveFromHosts(state, job);
    state.jobs.set(job.job, job);
    if (!isEnded(job.state)) state.open.add(job.job);
    state.jobByIdempotencyKey.set(job.accepted.idempotencyKey, job.job);
    if (saved.members !== undefined) members.set(job, fromRuns(saved.members));
  }
  const { namespace } = snapshot;
  if (namespace !== undefined) {
    Object.assign(state.constraints, {
      ...namespace,
      namespace: state.documents.namespace(namespace.ref),
      versions: restoreVersions(snapshot, namespace),
    });
  }
  recount(state, (job) => members.get(job));
  return state;
}

/** Up to version 3 only the one in force was known, and not who applied it. */
function restoreVersions(
  { namespaceVersions }: StateSnapshot,
  inForce: { version: number; ref: string },
): AppliedVersion[] {
  if (namespaceVersions === undefined) return [{ ...inForce, by: undefined, atMs: undefined, index: -1 }];
  return namespaceVersions.map(([version, ref, by, atMs, index]) => ({
    version,
    ref,
    by: by ?? undefined,
    atMs: atMs ?? undefined,
    index,
  }));
}

function snapshotJob(job: JobRecord): JobSnapshot {
  return {
    accepted: job.accepted,
    acceptedIndex: job.acceptedIndex,
    acceptedAtMs: job.acceptedAtMs,
    state: job.state,
    halt: job.halt ?? null,
    proven: job.proven,
    usedMs: job.usedMs,
    clockSinceMs: job.clockSinceMs ?? null,
    endedAtMs: job.endedAtMs ?? null,
    lastIndex: job.lastIndex,
    hosts: job.hosts.map(snapshotHost),
    recipients: job.recipients,
    credentialsAtMs: job.credentialsAtMs,
    resolutions: [...job.resolutions].map(([host, { worker, asking, detail }]) => [
      host,
      worker,
      asking ? 1 : 0,
      detail ?? null,
    ]),
    everAssignedTo: [...job.everAssignedTo],
    looking: job.looking ?? null,
    excusedFailures: job.excusedFailures,
    ...(job.held.size > 0 && { held: [...job.held] }),
    ...(job.placement && { members: toRuns(job.placement.members) }),
    ...(job.limits !== job.accepted.limits && { limits: job.limits }),
    ...(job.hold && { hold: job.hold }),
    ...(job.ramp && { ramp: snapshotRamp(job.ramp) }),
    ...(job.deadlock && { deadlock: job.deadlock }),
  };
}

function snapshotFreezes({
  all,
  slots,
}: ClusterState['constraints']['frozen']): Pick<StateSnapshot, 'frozen'> {
  if (all === undefined && slots.size === 0) return {};
  return { frozen: { ...(all && { all }), slots: [...slots] } };
}

function snapshotRamp({ step, started, accepted, pause }: RampProgress): NonNullable<JobSnapshot['ramp']> {
  return {
    step,
    started: toHostSet(started),
    ...(accepted.size > 0 && { accepted: toHostSet(accepted) }),
    ...(pause && { pause }),
  };
}

function restoreRamp(
  { step, started, accepted, pause }: NonNullable<JobSnapshot['ramp']>,
  job: JobRecord,
): RampProgress {
  const hosts = new Set(hostIndexes(started));
  const again = new Set([...hosts].filter((host) => job.hosts[host]!.state === 'waiting'));
  return { step, started: hosts, again, accepted: new Set(accepted && hostIndexes(accepted)), pause };
}

function toRuns(members: Int32Array): [number, number][] {
  const runs: [number, number][] = [];
  for (const member of members) {
    const last = runs.at(-1);
    const next = last === undefined || last[0] < 0 ? -1 : last[0] + last[1];
    if (last !== undefined && member === next) last[1]++;
    else runs.push([member, 1]);
  }
  return runs;
}

function fromRuns(runs: readonly (readonly [number, number])[]): Int32Array {
  const members = new Int32Array(runs.reduce((sum, [, count]) => sum + count, 0));
  let at = 0;
  for (const [first, count] of runs) {
    for (let offset = 0; offset < count; offset++) members[at++] = first < 0 ? -1 : first + offset;
  }
  return members;
}

function snapshotHost(host: HostRecord): HostSnapshot {
  const saved: HostSnapshot = [
    hostStates.indexOf(host.state),
    host.attempt,
    host.worker ?? null,
    host.outcome ?? null,
    host.settled ? 1 : 0,
    host.index,
  ];
  if (host.released || host.fence || host.earlier !== undefined) {
    saved.push({
      ...(host.released && { released: true }),
      ...(host.fence && { fence: true }),
      ...(host.earlier && { earlier: host.earlier }),
    });
  }
  return saved;
}

function restoreJob(saved: JobSnapshot): JobRecord {
  const job: JobRecord = {
    job: saved.accepted.job,
    accepted: saved.accepted,
    goesOnAfterFailure: saved.accepted.onPredecessorFailure === 'continue',
    acceptedIndex: saved.acceptedIndex,
    acceptedAtMs: saved.acceptedAtMs,
    state: saved.state,
    limits: saved.limits ?? saved.accepted.limits,
    hold: saved.hold,
    ramp: undefined,
    recipients: saved.recipients ?? saved.accepted.recipients,
    credentialsAtMs: saved.credentialsAtMs ?? saved.acceptedAtMs,
    hosts: saved.hosts.map((host) => restoreHost(host, saved.acceptedIndex)),
    counts: emptyCounts(),
    disturbed: 0,
    resolutions: new Map(),
    asking: 0,
    assignedTo: new Map(),
    everAssignedTo: new Set(saved.everAssignedTo),
    held: new Set(saved.held),
    groups: [],
    ready: new ReadyGroups(),
    placement: undefined,
    returned: new ReturnedHosts(),
    halt: saved.halt ?? undefined,
    proven: saved.proven,
    usedMs: saved.usedMs,
    clockSinceMs: saved.clockSinceMs ?? undefined,
    endedAtMs: saved.endedAtMs ?? undefined,
    deadlock: saved.deadlock,
    looking: saved.looking ? { from: saved.looking.from, halt: saved.looking.halt } : undefined,
    excusedFailures: saved.excusedFailures ?? 0,
    lastIndex: saved.lastIndex,
  };
  if (saved.ramp !== undefined) job.ramp = restoreRamp(saved.ramp, job);
  for (const [host, worker, asking, detail] of saved.resolutions ?? []) {
    job.resolutions.set(host, { worker, asking: asking === 1, detail: detail ?? undefined });
    job.asking += asking;
  }
  return job;
}

/** @param oldest what an order of version 1, which didn't tell, has at least as its log index. */
function restoreHost(saved: HostSnapshot, oldest: number): HostRecord {
  const [state, attempt, worker, outcome, settled, index, rare] = saved;
  return {
    state: hostStates[state]!,
    attempt,
    worker: worker ?? undefined,
    index: index ?? (worker === null ? -1 : oldest),
    outcome: outcome === null ? undefined : keptOutcome(outcome),
    settled: settled === 1,
    released: rare?.released === true,
    fence: rare?.fence === true,
    earlier: rare?.earlier,
  };
}

function deriveFromHosts(state: ClusterState, job: JobRecord): void {
  job.hosts.forEach((host) => {
    job.counts[host.state]++;
    if (isDisturbed(host)) job.disturbed++;
    if (host.worker === undefined) return;
    job.everAssignedTo.add(host.worker);
    if (!isOrdered(host.state)) return;
    job.assignedTo.set(host.worker, (job.assignedTo.get(host.worker) ?? 0) + 1);
    state.assignedTo.set(host.worker, (state.assignedTo.get(host.worker) ?? 0) + 1);
  });
}
