/** Targets as a namespace knows them: groups resolved, other names of a host replaced by its own (S6). Pure. */
import { foldTargets, type Namespace, resolveTargets, type Target, type TargetError } from '@pogo/core';
import { specLimits } from '@pogo/protocol';

export type PlacedTargets =
  | { kind: 'placed'; targets: Target[] }
  | { kind: 'target-error'; error: TargetError }
  | { kind: 'no-targets' }
  /** Folded names that the namespace doesn't know, which has constraints. */
  | { kind: 'unknown-hosts'; hosts: string };

export function placeTargets(
  expression: string,
  { namespace, allowUnknown }: { namespace: Namespace | undefined; allowUnknown: boolean },
): PlacedTargets {
  const sources = namespace === undefined ? {} : { groups: namespace.groups };
  const expanded = resolveTargets(expression, sources, { limit: specLimits.maxTargets });
  if (!expanded.ok) return { kind: 'target-error', error: expanded.error };
  if (expanded.targets.length === 0) return { kind: 'no-targets' };
  if (namespace === undefined) return { kind: 'placed', targets: expanded.targets };
  const unknown: Target[] = [];
  const placed: Target[] = [];
  // Each is a host once already; two may be names of one.
  const isPlaced = new Uint8Array(namespace.hosts.length);
  for (const target of expanded.targets) {
    const member = namespace.memberOf(target.host);
    if (member === undefined) {
      unknown.push({ host: target.host });
      placed.push(target);
    } else if (isPlaced[member] === 0) {
      isPlaced[member] = 1;
      placed.push({ ...target, host: namespace.hosts[member]! });
    }
  }
  if (isConstrained(namespace) && unknown.length > 0 && !allowUnknown)
    return { kind: 'unknown-hosts', hosts: foldTargets(unknown) };
  return { kind: 'placed', targets: placed };
}

/** Whether anything holds hosts of the namespace back: those that it doesn't know would slip through. */
export function isConstrained({ slots, stages }: Namespace): boolean {
  return slots.length > 0 || stages.length > 0;
}
