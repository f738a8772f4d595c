/**
 * Freezes: somebody says that nothing new starts, in any job of the namespace or in one slot, until it is thawed. What runs
 * goes on, and jobs that mean to pass over the limits are bound by it, too.
 *
 * 1. A slot's freeze goes by its name: it outlives versions of the namespace, also one that doesn't have the slot.
 */
import type { ClusterState, JobRecord } from '../cluster-state.js';
import { groupOf, touch } from './change-host.js';
import { type Freeze, frozenAmong } from './constraint-state.js';

/** @param slot name of one; undefined is the whole namespace. */
export function freeze(state: ClusterState, slot: string | undefined, by: Freeze): void {
  const { frozen } = state.constraints;
  if (slot === undefined) {
    frozen.all = by;
    return;
  }
  frozen.slots.set(slot, by);
  recountGroups(state);
}

export function thaw(state: ClusterState, slot: string | undefined): void {
  const { frozen } = state.constraints;
  if (slot === undefined) {
    frozen.all = undefined;
    return;
  }
  frozen.slots.delete(slot);
  recountGroups(state);
}

/** Whether a slot that the host is in is frozen. */
export function isHostFrozen(job: JobRecord, index: number): boolean {
  return groupOf(job, index).frozenSlots > 0;
}

/** A person's act, and rare: all groups of open jobs are looked at. */
function recountGroups(state: ClusterState): void {
  for (const number of state.open) {
    for (const group of state.jobs.get(number)!.groups) {
      const frozenSlots = frozenAmong(state.constraints, group.within).length;
      if (frozenSlots === group.frozenSlots) continue;
      group.frozenSlots = frozenSlots;
      touch(state, group);
    }
  }
}
