import type { ClusterState } from '../cluster-state.js';
import type { LogEntry } from '../entries.js';
import type { Outcome } from '../outcome.js';

/** An attempt that the log assigns to a worker. */
export interface AssignedAttempt {
  job: number;
  host: number;
  attempt: number;
}

/** Every unfinished attempt that the log assigns to `worker` (A2), in order. Walks the hosts of its jobs: for connects only. */
export function assignedAttempts(state: ClusterState, worker: string): AssignedAttempt[] {
  const found: AssignedAttempt[] = [];
  for (const number of state.open) {
    const job = state.jobs.get(number)!;
    if (!job.assignedTo.has(worker)) continue;
    job.hosts.forEach((host, index) => {
      if (host.worker !== worker || host.outcome !== undefined) return;
      if (host.state === 'assigned' || host.state === 'connecting' || host.state === 'running') {
        found.push({ job: number, host: index, attempt: host.attempt });
      }
    });
  }
  return found;
}

/** Attempts whose worker can't say what became of them end as `unknown`: being silent is not a refusal (A3). */
export function decideWorkerLoss(attempts: readonly AssignedAttempt[], message: string): LogEntry[] {
  const outcome: Outcome = { state: 'unknown', reason: 'worker-lost', message };
  return attempts.map(({ job, host, attempt }) => ({ type: 'host-finished', job, host, attempt, outcome }));
}
