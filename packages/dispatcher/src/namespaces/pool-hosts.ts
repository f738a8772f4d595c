/** Which pools of workers the hosts of a job need. Pure. */
import { foldTargets, membersOf, type Namespace } from '@pogo/core';

/** Names of hosts by their pool; `undefined` stands for those that any worker reaches. */
export type PoolHosts = ReadonlyMap<string | undefined, readonly string[]>;

export function poolHosts(namespace: Namespace | undefined, hosts: readonly string[]): PoolHosts {
  if (namespace === undefined || Object.keys(namespace.definition.pools ?? {}).length === 0)
    return new Map([[undefined, hosts]]);
  const byPool = new Map<string | undefined, string[]>();
  membersOf(namespace, hosts).forEach((member, index) => {
    const pool = member < 0 ? undefined : namespace.poolOf(member);
    const others = byPool.get(pool);
    if (others === undefined) byPool.set(pool, [hosts[index]!]);
    else others.push(hosts[index]!);
  });
  return byPool;
}

/**
 * What a plan warns of: hosts that nobody reaches now.
 *
 * @param connected how many workers of a pool are
 */
export function unreachedPools(pools: PoolHosts, connected: (pool: string) => number): string[] {
  return [...pools].flatMap(([pool, hosts]) => {
    if (pool === undefined || connected(pool) > 0) return [];
    const names = foldTargets(hosts.map((host) => ({ host })));
    const which = hosts.length === 1 ? `${names} waits` : `${hosts.length} hosts wait (${shortened(names)})`;
    return [
      `no worker of pool ${pool} is connected: ${which} until one comes and the job's credentials are sealed for it (pogo resume), since they are sealed for the workers that are here now; better start one before the run`,
    ];
  });
}

const maxNamesLength = 200;

function shortened(names: string): string {
  return names.length > maxNamesLength ? `${names.slice(0, maxNamesLength)}…` : names;
}
