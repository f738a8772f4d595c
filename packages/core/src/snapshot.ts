/** The state as a JSON value and back (L5); what derives from the hosts is derived again. */
import {
  type ClusterState,
  createState,
  emptyCounts,
  type HostRecord,
  type JobRecord,
} from './cluster-state.js';
import type { JobAccepted } from './entries.js';
import { IndexQueue } from './index-queue.js';
import type { Outcome } from './outcome.js';
import { hostStates, isEnded, type JobState } from './states.js';

type HostSnapshot = [
  state: number,
  attempt: number,
  worker: string | null,
  outcome: Outcome | null,
  settled: 0 | 1,
];

export interface StateSnapshot {
  version: 1;
  nextJob: number;
  atMs: number;
  term: number;
  nextIndex: number;
  jobs: {
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
  }[];
}

export function snapshotState(state: ClusterState): StateSnapshot {
  return {
    version: 1,
    nextJob: state.nextJob,
    atMs: state.atMs,
    term: state.term,
    nextIndex: state.nextIndex,
    jobs: [...state.jobs.values()].map((job) => ({
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
      hosts: job.hosts.map((host): HostSnapshot => [
        hostStates.indexOf(host.state),
        host.attempt,
        host.worker ?? null,
        host.outcome ?? null,
        host.settled ? 1 : 0,
      ]),
    })),
  };
}

export function restoreState(snapshot: StateSnapshot): ClusterState {
  const state = createState();
  state.nextJob = snapshot.nextJob;
  state.atMs = snapshot.atMs;
  state.term = snapshot.term;
  state.nextIndex = snapshot.nextIndex;
  for (const saved of snapshot.jobs) {
    const job: JobRecord = {
      job: saved.accepted.job,
      accepted: saved.accepted,
      acceptedIndex: saved.acceptedIndex,
      acceptedAtMs: saved.acceptedAtMs,
      state: saved.state,
      hosts: saved.hosts.map(restoreHost),
      counts: emptyCounts(),
      assignedTo: new Map(),
      waiting: new IndexQueue(),
      returned: new IndexQueue(),
      halt: saved.halt ?? undefined,
      proven: saved.proven,
      usedMs: saved.usedMs,
      clockSinceMs: saved.clockSinceMs ?? undefined,
      endedAtMs: saved.endedAtMs ?? undefined,
      lastIndex: saved.lastIndex,
    };
    deriveFromHosts(state, job);
    state.jobs.set(job.job, job);
    if (!isEnded(job.state)) state.open.add(job.job);
    state.jobByIdempotencyKey.set(job.accepted.idempotencyKey, job.job);
  }
  return state;
}

function restoreHost([state, attempt, worker, outcome, settled]: HostSnapshot): HostRecord {
  return {
    state: hostStates[state]!,
    attempt,
    worker: worker ?? undefined,
    outcome: outcome ?? undefined,
    settled: settled === 1,
  };
}

function deriveFromHosts(state: ClusterState, job: JobRecord): void {
  job.hosts.forEach((host, index) => {
    job.counts[host.state]++;
    if (host.state === 'waiting') job.waiting.push(index);
    if (host.state === 'permitted') job.returned.push(index);
    if (host.worker === undefined) return;
    if (host.state === 'assigned' || host.state === 'connecting' || host.state === 'running') {
      job.assignedTo.set(host.worker, (job.assignedTo.get(host.worker) ?? 0) + 1);
      state.assignedTo.set(host.worker, (state.assignedTo.get(host.worker) ?? 0) + 1);
    }
  });
}
