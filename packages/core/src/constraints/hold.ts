/** Hosts of constrained jobs that go on counting after their command was over, since they may not be well (S3). */
import type { ClusterState, JobRecord } from '../cluster-state.js';
import { endedBeforeCommand, type Outcome } from '../outcome.js';
import { changeHost } from './change-host.js';

/** Ends after which nobody can say that the host is well. Where its command demonstrably never began, it was not disturbed. */
const unwell: readonly Outcome['state'][] = ['failed', 'timed-out', 'unreachable', 'killed'];
/** The server was spoken to, and refused before any command. */
const untouched = /^host-key-/;

/** Notes that the host goes on counting, if this end says so. */
export function holdHost(state: ClusterState, job: JobRecord, index: number, outcome: Outcome): void {
  const isConstrained = (job.placement?.members[index] ?? -1) >= 0 && job.accepted.unconstrained !== true;
  if (!isConstrained || job.held.has(index) || !unwell.includes(outcome.state)) return;
  if (endedBeforeCommand(outcome) || (outcome.reason !== undefined && untouched.test(outcome.reason))) return;
  changeHost(state, job, index, () => job.held.add(index));
}

/** The host's command has succeeded: whatever failed on this member before, in any job, holds nothing any more. */
export function letGoOfMember(state: ClusterState, job: JobRecord, index: number): void {
  // Also where the namespace doesn't know the host any more.
  releaseHost(state, job, index);
  const member = job.placement?.members[index] ?? -1;
  for (const held of state.constraints.members.get(member)?.held ?? []) {
    const holder = state.jobs.get(held.job);
    if (holder !== undefined) releaseHost(state, holder, held.host);
  }
}

/** The host no longer counts for an end that was not well. */
export function releaseHost(state: ClusterState, job: JobRecord, index: number): void {
  if (!job.held.has(index)) return;
  changeHost(state, job, index, () => job.held.delete(index));
}
