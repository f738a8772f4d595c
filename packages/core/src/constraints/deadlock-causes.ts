/** Names what keeps a deadlocked job from going on, and the hosts behind it (S7). Asked once, when the job ends by it. */
import type { ClusterState, JobRecord } from '../cluster-state.js';
import type { DeadlockCause } from '../deadlock-cause.js';
import { groupOf, modeOfHost } from './change-host.js';
import { isFull } from './constraint-state.js';
import { hostBit, hostBits } from './host-bits.js';
import type { HostGroup, StageProgress } from './host-group.js';
import { MemberNames, slotHolders } from './slot-holders.js';

/** An entry is small (L6): what keeps most hosts waiting comes first. */
const maxCauses = 10;

/** At most ten causes, those that keep most hosts waiting. */
export function deadlockCauses(state: ClusterState, job: JobRecord): DeadlockCause[] {
  const { concurrent } = job.limits;
  if (concurrent !== null && job.disturbed >= concurrent) {
    return [{ kind: 'own-cap', concurrent, disturbed: job.disturbed, waiting: job.counts.waiting }];
  }
  const slots = new Map<number, number>();
  const stages = new Map<StageProgress, number>();
  for (const [group, { free, all }] of waitingIn(state, job)) {
    for (const slot of group.slots) {
      if (free > 0 && isFull(state.constraints, slot)) slots.set(slot, (slots.get(slot) ?? 0) + free);
    }
    for (const stage of group.after) {
      if (stage.pending > 0) stages.set(stage, (stages.get(stage) ?? 0) + all);
    }
  }
  // Hosts that wait themselves are a reason only where there is no other.
  const isOver = ({ pending, waiting }: StageProgress) => pending > waiting;
  if (slots.size > 0 || [...stages.keys()].some(isOver)) {
    for (const stage of stages.keys()) if (!isOver(stage)) stages.delete(stage);
  }
  const names = new MemberNames(state);
  const found = [
    ...[...slots].map(([slot, waiting]) => ({
      waiting,
      cause: () => slotCause(state, slot, waiting, names),
    })),
    ...[...stages].map(([stage, waiting]) => ({
      waiting,
      cause: () => stageCause(state, job, stage, waiting, names),
    })),
  ];
  return found
    .sort((one, other) => other.waiting - one.waiting)
    .slice(0, maxCauses)
    .map(({ cause }) => cause());
}

/** Waiting hosts by group, and of these how many need room in its slots. */
function waitingIn(state: ClusterState, job: JobRecord): Map<HostGroup, { free: number; all: number }> {
  const found = new Map<HostGroup, { free: number; all: number }>();
  job.hosts.forEach((host, index) => {
    if (host.state !== 'waiting') return;
    const group = groupOf(job, index);
    let counts = found.get(group);
    if (counts === undefined) found.set(group, (counts = { free: 0, all: 0 }));
    counts.all++;
    if (modeOfHost(state, job, index) === 'free') counts.free++;
  });
  return found;
}

function slotCause(state: ClusterState, slot: number, waiting: number, names: MemberNames): DeadlockCause {
  const { constraints } = state;
  const holders = slotHolders(state, slot, names).map(({ job, running, notWell, hosts, more }) => ({
    job,
    count: running + notWell,
    hosts,
    more,
  }));
  const { name, limit } = constraints.namespace!.slots[slot]!;
  return { kind: 'slot', slot: name, use: constraints.use[slot]!, limit, waiting, holders };
}

function stageCause(
  { constraints }: ClusterState,
  job: JobRecord,
  { stage, ...progress }: StageProgress,
  waiting: number,
  names: MemberNames,
): DeadlockCause {
  const namespace = constraints.namespace!;
  const isAllWaiting = progress.pending === progress.waiting;
  const members = [...job.placement!.members].filter((member, index) => {
    if (member < 0 || !namespace.stagesOf(member).includes(stage)) return false;
    const bits = hostBits(job, job.hosts[index]!, index);
    return (bits & hostBit.done) === 0 && ((bits & hostBit.waiting) !== 0) === isAllWaiting;
  });
  const { name } = namespace.stages[stage]!;
  return { kind: 'stage', stage: name, waiting, count: members.length, ...names.of(members) };
}
