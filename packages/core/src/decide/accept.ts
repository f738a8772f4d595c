import type { ClusterState } from '../cluster-state.js';
import type { JobAccepted, LogEntry } from '../entries.js';
import { namespaceNumberOf } from '../job-id.js';

export type AcceptDecision =
  | { kind: 'accepted'; job: number; entries: LogEntry[] }
  /** The same key and digest were submitted before: the answer is that job (L7). */
  | { kind: 'known'; job: number }
  /** The key was used for another spec. */
  | { kind: 'mismatch'; job: number }
  /** The namespace has had as many jobs as there are numbers for. */
  | { kind: 'numbers-used-up' };

/** Decides a submission: a new job, or the one that the idempotency key already stands for. */
export function decideAccept(
  state: ClusterState,
  submission: Omit<JobAccepted, 'type' | 'job'>,
): AcceptDecision {
  const known = state.jobByIdempotencyKey.get(submission.idempotencyKey);
  if (known !== undefined) {
    const same = state.jobs.get(known)?.accepted.digest === submission.digest;
    return { kind: same ? 'known' : 'mismatch', job: known };
  }
  const job = state.nextJob;
  if (namespaceNumberOf(job) !== namespaceNumberOf(job - 1)) return { kind: 'numbers-used-up' };
  return { kind: 'accepted', job, entries: [{ type: 'job-accepted', job, ...submission }] };
}
