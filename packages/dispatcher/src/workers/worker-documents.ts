/**
 * Workers as people see them: who is connected here, who was, and what the logs say of them.
 *
 * 1. A worker that only a log names is listed as well: its hosts are waited for.
 * 2. A drain is told with the namespaces that don't know of it, or can't tell just now: there hosts may still be assigned.
 */
import type { Drain } from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import type { WorkerDocument } from '@pogo/protocol';
import type { ServedNamespaces } from '../namespaces/served-namespaces.js';
import type { WorkerRegistry } from './worker-registry.js';

export interface WorkersContext {
  registry: WorkerRegistry;
  served: ServedNamespaces;
  clock: Clock;
  /** How long a worker may be away before its hosts become `unknown`, in milliseconds. */
  lostAfterMs: number;
  /** When this dispatcher began, on the wall clock. */
  startedAtMs: number;
}

/** What one namespace's log says of workers; undefined where nobody can tell just now. */
interface Known {
  namespace: string;
  said: { joined: string[]; drained: [string, Drain][]; assigned: [string, number][] } | undefined;
}

/** By name. Rejects with a StoreError when it isn't known which namespaces there are. */
export async function workerDocuments(context: WorkersContext): Promise<WorkerDocument[]> {
  const known = await Promise.all((await context.served.known()).map(knownIn));
  const names = new Set(context.registry.all().map(({ name }) => name));
  const assigned = new Map<string, number>();
  for (const { said } of known) {
    for (const name of [...(said?.joined ?? []), ...(said?.drained ?? []).map(([worker]) => worker)])
      names.add(name);
    for (const [name, count] of said?.assigned ?? []) assigned.set(name, (assigned.get(name) ?? 0) + count);
  }
  return [...names].sort().map((name) => ({
    ...presence(context, name),
    assigned: assigned.get(name) ?? 0,
    ...drainOf(known, name),
  }));
}

async function knownIn({ identity, leader }: ServedNamespaces['all'][number]): Promise<Known> {
  const said = await leader.view(({ workers, drained, assignedTo }) => ({
    joined: [...workers.keys()],
    drained: [...drained],
    assigned: [...assignedTo],
  }));
  return { namespace: identity.name, said: said.kind === 'ok' ? said.answer : undefined };
}

function presence(
  { registry, clock, lostAfterMs, startedAtMs }: WorkersContext,
  name: string,
): Omit<WorkerDocument, 'assigned' | 'drain'> {
  const record = registry.get(name);
  const { awaySinceMs } = record ?? {};
  const awayMs = clock.wallMs() - (awaySinceMs ?? startedAtMs);
  const away = awayMs >= lostAfterMs ? 'lost' : 'away';
  return {
    name,
    state: record?.session === undefined ? away : 'connected',
    ...(awaySinceMs !== undefined && { awaySinceMs }),
    ...(record && {
      version: record.version,
      capacity: record.capacity,
      pools: [...record.pools],
      keyId: record.recipient.kid,
    }),
  };
}

/** (2); where several know of it, the first that was said. */
function drainOf(known: readonly Known[], name: string): Pick<WorkerDocument, 'drain'> {
  const drains = known.map(({ namespace, said }) => ({
    namespace,
    drain: said?.drained.find(([worker]) => worker === name)?.[1],
  }));
  const first = drains
    .flatMap(({ drain }) => drain ?? [])
    .reduce<Drain | undefined>((one, other) => (one && one.atMs <= other.atMs ? one : other), undefined);
  if (first === undefined) return {};
  const notIn = drains.flatMap(({ namespace, drain }) => (drain === undefined ? [namespace] : []));
  const { by, note, atMs } = first;
  return { drain: { by, atMs, ...(note !== undefined && { note }), ...(notIn.length > 0 && { notIn }) } };
}
