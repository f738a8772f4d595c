import { isEnded, type HostRecord } from '@pogo/core';
import type { JobHistory } from '../events/job-history.js';
import type { Archive } from '../jobs/archive.js';
import type { Leader } from '../leader/leader.js';

export interface JobWorkersContext {
  leader: Leader;
  archive: Archive;
  history: JobHistory;
}

/** Which workers have, or had, hosts of a job. */
export interface JobWorkers {
  workers: Set<string>;
  /** Those that reported output. Only complete when the job has ended. */
  withOutput: Set<string>;
  ended: boolean;
}

/**
 * Undefined when the job is gone, or nobody leads. With `unfinished` only workers with unfinished hosts are named while the
 * job runs, which costs nothing; otherwise every host is looked at.
 */
export async function jobWorkers(
  context: JobWorkersContext,
  job: number,
  which: 'all' | 'unfinished',
): Promise<JobWorkers | undefined> {
  const live = await context.leader.view((state) => {
    const record = state.jobs.get(job);
    if (record === undefined) return undefined;
    const ended = isEnded(record.state);
    if (ended || which === 'all') return workersOf(record.hosts, ended, record.everAssignedTo);
    return { workers: new Set(record.assignedTo.keys()), withOutput: new Set<string>(), ended };
  });
  if (live.kind === 'lost') return undefined;
  if (live.answer !== undefined) return live.answer;
  const archived = await context.archive.get(job);
  return archived && workersOf(await context.archive.hosts(archived), true, archived.workers ?? []);
}

function workersOf(
  hosts: readonly { worker?: string | undefined; outcome?: HostOutput | undefined }[],
  ended: boolean,
  ever: Iterable<string>,
): JobWorkers {
  const workers = new Set<string>(ever);
  const withOutput = new Set<string>();
  for (const { worker, outcome } of hosts) {
    if (worker === undefined) continue;
    workers.add(worker);
    if ((outcome?.stdout?.bytes ?? 0) + (outcome?.stderr?.bytes ?? 0) > 0) withOutput.add(worker);
  }
  return { workers, withOutput, ended };
}

type HostOutput = Pick<NonNullable<HostRecord['outcome']>, 'stdout' | 'stderr'>;
