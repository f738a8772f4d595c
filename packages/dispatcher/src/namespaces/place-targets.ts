/** Targets as a namespace knows them: groups resolved, other names of a host replaced by its own (S6). Pure. */
import {
  foldTargets,
  membersOf,
  type Namespace,
  resolveTargets,
  type Target,
  type TargetError,
} from '@pogo/core';
import { specLimits } from '@pogo/protocol';

export type PlacedTargets =
  /** `hosts` are their names. */
  | { kind: 'placed'; targets: readonly Target[]; hosts: readonly string[] }
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
  const written = expanded.targets.map(({ host }) => host);
  if (namespace === undefined) return { kind: 'placed', targets: expanded.targets, hosts: written };
  const members = membersOf(namespace, written);
  const unknown: Target[] = [];
  const targets: Target[] = [];
  let isAsWritten = true;
  // Each is a host once already; two may be names of one.
  const isPlaced = new Uint8Array(namespace.hosts.length);
  for (const [index, target] of expanded.targets.entries()) {
    const member = members[index]!;
    if (member < 0) unknown.push({ host: target.host });
    else if (isPlaced[member] === 1) {
      isAsWritten = false;
      continue;
    } else isPlaced[member] = 1;
    const host = member < 0 ? target.host : namespace.hosts[member]!;
    isAsWritten &&= host === target.host;
    targets.push(host === target.host ? target : { ...target, host });
  }
  if (isConstrained(namespace) && unknown.length > 0 && !allowUnknown)
    return { kind: 'unknown-hosts', hosts: foldTargets(unknown) };
  // The very list whose members are known by now.
  return { kind: 'placed', targets, hosts: isAsWritten ? written : targets.map(({ host }) => host) };
}

/** Whether anything holds hosts of the namespace back: those that it doesn't know would slip through. */
export function isConstrained({ slots, stages }: Namespace): boolean {
  return slots.length > 0 || stages.length > 0;
}
