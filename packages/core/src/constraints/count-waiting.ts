/**
 * What the waiting hosts of a job wait for, in numbers: from the sums that the state keeps, so that nobody walks its hosts.
 *
 * 1. Each host counts once, under the first of the obstacles that {@link explainJob} would name for it; they add up to all
 *    hosts of the job that have no worker yet.
 * 2. A host that its queue still holds though it has moved on, and one that is busy, may be counted under another one of
 *    `stage`, `slot`, `busy` and `worker`; and a host that a ramp lets try again, under `ramp`.
 */
import type { ClusterState, JobRecord } from '../cluster-state.js';
import { rampRoom } from '../ramp.js';
import type { HostGroup } from './host-group.js';

export const waitCauses = [
  /** Somebody holds the job. */
  'held',
  'needs-credentials',
  /** A dispatcher that has begun to lead waits for its workers to bring the job's credentials back (V2). */
  'vault',
  /** Somebody has frozen the namespace, or a slot. */
  'frozen',
  /** The step of the ramp has no room for another host, or is over (S9). */
  'ramp',
  /** As many hosts of the job as its own cap allows are disturbed (S5). */
  'own-cap',
  /** Hosts of an earlier step of a sequence are not done (S4). */
  'stage',
  /** A slot is full (S1, S2). */
  'slot',
  /** Another attempt may be under way on the host (S6). */
  'busy',
  /** Nothing but a worker that reaches them, can open the job's credentials, and has room. */
  'worker',
] as const;
export type WaitCause = (typeof waitCauses)[number];

/**
 * Adds an open job's hosts that wait, by cause, to `counts`. Takes a few steps for each of the job's groups.
 *
 * @param paused jobs that may start nothing just now, for a reason outside of the log ({@link PlanInput}).
 */
export function countWaiting(
  state: ClusterState,
  job: JobRecord,
  paused: ReadonlySet<number>,
  counts: Record<WaitCause, number>,
): void {
  const { waiting, permitted } = job.counts;
  const whole = causeOfAll(state, job, paused);
  if (whole !== undefined) {
    counts[whole] += waiting + permitted;
    return;
  }
  counts.worker += permitted;
  let left = waiting;
  const take = (cause: WaitCause, hosts: number) => {
    const taken = Math.min(left, hosts);
    counts[cause] += taken;
    left -= taken;
  };
  const sums = { frozen: 0, stage: 0, slot: 0, ready: 0 };
  for (const group of left > 0 ? job.groups : []) addGroup(group, sums);
  take('frozen', sums.frozen);
  const { concurrent } = job.limits;
  if (rampRoom(job, job.ramp) === 0) take('ramp', left);
  else if (concurrent !== null && job.disturbed >= concurrent) take('own-cap', left);
  take('stage', sums.stage);
  take('slot', sums.slot);
  take('worker', sums.ready);
  // Those that are in no queue.
  take('busy', left);
}

function causeOfAll(state: ClusterState, job: JobRecord, paused: ReadonlySet<number>): WaitCause | undefined {
  if (job.state === 'held') return 'held';
  if (job.state === 'needs-credentials') return 'needs-credentials';
  if (paused.has(job.job)) return 'vault';
  return state.constraints.frozen.all === undefined ? undefined : 'frozen';
}

function addGroup(
  { waiting, counted, frozenSlots, pendingStages, fullSlots }: HostGroup,
  sums: { frozen: number; stage: number; slot: number; ready: number },
): void {
  const [free, others] = [waiting.size, counted.size];
  if (frozenSlots > 0) sums.frozen += free + others;
  else if (pendingStages > 0) sums.stage += free + others;
  else {
    // Those that count already need no room.
    sums[fullSlots > 0 ? 'slot' : 'ready'] += free;
    sums.ready += others;
  }
}
