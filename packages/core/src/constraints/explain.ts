/** Why hosts wait: what the planner would answer, in numbers (S1-S6). Changes nothing. */
import { type ClusterState, isDisturbed, type JobRecord } from '../cluster-state.js';
import type { Slot, Stage } from '../namespace/namespace.js';
import { nextStepMs, rampRoom, type RampWait, rampWait, stepLimit } from '../ramp.js';
import { groupOf, modeOfHost } from './change-host.js';
import { type Freeze, frozenAmong, isFull } from './constraint-state.js';
import type { HostGroup } from './host-group.js';

/** One thing that keeps hosts waiting; several may do so at once. */
export type Obstacle =
  /** The job's own cap (S5). */
  | { kind: 'own-cap'; concurrent: number; disturbed: number }
  /** No room in a slot (S1, S2). */
  | { kind: 'slot'; slot: Slot; use: number }
  /** Hosts of an earlier app are not done (S4); `failed` of them have ended otherwise than by success. */
  | { kind: 'stage'; stage: Stage; pending: number; failed: number }
  /** Another attempt may be under way on the host (S6). */
  | { kind: 'busy'; jobs: number[] }
  /** Somebody has frozen the slot, or without one the namespace. */
  | { kind: 'frozen'; slot: string | undefined; freeze: Freeze }
  /** The ramp's step has no room for another host (S9). */
  | {
      kind: 'ramp';
      step: number;
      /** How many there are; in the last all hosts may start. */
      steps: number;
      /** Most hosts that may have been started in it. */
      limit: number;
      waitsFor: RampWait;
      /** Hosts of the step that have ended otherwise than by success; 0 while it isn't over. */
      failed: number;
      /** Log time at which the next step begins by itself. */
      nextMs: number | undefined;
    }
  /** The job is held, has no credentials, or starts nothing for another reason of its own; `by` is who holds it. */
  | { kind: 'job-state'; state: JobRecord['state']; by: string | undefined };

/** Hosts that wait for the same things. */
export interface WaitingHosts {
  /** Indexes, ascending. */
  hosts: number[];
  /** Only workers of this pool reach them; undefined where any worker does. */
  pool: string | undefined;
  /** None where they wait for a worker alone. */
  obstacles: Obstacle[];
}

/**
 * What keeps each host of an open job waiting, hosts with the same obstacles together; those that have their permit and no
 * worker among them. Looks at every host.
 */
export function explainJob(state: ClusterState, job: JobRecord): WaitingHosts[] {
  const found = new Map<string, WaitingHosts>();
  const common = new Map<HostGroup, Obstacle[]>();
  job.hosts.forEach((host, index) => {
    if (host.state !== 'waiting' && host.state !== 'permitted') return;
    const group = groupOf(job, index);
    const mode = host.state === 'permitted' ? 'permitted' : modeOfHost(state, job, index);
    let obstacles = common.get(group);
    if (obstacles === undefined) common.set(group, (obstacles = obstaclesOf(state, job, group)));
    if (mode === 'busy') obstacles = [...obstacles, { kind: 'busy', jobs: jobsOn(state, job, index) }];
    if (mode === 'counted') obstacles = obstacles.filter(({ kind }) => kind !== 'slot');
    if (mode === 'permitted')
      obstacles = obstacles.filter(({ kind }) => kind === 'job-state' || kind === 'frozen');
    const isAgain = job.ramp?.again.has(index) === true;
    if (isAgain) obstacles = obstacles.filter(({ kind }) => kind !== 'ramp');
    const key = `${String(isAgain)} ${job.groups.indexOf(group)} ${mode} ${obstacles.map((one) => (one.kind === 'busy' ? one.jobs.join() : '')).join()}`;
    const alike = found.get(key);
    if (alike === undefined) found.set(key, { hosts: [index], pool: group.pool, obstacles });
    else alike.hosts.push(index);
  });
  return [...found.values()];
}

function obstaclesOf(state: ClusterState, job: JobRecord, group: HostGroup): Obstacle[] {
  const { constraints } = state;
  const obstacles: Obstacle[] = [];
  if (job.state !== 'accepted' && job.state !== 'running')
    obstacles.push({ kind: 'job-state', state: job.state, by: job.hold?.by });
  obstacles.push(...freezesOf(state, group), ...rampOf(job));
  const { concurrent } = job.limits;
  if (concurrent !== null && job.disturbed >= concurrent) {
    obstacles.push({ kind: 'own-cap', concurrent, disturbed: job.disturbed });
  }
  for (const { stage, pending, waiting } of group.after) {
    if (pending === 0) continue;
    obstacles.push({
      kind: 'stage',
      stage: constraints.namespace!.stages[stage]!,
      pending,
      failed: pending - waiting - movingIn(state, job, stage),
    });
  }
  for (const slot of group.slots) {
    if (!isFull(constraints, slot)) continue;
    obstacles.push({ kind: 'slot', slot: constraints.namespace!.slots[slot]!, use: constraints.use[slot]! });
  }
  return obstacles;
}

function freezesOf({ constraints }: ClusterState, group: HostGroup): Obstacle[] {
  const { frozen, namespace } = constraints;
  const slots = frozenAmong(constraints, group.within).map((slot) => namespace!.slots[slot]!.name);
  return [
    ...(frozen.all === undefined ? [] : [{ kind: 'frozen', slot: undefined, freeze: frozen.all } as const]),
    ...slots.map((slot) => ({ kind: 'frozen', slot, freeze: frozen.slots.get(slot)! }) as const),
  ];
}

function rampOf(job: JobRecord): Obstacle[] {
  const { ramp } = job;
  if (ramp === undefined || rampRoom(job, ramp) > 0) return [];
  const { step, pause } = ramp;
  return [
    {
      kind: 'ramp',
      step,
      steps: (job.limits.ramp?.steps.length ?? 0) + 1,
      limit: stepLimit(job, ramp),
      waitsFor: rampWait(job),
      failed: pause?.failed ?? 0,
      nextMs: nextStepMs(job),
    },
  ];
}

/** Hosts of the stage that have a permit, or run. */
function movingIn({ constraints }: ClusterState, job: JobRecord, stage: number): number {
  let moving = 0;
  for (const [member, { live }] of constraints.members) {
    if (live === 0 || !constraints.namespace!.stagesOf(member).includes(stage)) continue;
    job.placement?.byMember.forEach(member, (host) => {
      const { state } = job.hosts[host]!;
      if (state === 'permitted' || state === 'assigned' || state === 'connecting' || state === 'running')
        moving++;
    });
  }
  return moving;
}

/** Open jobs that have an attempt on the host's member. */
function jobsOn(state: ClusterState, job: JobRecord, index: number): number[] {
  return holdersOf(state, job.placement!.members[index]!).flatMap((holder) =>
    holder.live ? [holder.job] : [],
  );
}

/** Who counts on a member: jobs with an attempt under way, and those that hold it since it ended otherwise than well. */
export function holdersOf(
  state: ClusterState,
  member: number,
): { job: number; host: number; live: boolean }[] {
  const use = state.constraints.members.get(member);
  if (use === undefined) return [];
  const live: { job: number; host: number; live: boolean }[] = [];
  if (use.live > 0) {
    for (const record of state.jobs.values()) {
      const host = record.disturbed > 0 ? (record.placement?.members.indexOf(member) ?? -1) : -1;
      if (host >= 0 && isDisturbed(record.hosts[host]!)) live.push({ job: record.job, host, live: true });
    }
  }
  return [...live, ...use.held.map((held) => ({ ...held, live: false }))];
}
