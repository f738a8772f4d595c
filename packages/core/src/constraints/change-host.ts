/**
 * Changes one host, and with it every sum that jobs, slots and stages keep over hosts.
 *
 * 1. What a change costs doesn't depend on how many hosts a job or a namespace has: it touches the host's own slots and
 *    stages, and the groups that these begin or cease to hold up.
 */
import type { ClusterState, HostRecord, JobRecord } from '../cluster-state.js';
import { isFull, type MemberMode, type MemberUse, modeOf } from './constraint-state.js';
import { type HostBits, hostBits } from './host-bits.js';
import type { HostGroup, StageProgress } from './host-group.js';
import { addFixed } from './placement.js';

export function changeHost(
  state: ClusterState,
  job: JobRecord,
  index: number,
  change: (host: HostRecord) => void,
): void {
  const host = job.hosts[index];
  if (host === undefined) throw new Error(`job ${job.job} has no host ${index}`);
  const before = hostBits(job, host, index);
  change(host);
  const after = hostBits(job, host, index);
  job.disturbed += Number(after.live) - Number(before.live);
  const member = job.placement?.members[index] ?? -1;
  if (member >= 0) changeMember(state, job, index, member, before, after);
  if (after.waiting && !before.waiting) enqueue(state, job, index);
  if (before.waiting && !after.waiting) refresh(state, groupOf(job, index));
}

function changeMember(
  state: ClusterState,
  job: JobRecord,
  index: number,
  member: number,
  before: HostBits,
  after: HostBits,
): void {
  const { namespace } = state.constraints;
  const placement = job.placement!;
  if (before.fixed !== after.fixed) {
    addFixed(placement, namespace!.slotsOf(member), Number(after.fixed) - Number(before.fixed));
  }
  if (placement.stages.size > 0 && (before.done !== after.done || before.waiting !== after.waiting)) {
    for (const stage of namespace!.stagesOf(member)) {
      const progress = placement.stages.get(stage)!;
      progress.waiting += Number(after.waiting) - Number(before.waiting);
      movePending(state, progress, Number(before.done) - Number(after.done));
    }
  }
  if (before.live === after.live && before.held === after.held) return;
  changeUse(state, member, (use) => {
    use.live += Number(after.live) - Number(before.live);
    if (after.held && !before.held) use.held.push({ job: job.job, host: index });
    if (before.held && !after.held) {
      use.held = use.held.filter((one) => one.job !== job.job || one.host !== index);
    }
  });
}

/** Changes who counts on a member; in its slots it counts once (constraint-state.ts, 1). */
export function changeUse(state: ClusterState, member: number, change: (use: MemberUse) => void): void {
  const { constraints } = state;
  const present = constraints.members.get(member);
  const use = present ?? { live: 0, held: [] };
  const before = modeOf(constraints, member);
  change(use);
  const counts = use.live > 0 || use.held.length > 0;
  if (counts && present === undefined) constraints.members.set(member, use);
  if (!counts) constraints.members.delete(member);
  if (counts !== (present !== undefined)) {
    for (const slot of constraints.namespace!.slotsOf(member)) {
      const wasFull = isFull(constraints, slot);
      constraints.use[slot]! += counts ? 1 : -1;
      const nowFull = isFull(constraints, slot);
      if (wasFull === nowFull) continue;
      for (const group of constraints.groups[slot]!) {
        group.fullSlots += nowFull ? 1 : -1;
        refresh(state, group);
      }
    }
  }
  if (modeOf(constraints, member) !== before) requeue(state, member);
}

/** What a member's waiting hosts need has changed: they stand in another queue from here on. */
function requeue(state: ClusterState, member: number): void {
  for (const number of state.open) {
    const job = state.jobs.get(number)!;
    const index = job.placement?.hostOf.get(member);
    if (index === undefined || job.hosts[index]!.state !== 'waiting') continue;
    enqueue(state, job, index);
  }
}

function movePending(state: ClusterState, progress: StageProgress, difference: number): void {
  const wasPending = progress.pending > 0;
  progress.pending += difference;
  const isPending = progress.pending > 0;
  if (wasPending === isPending) return;
  for (const group of progress.followers) {
    group.pendingStages += isPending ? 1 : -1;
    refresh(state, group);
  }
}

export function groupOf(job: JobRecord, index: number): HostGroup {
  const { placement } = job;
  return job.groups.length === 1 ? job.groups[0]! : job.groups[placement!.groupOf[index]!]!;
}

/** Puts a waiting host where it belongs now; one that is busy with another job is put there when it is free again. */
function enqueue(state: ClusterState, job: JobRecord, index: number): void {
  const group = groupOf(job, index);
  const mode = modeOfHost(state, job, index);
  if (mode !== 'busy') queueOf(group, mode).push(index);
  refresh(state, group);
}

/** Drops from the heads of its queues what stands there no more, and notes whether any of the group can go on. */
export function refresh(state: ClusterState, group: HostGroup): void {
  const job = state.jobs.get(group.job)!;
  trim(state, job, group);
  const { waiting, counted, fullSlots, pendingStages, frozenSlots } = group;
  const first = Math.min(
    counted.least ?? Infinity,
    (fullSlots === 0 ? waiting.least : undefined) ?? Infinity,
  );
  if (frozenSlots === 0 && pendingStages === 0 && first < Infinity) job.ready.put(group, first);
  else job.ready.delete(group);
}

function trim(state: ClusterState, job: JobRecord, group: HostGroup): void {
  for (const mode of ['free', 'counted'] as const)
    queueOf(group, mode).trim((index) => !standsIn(state, job, index, mode));
}

function queueOf(group: HostGroup, mode: 'free' | 'counted'): HostGroup['waiting'] {
  return mode === 'free' ? group.waiting : group.counted;
}

/** Whether the host waits, and in this queue. */
export function standsIn(
  state: ClusterState,
  job: JobRecord,
  index: number,
  mode: 'free' | 'counted',
): boolean {
  return job.hosts[index]!.state === 'waiting' && modeOfHost(state, job, index) === mode;
}

/** A host that the namespace doesn't know is free: nobody counts it. */
export function modeOfHost(state: ClusterState, job: JobRecord, index: number): MemberMode {
  const member = job.placement?.members[index] ?? -1;
  return member < 0 ? 'free' : modeOf(state.constraints, member);
}

/** Fills the queues of all groups anew, and that of hosts that wait for a worker alone. */
export function fillQueues(state: ClusterState, job: JobRecord): void {
  const waiting = new Map<HostGroup, number[]>();
  const counted = new Map<HostGroup, number[]>();
  job.returned.clear();
  job.hosts.forEach((host, index) => {
    if (host.state === 'permitted') job.returned.push(groupOf(job, index).pool, index);
    if (host.state !== 'waiting') return;
    const mode = modeOfHost(state, job, index);
    if (mode === 'busy') return;
    const by = mode === 'free' ? waiting : counted;
    const group = groupOf(job, index);
    const indexes = by.get(group);
    if (indexes === undefined) by.set(group, [index]);
    else indexes.push(index);
  });
  for (const group of job.groups) {
    group.waiting.reset(waiting.get(group) ?? []);
    group.counted.reset(counted.get(group) ?? []);
    refresh(state, group);
  }
}
