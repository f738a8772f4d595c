/**
 * Changes one host, and with it every sum that jobs, slots and stages keep over hosts.
 *
 * 1. What a change costs doesn't depend on how many hosts a job or a namespace has: it touches the host's own slots and
 *    stages, and the groups that these begin or cease to hold up.
 * 2. Which groups can go on is worked out once for all the changes that are folded together ({@link settleGroups}), however
 *    often a slot becomes full and has room again meanwhile. Nobody reads it in between.
 */
import type { ClusterState, HostRecord, JobRecord } from '../cluster-state.js';
import { isFull, type MemberMode, modeOf, modeOfUse } from './constraint-state.js';
import { bitDifference, hostBit, hostBits } from './host-bits.js';
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
  if (before === after) return;
  job.disturbed += bitDifference(before, after, hostBit.live);
  const member = job.placement?.members[index] ?? -1;
  if (member >= 0) {
    changeSums(state, job, index, before, after);
    const live = bitDifference(before, after, hostBit.live);
    const held = bitDifference(before, after, hostBit.held);
    if (live !== 0 || held !== 0) changeUse(state, job, index, { live, held });
  }
  const waiting = bitDifference(before, after, hostBit.waiting);
  if (waiting > 0) enqueue(state, job, index);
  else if (waiting < 0) touch(state, groupOf(job, index));
}

/** What the job itself keeps of the slots and stages of its hosts. */
function changeSums(state: ClusterState, job: JobRecord, index: number, before: number, after: number): void {
  const placement = job.placement!;
  const fixed = bitDifference(before, after, hostBit.fixed);
  if (fixed !== 0)
    addFixed(placement, state.constraints.namespace!.slotsOf(placement.members[index]!), fixed);
  const waiting = bitDifference(before, after, hostBit.waiting);
  const pending = -bitDifference(before, after, hostBit.done);
  if (waiting === 0 && pending === 0) return;
  for (const progress of groupOf(job, index).own) {
    progress.waiting += waiting;
    movePending(state, progress, pending);
  }
}

/** Changes who counts on the host's member; in its slots that counts once (constraint-state.ts, 1). */
function changeUse(
  state: ClusterState,
  job: JobRecord,
  index: number,
  difference: { live: number; held: number },
): void {
  const { constraints } = state;
  const member = job.placement!.members[index]!;
  const present = constraints.members.get(member);
  const before = modeOfUse(present);
  const use = present ?? { live: 0, held: nobody };
  use.live += difference.live;
  if (difference.held > 0) use.held = [...use.held, { job: job.job, host: index }];
  if (difference.held < 0) use.held = use.held.filter((one) => one.job !== job.job || one.host !== index);
  const counts = use.live > 0 || use.held.length > 0;
  if (counts !== (present !== undefined)) {
    if (counts) constraints.members.set(member, use);
    else constraints.members.delete(member);
    for (const slot of constraints.namespace!.slotsOf(member)) {
      const wasFull = isFull(constraints, slot);
      constraints.use[slot]! += counts ? 1 : -1;
      const nowFull = isFull(constraints, slot);
      if (wasFull === nowFull) continue;
      for (const group of constraints.groups[slot]!) {
        group.fullSlots += nowFull ? 1 : -1;
        touch(state, group);
      }
    }
  }
  if (modeOfUse(counts ? use : undefined) !== before) requeue(state, job, index);
}

const nobody: readonly never[] = [];

/** What waiting hosts of the same member need has changed, of all jobs: they stand in another queue from here on. */
function requeue(state: ClusterState, job: JobRecord, index: number): void {
  const member = job.placement!.members[index]!;
  for (const number of state.open) {
    const other = state.jobs.get(number)!;
    const enqueueWaiting = (host: number) => {
      if (other.hosts[host]!.state === 'waiting') enqueue(state, other, host);
    };
    if (other === job && job.placement!.byMember.isAscending) enqueueWaiting(index);
    else other.placement?.byMember.forEach(member, enqueueWaiting);
  }
}

function movePending(state: ClusterState, progress: StageProgress, difference: number): void {
  const wasPending = progress.pending > 0;
  progress.pending += difference;
  const isPending = progress.pending > 0;
  if (wasPending === isPending) return;
  for (const group of progress.followers) {
    group.pendingStages += isPending ? 1 : -1;
    touch(state, group);
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
  touch(state, group);
}

/** Its queues, or what holds it up, have changed. */
export function touch({ constraints }: ClusterState, group: HostGroup): void {
  if (group.isTouched) return;
  group.isTouched = true;
  constraints.touched.push(group);
}

/** Brings what jobs know of their groups up to date; called after the last of the entries that are folded together. */
export function settleGroups(state: ClusterState): void {
  const { constraints } = state;
  if (constraints.touched.length === 0) return;
  const touched = constraints.touched;
  constraints.touched = [];
  for (const group of touched) {
    group.isTouched = false;
    refresh(state, group);
  }
}

/** Drops from the heads of its queues what stands there no more, and notes whether any of the group can go on. */
function refresh(state: ClusterState, group: HostGroup): void {
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
  const { groups, placement } = job;
  const waiting = groups.map((): number[] => []);
  const counted = groups.map((): number[] => []);
  job.returned.clear();
  job.hosts.forEach((host, index) => {
    if (host.state === 'permitted') job.returned.push(groupOf(job, index).pool, index);
    if (host.state !== 'waiting') return;
    const mode = modeOfHost(state, job, index);
    if (mode === 'busy') return;
    const group = groups.length === 1 ? 0 : placement!.groupOf[index]!;
    (mode === 'free' ? waiting : counted)[group]!.push(index);
  });
  for (const [number, group] of groups.entries()) {
    group.waiting.reset(waiting[number]!);
    group.counted.reset(counted[number]!);
    refresh(state, group);
  }
}
