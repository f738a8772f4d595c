/**
 * Draining is said of a worker, of which there is one for all namespaces, and kept in the log of each, since each plans from
 * its own log alone. What one of them could not be told is answered, so that it can be said again.
 */
import { type ClusterState, decideDrain, type LogEntry } from '@pogo/core';
import type { ServedNamespace } from '../namespaces/served-namespace.js';

/** Names of the namespaces that could not be told. */
export async function tellNamespaces(
  namespaces: readonly ServedNamespace[],
  decide: (state: ClusterState) => LogEntry[],
): Promise<string[]> {
  const told = await Promise.all(
    namespaces.map(({ leader }) =>
      leader.command((state) => ({ entries: decide(state), answer: undefined })),
    ),
  );
  return namespaces.flatMap(({ identity }, index) => (told[index]!.kind === 'lost' ? [identity.name] : []));
}

/** A namespace that was just made hears which workers are drained in another. */
export async function drainAsIn(other: ServedNamespace, made: ServedNamespace): Promise<void> {
  const drained = await other.leader.read((state) => [...state.drained]);
  if (drained.kind === 'lost' || drained.answer.length === 0) return;
  const all = (state: ClusterState) =>
    drained.answer.flatMap(([worker, { by, note }]) => decideDrain(state, { worker, by, note }));
  await tellNamespaces([made], all);
}
