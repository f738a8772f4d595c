/**
 * What counts in the namespace's slots, counted from nothing: when another version of the file is applied, and when the
 * state comes from a snapshot.
 *
 * 1. New limits hold for what is decided from then on: nothing that runs is disturbed, also where more counts than may (S2).
 * 2. A host counts by what the new version says of it, also one that the earlier version didn't know.
 */
import type { ClusterState, JobRecord } from '../cluster-state.js';
import { membersOf } from '../namespace/members-of.js';
import type { Namespace } from '../namespace/namespace.js';
import { isEnded } from '../states.js';
import { type AppliedVersion, keptNamespaceVersions } from './constraint-state.js';
import { fillQueues } from './change-host.js';
import { hostBit, hostBits } from './host-bits.js';
import { placeJob, unplaceJob } from './placement.js';

export function applyNamespace(
  state: ClusterState,
  { version, ref, by, index, namespace }: Omit<AppliedVersion, 'atMs'> & { namespace: Namespace },
): void {
  const applied: AppliedVersion = { version, ref, by, atMs: state.atMs, index };
  const versions = [...state.constraints.versions, applied].slice(-keptNamespaceVersions);
  Object.assign(state.constraints, { version, ref, namespace, versions });
  recount(state, (job) => {
    const hosts = state.documents.hostsOf(job.accepted.specRef);
    return hosts === undefined ? undefined : membersOf(namespace, hosts);
  });
}

/**
 * Whether hosts of the job may count, or will: an ended one has a say only as long as it holds something. Of these the
 * names are read before a namespace is applied; of another one, before it is opened again.
 */
export function mayCount(job: JobRecord): boolean {
  return !isEnded(job.state) || job.disturbed > 0 || job.held.size > 0;
}

/** @param members of a job's hosts; undefined where the namespace knows none, or nobody has read which they are. */
export function recount(state: ClusterState, members: (job: JobRecord) => Int32Array | undefined): void {
  const { constraints } = state;
  const slots = constraints.namespace?.slots ?? [];
  constraints.use = slots.map(() => 0);
  constraints.groups = slots.map(() => new Set());
  constraints.members.clear();
  const found = new Map([...state.jobs.values()].map((job) => [job, members(job)]));
  for (const [job, numbers] of found) if (numbers !== undefined) countHosts(state, job, numbers);
  for (const [job, numbers] of found) {
    placeJob(state, job, numbers);
    if (isEnded(job.state)) unplaceJob(state, job);
    else fillQueues(state, job);
  }
}

function countHosts({ constraints }: ClusterState, job: JobRecord, members: Int32Array): void {
  job.hosts.forEach((host, index) => {
    const member = members[index]!;
    if (member < 0) return;
    const bits = hostBits(job, host, index);
    const [live, held] = [(bits & hostBit.live) !== 0, (bits & hostBit.held) !== 0];
    if (!live && !held) return;
    let use = constraints.members.get(member);
    if (use === undefined) {
      constraints.members.set(member, (use = { live: 0, held: [] }));
      for (const slot of constraints.namespace!.slotsOf(member)) constraints.use[slot]!++;
    }
    if (live) use.live++;
    if (held) use.held = [...use.held, { job: job.job, host: index }];
  });
}
