/**
 * Which namespace a host belongs to: one at most (S6), the one whose file in force names it.
 *
 * 1. Files are put in force one at a time over all namespaces, so that of two that name a host one is refused. That holds
 *    for the namespaces that one dispatcher leads: where it can't read another namespace's file in force, it refuses.
 * 2. What it costs is a look-up for each host and other namespace; with one namespace it costs nothing.
 */
import { membersOf, type Namespace } from '@pogo/core';
import type { Leader } from '../leader/leader.js';
import { Turns } from '../turns.js';
import type { NamespaceIdentity } from './namespace-registry.js';

/** A namespace with its leader. */
export interface OwningNamespace {
  readonly identity: NamespaceIdentity;
  readonly leader: Leader;
}

/** Hosts, by the name that was asked for, with whose they are: `namespace east (version 3)`. */
export type ForeignHosts = ReadonlyMap<string, string>;

export interface HostOwnersOptions {
  /** Every namespace that there is; rejects with a StoreError when that isn't known. */
  namespaces: () => Promise<readonly OwningNamespace[]>;
}

export class HostOwners {
  readonly #options: HostOwnersOptions;
  readonly #turns = new Turns();

  constructor(options: HostOwnersOptions) {
    this.#options = options;
  }

  /** One at a time (1). */
  exclusively<T>(act: () => Promise<T>): Promise<T> {
    return this.#turns.take('files', act);
  }

  /** Those of the hosts that are another namespace's than `name`; `lost` when one of these isn't led here. */
  async elsewhere(
    name: string,
    hosts: readonly string[],
  ): Promise<{ kind: 'told'; foreign: ForeignHosts } | { kind: 'lost'; leader: Leader }> {
    const foreign = new Map<string, string>();
    for (const { identity, leader } of await this.#options.namespaces()) {
      if (identity.name === name || hosts.length === 0) continue;
      const found = await leader.read(({ constraints: { version, namespace } }) => ({ version, namespace }));
      if (found.kind === 'lost') return { kind: 'lost', leader };
      const { version, namespace } = found.answer;
      if (namespace === undefined) continue;
      const owner = `namespace ${identity.name} (version ${version})`;
      for (const host of hosts) if (namespace.memberOf(host) !== undefined) foreign.set(host, owner);
    }
    return { kind: 'told', foreign };
  }
}

/** Every name that a file has for its hosts. */
export function namesIn({ hosts, definition }: Namespace): string[] {
  return [...hosts, ...Object.values(definition.aliases ?? {}).flat()];
}

/** Of a job's hosts those that are another namespace's: none that its own namespace has is. */
export function strangersElsewhere(
  { namespace: name, owners }: { namespace: string; owners: HostOwners },
  namespace: Namespace | undefined,
  hosts: readonly string[],
): ReturnType<HostOwners['elsewhere']> {
  const members = namespace && membersOf(namespace, hosts);
  const strangers = members === undefined ? hosts : hosts.filter((_host, index) => members[index]! < 0);
  return owners.elsewhere(name, strangers);
}
