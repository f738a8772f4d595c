/**
 * Where the hosts of a job stand in the namespace: their members, groups, stages and pools (S1, S4). Made when a job is accepted
 * or opened again, and anew when another version of the namespace is applied.
 */
import type { ClusterState, JobRecord } from '../cluster-state.js';
import { frozenAmong, isFull } from './constraint-state.js';
import { type HostGroup, newGroup, type StageProgress } from './host-group.js';
import { hostBit, hostBits } from './host-bits.js';
import { HostsByMember } from './hosts-by-member.js';

/** A job that has hosts of the namespace. */
export interface Placement {
  /** Member numbers by host; -1 for one that the namespace doesn't know. */
  readonly members: Int32Array;
  /** Index into the job's groups, by host; empty once the job has ended, and has one group. */
  readonly groupOf: Int32Array;
  readonly stages: ReadonlyMap<number, StageProgress>;
  /** While the job is open; empty once it has ended. */
  readonly byMember: HostsByMember;
  /** Hosts of this job that count in a slot and that no passing of time frees, by slot. */
  readonly fixed: Map<number, number>;
}

/** Divides the hosts of an open job into groups, and counts what holds each of these up. The queues stay empty. */
export function placeJob(state: ClusterState, job: JobRecord, members: Int32Array | undefined): void {
  const { namespace } = state.constraints;
  leaveGroups(state, job);
  if (namespace === undefined || members === undefined || members.every((member) => member < 0)) {
    job.placement = undefined;
    job.groups = [newGroup(job.job)];
    return;
  }
  const lifted = job.accepted.unconstrained === true;
  const stages = new Map<number, StageProgress>();
  const byKey = new Map<string, number>();
  // Hosts that are in the same groups of the namespace have one list of slots between them, and one of stages.
  const byList = new Map<string | undefined, Map<readonly number[], number>>();
  const groups: HostGroup[] = [];
  const groupOf = new Int32Array(members.length);
  const stageOf = (stage: number) => {
    let progress = stages.get(stage);
    if (progress === undefined)
      stages.set(stage, (progress = { stage, pending: 0, waiting: 0, followers: [] }));
    return progress;
  };
  const seen = new Set<readonly number[]>();
  for (const member of lifted ? noHosts : members) {
    const own = member < 0 ? none : namespace.stagesOf(member);
    if (seen.has(own)) continue;
    seen.add(own);
    own.forEach(stageOf);
  }
  const groupFor = (pool: string | undefined, within: readonly number[], own: readonly number[]): number => {
    const key = `${within.join()};${own.join()};${pool ?? ''}`;
    const known = byKey.get(key);
    if (known !== undefined) return known;
    const before = new Set(own.flatMap((stage) => namespace.stages[stage]!.after));
    // Only the stages in which the job has hosts keep anyone waiting.
    const after = [...before].sort((a, b) => a - b).flatMap((stage) => stages.get(stage) ?? []);
    const slots = lifted ? none : within;
    const steps = own.flatMap((stage) => stages.get(stage) ?? []);
    const group = groups.push(newGroup(job.job, { slots, within, own: steps, after, pool })) - 1;
    byKey.set(key, group);
    for (const progress of after) progress.followers.push(groups[group]!);
    return group;
  };
  members.forEach((member, host) => {
    const within = member < 0 ? none : namespace.slotsOf(member);
    const pool = member < 0 ? undefined : namespace.poolOf(member);
    let lists = byList.get(pool);
    if (lists === undefined) byList.set(pool, (lists = new Map<readonly number[], number>()));
    let group = lists.get(within);
    if (group === undefined) {
      group = groupFor(pool, within, member < 0 || lifted ? none : namespace.stagesOf(member));
      lists.set(within, group);
    }
    groupOf[host] = group;
  });
  job.groups = groups;
  job.placement = { members, groupOf, stages, byMember: new HostsByMember(members), fixed: new Map() };
  job.hosts.forEach((host, index) => {
    const member = members[index]!;
    if (member < 0) return;
    const bits = hostBits(job, host, index);
    for (const progress of groups[groupOf[index]!]!.own) {
      if ((bits & hostBit.done) === 0) progress.pending++;
      if ((bits & hostBit.waiting) !== 0) progress.waiting++;
    }
    if ((bits & hostBit.fixed) !== 0) addFixed(job.placement!, namespace.slotsOf(member), 1);
  });
  for (const group of groups) {
    group.frozenSlots = frozenAmong(state.constraints, group.within).length;
    group.pendingStages = group.after.filter(({ pending }) => pending > 0).length;
    for (const slot of group.slots) {
      state.constraints.groups[slot]!.add(group);
      if (isFull(state.constraints, slot)) group.fullSlots++;
    }
  }
}

/** The job is over: nothing of it waits for anything. */
export function unplaceJob(state: ClusterState, job: JobRecord): void {
  for (const group of job.groups) {
    for (const slot of group.slots) state.constraints.groups[slot]!.delete(group);
  }
  leaveGroups(state, job);
  job.groups = [newGroup(job.job)];
  const { placement } = job;
  if (placement === undefined) return;
  const { members, fixed } = placement;
  job.placement = {
    members,
    fixed,
    groupOf: noGroups,
    stages: new Map(),
    byMember: new HostsByMember(noHosts),
  };
}

/** Nothing is to be worked out any more of the groups that the job had. */
function leaveGroups({ constraints }: ClusterState, job: JobRecord): void {
  job.ready.clear();
  if (constraints.touched.length === 0) return;
  constraints.touched = constraints.touched.filter((group) => group.job !== job.job);
}

export function addFixed({ fixed }: Placement, slots: readonly number[], difference: number): void {
  for (const slot of slots) {
    const sum = (fixed.get(slot) ?? 0) + difference;
    if (sum === 0) fixed.delete(slot);
    else fixed.set(slot, sum);
  }
}

const none: readonly number[] = [];
const noGroups = new Int32Array(0);
const noHosts = new Int32Array(0);
