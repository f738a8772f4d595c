import { type ClusterState, type JobRecord, parseJobId } from '@pogo/core';
import type { Leader } from '../leader/leader.js';
import type { Archive, ArchivedJob } from './archive.js';

export type JobLookup<T> =
  | { kind: 'live'; value: T }
  | { kind: 'archived'; archived: ArchivedJob }
  | { kind: 'unknown' }
  | { kind: 'lost' };

/**
 * Finds a job by what a person may call it: `p0000000012`, `p12`, `12`, or `last` for the newest. `read` is called with the
 * record where it is live, and must not keep it.
 */
export async function findJob<T>(
  { leader, archive }: { leader: Leader; archive: Archive },
  id: string,
  read: (record: JobRecord, state: ClusterState) => T,
): Promise<JobLookup<T>> {
  const outcome = await leader.view((state) => {
    const job = id === 'last' ? state.nextJob - 1 : parseJobId(id);
    const record = job === undefined ? undefined : state.jobs.get(job);
    return { job, value: record && { of: read(record, state) } };
  });
  if (outcome.kind === 'lost') return { kind: 'lost' };
  const { job, value } = outcome.answer;
  if (value !== undefined) return { kind: 'live', value: value.of };
  const archived = job === undefined ? undefined : await archive.get(job);
  return archived === undefined ? { kind: 'unknown' } : { kind: 'archived', archived };
}

export type NewestJob =
  { kind: 'job'; job: number; acceptedAtMs: number } | { kind: 'none' } | { kind: 'lost' };

/** The namespace's newest job, and the log time of its acceptance in milliseconds. */
export async function newestJob({
  leader,
  archive,
}: {
  leader: Leader;
  archive: Archive;
}): Promise<NewestJob> {
  const outcome = await leader.view((state) => {
    const job = state.nextJob - 1;
    return { job, acceptedAtMs: state.jobs.get(job)?.acceptedAtMs };
  });
  if (outcome.kind === 'lost') return outcome;
  const { job } = outcome.answer;
  const acceptedAtMs = outcome.answer.acceptedAtMs ?? (await archive.get(job))?.document.acceptedAtMs;
  return acceptedAtMs === undefined ? { kind: 'none' } : { kind: 'job', job, acceptedAtMs };
}
