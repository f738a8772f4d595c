/**
 * Whether a job can never go on (S7): nothing of it moves, hosts wait, and what they wait for doesn't come by itself.
 *
 * 1. What a host holds that failed, or whose outcome nobody knows, is freed by no passing of time, only by a person.
 * 2. What is held for a job that has ended is a person's to free, so that others wait for it and say so. What is held for
 *    this job, or for another open one that can't go on either, is held for good: nobody is expected to come.
 * 3. What another job may yet make well isn't held for good: its attempt on that host frees it (S3).
 * 4. What is frozen, or held, or between two steps of a ramp, waits for a person who is expected to come.
 * 5. Asked only of jobs of which nothing moves; the cost grows with the open jobs and their groups.
 */
import { type ClusterState, type JobRecord, orderedCount } from '../cluster-state.js';
import { isBetweenSteps } from '../ramp.js';
import { isTerminal } from '../states.js';
import type { HostGroup } from './host-group.js';

export function isDeadlocked(state: ClusterState, job: JobRecord): boolean {
  if (state.constraints.frozen.all !== undefined || !isStuck(job)) return false;
  if (canNeverGoOn(state, job, new Set([job]))) return true;
  // Several that hold each other up. One that holds itself up ends first: what it holds is then a person's to free.
  const stuck = new Set<JobRecord>();
  for (const number of state.open) {
    const other = state.jobs.get(number)!;
    if (!isStuck(other)) continue;
    if (canNeverGoOn(state, other, new Set([other]))) return false;
    if ((other.placement?.fixed.size ?? 0) > 0) stuck.add(other);
  }
  for (let before = -1; before !== stuck.size;) {
    before = stuck.size;
    for (const other of stuck) if (!canNeverGoOn(state, other, stuck)) stuck.delete(other);
  }
  return stuck.has(job);
}

/** Nothing of it moves, and nothing of it can begin to. */
function isStuck(job: JobRecord): boolean {
  if (!mayStart(job) || job.counts.waiting === 0 || isBetweenSteps(job)) return false;
  if (job.counts.permitted + orderedCount(job) + job.asking > 0) return false;
  return job.ready.isEmpty || isCapHeld(job);
}

function mayStart({ state, halt }: JobRecord): boolean {
  return (state === 'running' || state === 'accepted') && halt === undefined;
}

function isHeldByPerson({ state, halt }: JobRecord): boolean {
  return state === 'held' && halt === undefined;
}

/** The permits of its own cap are held by hosts of unknown outcome (E1). */
function isCapHeld(job: JobRecord): boolean {
  const { concurrent } = job.limits;
  return concurrent !== null && job.disturbed >= concurrent;
}

/** Whether what these jobs hold keeps every host of the job waiting for good. */
function canNeverGoOn(state: ClusterState, job: JobRecord, stuck: ReadonlySet<JobRecord>): boolean {
  if (isCapHeld(job)) return true;
  for (const group of job.groups) {
    if (group.waiting.isEmpty && group.counted.isEmpty) continue;
    if (group.frozenSlots > 0) return false;
    // What waits for hosts that wait themselves goes on when these do; where all do, they wait for each other.
    if (group.pendingStages === 0 && !isHeld(state, group, stuck)) return false;
  }
  return !waitsForBusy(state, job) && !mayBeMadeWell(state, stuck);
}

/** A slot that it needs is full of what stuck jobs hold, or hosts of an earlier stage have ended otherwise than well. */
function isHeld({ constraints }: ClusterState, group: HostGroup, stuck: ReadonlySet<JobRecord>): boolean {
  if (group.after.some(({ pending, waiting }) => pending > waiting)) return true;
  if (!group.counted.isEmpty) return false;
  return group.slots.some((slot) => {
    let fixed = 0;
    for (const job of stuck) fixed += job.placement?.fixed.get(slot) ?? 0;
    return fixed >= constraints.namespace!.slots[slot]!.limit;
  });
}

/** Another job tries, or will, a host that one of these holds (3). */
function mayBeMadeWell({ open, jobs }: ClusterState, stuck: ReadonlySet<JobRecord>): boolean {
  for (const number of open) {
    const other = jobs.get(number)!;
    if (stuck.has(other) || other.placement === undefined) continue;
    for (const { held, placement } of stuck) {
      for (const index of held) {
        let may = false;
        other.placement.byMember.forEach(placement?.members[index] ?? -1, (host) => {
          const { state } = other.hosts[host]!;
          may ||= state === 'waiting' ? mayStart(other) || isHeldByPerson(other) : !isTerminal(state);
        });
        if (may) return true;
      }
    }
  }
  return false;
}

/** A host of it waits until another job has done with that host (S6). */
function waitsForBusy({ constraints }: ClusterState, job: JobRecord): boolean {
  let waits = false;
  for (const [member, { live }] of constraints.members) {
    if (live === 0) continue;
    job.placement?.byMember.forEach(member, (host) => (waits ||= job.hosts[host]!.state === 'waiting'));
    if (waits) break;
  }
  return waits;
}
