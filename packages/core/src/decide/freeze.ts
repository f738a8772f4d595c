/** Decides what a person asks of all jobs of the namespace at once: that nothing new starts, or starts again. */
import type { ClusterState } from '../cluster-state.js';
import type { LogEntry } from '../entries.js';

export type FreezeDecision =
  /** Without entries where it is as asked already. */
  | { kind: 'decided'; entries: LogEntry[] }
  /** The namespace has no slot of this name. */
  | { kind: 'unknown-slot'; slot: string };

interface FreezeRequest {
  /** Name of one; undefined is the whole namespace. */
  slot: string | undefined;
  by: string;
}

/** What is frozen stays as it was frozen first. */
export function decideFreeze(
  { constraints }: ClusterState,
  { slot, by, note }: FreezeRequest & { note: string | undefined },
): FreezeDecision {
  const { frozen, namespace } = constraints;
  if (slot !== undefined && !frozen.slots.has(slot) && !namespace?.slots.some(({ name }) => name === slot)) {
    return { kind: 'unknown-slot', slot };
  }
  const present = slot === undefined ? frozen.all : frozen.slots.get(slot);
  if (present !== undefined) return { kind: 'decided', entries: [] };
  return {
    kind: 'decided',
    entries: [
      {
        type: 'frozen',
        ...(slot !== undefined && { slot }),
        by,
        ...(note !== undefined && { note }),
      },
    ],
  };
}

/** A slot that the namespace has no more can be thawed all the same. */
export function decideThaw({ constraints }: ClusterState, { slot, by }: FreezeRequest): FreezeDecision {
  const { frozen, namespace } = constraints;
  const present = slot === undefined ? frozen.all : frozen.slots.get(slot);
  if (present !== undefined) {
    return { kind: 'decided', entries: [{ type: 'thawed', ...(slot !== undefined && { slot }), by }] };
  }
  if (slot !== undefined && !namespace?.slots.some(({ name }) => name === slot))
    return { kind: 'unknown-slot', slot };
  return { kind: 'decided', entries: [] };
}
