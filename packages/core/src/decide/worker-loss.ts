import { type ClusterState, isOrdered, type JobRecord } from '../cluster-state.js';
import type { LogEntry } from '../entries.js';
import { toHostSet } from '../host-set.js';
import type { Outcome } from '../outcome.js';

/** An attempt that the log assigns to a worker. */
export interface AssignedAttempt {
  job: number;
  host: number;
  attempt: number;
  /** Log index of the batch that assigned it (E3). */
  index: number;
  fence: boolean;
}

/** An attempt that the log has a worker ask about. */
export interface AskedAttempt {
  job: number;
  host: number;
  attempt: number;
  index: number;
}

/** Every unfinished attempt that the log assigns to `worker` (A2), in order. Walks the hosts of its jobs: for connects only. */
export function assignedAttempts(state: ClusterState, worker: string): AssignedAttempt[] {
  const found: AssignedAttempt[] = [];
  for (const number of state.open) {
    const job = state.jobs.get(number)!;
    if (!job.assignedTo.has(worker)) continue;
    job.hosts.forEach((host, index) => {
      if (host.worker !== worker || !isOrdered(host.state)) return;
      found.push({ job: number, host: index, attempt: host.attempt, index: host.index, fence: host.fence });
    });
  }
  return found;
}

/** Every `unknown` attempt that `worker` is to ask about and hasn't answered for, in order. */
export function askedAttempts(state: ClusterState, worker: string): AskedAttempt[] {
  const found: AskedAttempt[] = [];
  for (const number of state.open) {
    const job = state.jobs.get(number)!;
    for (const host of askedHosts(job, worker)) {
      const { attempt, index } = job.hosts[host]!;
      found.push({ job: number, host, attempt, index });
    }
  }
  return found;
}

/** Workers that the log waits for: they have orders, or hosts to ask. */
export function awaitedWorkers(state: ClusterState): Set<string> {
  const workers = new Set(state.assignedTo.keys());
  for (const number of state.open) {
    const job = state.jobs.get(number)!;
    if (job.asking === 0) continue;
    for (const { worker, asking } of job.resolutions.values()) if (asking) workers.add(worker);
  }
  return workers;
}

/** Attempts whose worker can't say what became of them end as `unknown`: being silent is not a refusal (A3). */
export function decideWorkerLoss(
  attempts: readonly Pick<AssignedAttempt, 'job' | 'host' | 'attempt'>[],
  message: string,
): LogEntry[] {
  const outcome: Outcome = { state: 'unknown', reason: 'worker-lost', message };
  return attempts.map(({ job, host, attempt }) => ({ type: 'host-finished', job, host, attempt, outcome }));
}

/** No answer will come from `worker`: what it was to ask about stays as it is, for this reason. */
export function decideUnanswered(state: ClusterState, worker: string, detail: string): LogEntry[] {
  const entries: LogEntry[] = [];
  for (const number of state.open) {
    const job = state.jobs.get(number)!;
    const hosts = askedHosts(job, worker);
    if (hosts.length > 0) {
      entries.push({ type: 'hosts-unsettled', job: number, hosts: toHostSet(hosts), detail });
    }
  }
  return entries;
}

/**
 * A worker greets with the id of its journal. One that comes with another than before has lost the old one: what it was
 * ordered then ends as `unknown`, since nobody can say what became of it (A4). Nothing to append for a known one.
 */
export function decideJoin(state: ClusterState, worker: string, journal: string): LogEntry[] {
  if (state.workers.get(worker)?.journal === journal) return [];
  const message = `worker ${worker} has come back without the journal in which this attempt stood`;
  return [
    ...decideWorkerLoss(assignedAttempts(state, worker), message),
    ...decideUnanswered(state, worker, `worker ${worker} has lost its journal`),
    { type: 'worker-joined', worker, journal },
  ];
}

function askedHosts(job: JobRecord, worker: string): number[] {
  if (job.asking === 0) return [];
  return [...job.resolutions]
    .filter(([, resolution]) => resolution.asking && resolution.worker === worker)
    .map(([host]) => host)
    .sort((a, b) => a - b);
}
