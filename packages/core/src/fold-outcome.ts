/** What the fold does when an attempt's outcome becomes known, at once or later (E1, E2, S3). */
import type { ClusterState, JobRecord } from './cluster-state.js';
import { changeHost } from './constraints/change-host.js';
import { holdHost, letGoOfMember } from './constraints/hold.js';
import type { LogEntry } from './entries.js';
import { moveHost } from './fold-host.js';
import type { Outcome } from './outcome.js';
import { finishEvents } from './states.js';

/** Outcomes that prove that the command began, and so that the host accepted the credentials. */
const begunOutcomes: readonly Outcome['state'][] = ['succeeded', 'failed', 'timed-out'];

export function finishHost(
  state: ClusterState,
  job: JobRecord,
  index: number,
  attempt: number,
  outcome: Outcome,
): void {
  const host = job.hosts[index];
  if (host?.attempt !== attempt) throw new Error(`job ${job.job} host ${index}: not at attempt ${attempt}`);
  moveHost(state, job, index, finishEvents[outcome.state]);
  host.outcome = outcome;
  // Evidence about a host of the step: it is to be looked at again.
  if (job.ramp?.started.has(index) === true) job.ramp.pause = undefined;
  if (outcome.state === 'succeeded') {
    // S3: a later attempt that succeeds frees the host, whatever became of the earlier ones.
    if (host.earlier !== undefined) {
      changeHost(state, job, index, (record) => (record.earlier = undefined));
      host.fence = false;
    }
    letGoOfMember(state, job, index);
  } else {
    holdHost(state, job, index, outcome);
  }
  if (begunOutcomes.includes(outcome.state)) job.proven = true;
}

export function confirmUnknown(job: JobRecord, index: number, attempt: number, outcome: Outcome): void {
  const host = job.hosts[index];
  if (host?.attempt !== attempt || host.state !== 'unknown' || outcome.state !== 'unknown') {
    throw new Error(`job ${job.job} host ${index}: attempt ${attempt} is not unknown`);
  }
  host.outcome = outcome;
}

export function settleEarlier(
  state: ClusterState,
  job: JobRecord,
  { host: index, attempt, outcome }: Extract<LogEntry, { type: 'earlier-settled' }>,
): void {
  const before = job.hosts[index]?.earlier;
  const left = before?.filter((earlier) => earlier.attempt !== attempt);
  if (before === undefined || left === undefined || left.length === before.length) {
    throw new Error(`job ${job.job} host ${index}: attempt ${attempt} is not an earlier one that counts`);
  }
  changeHost(state, job, index, (record) => (record.earlier = left.length > 0 ? left : undefined));
  // S3: it went wrong on the host, and only a later success says that the host is well.
  if (outcome !== undefined) holdHost(state, job, index, outcome);
}
