import { quoted } from '../targets/target-error.js';
import { hostKey } from '../targets/target.js';
import type { NamespaceDefinition } from './definition.js';
import type { ExpressionExpansion } from './evaluate-groups.js';
import type { ExpressionReader } from './expression-reader.js';
import type { GroupExpression } from './group.js';
import type { HostNumbers } from './host-numbers.js';
import { type ProblemList, shownName } from './problem.js';
import { checkName } from './read-groups.js';

/** A pool of workers, and the expression of the hosts that they reach. */
export interface Pool {
  readonly name: string;
  readonly hosts: GroupExpression;
}

export function readPools(
  definition: NamespaceDefinition,
  reader: ExpressionReader,
  problems: ProblemList,
): Pool[] {
  const pools: Pool[] = [];
  for (const [name, text] of Object.entries(definition.pools ?? {})) {
    checkName(name, 'a pool', ['pools', name], problems);
    const hosts = reader.read(text, ['pools', name], 'elsewhere');
    if (hosts !== undefined) pools.push({ name, hosts });
  }
  return pools;
}

/** The pool of each host that has one, by member number. A host has one at most: which workers reach it is no choice. */
export function evaluatePools(
  pools: readonly Pool[],
  expansion: ExpressionExpansion,
  { targets, numbers }: HostNumbers,
  problems: ProblemList,
): Map<number, string> {
  const poolOf = new Map<number, string>();
  expansion.known = targets;
  for (const { name, hosts } of pools) {
    const { path } = hosts;
    const found = expansion.expand(hosts);
    if (found === undefined) continue;
    expansion.checkWritten({ label: `pool ${shownName(name)}`, expressions: [hosts] });
    for (const { host } of found) {
      const member = numbers.get(hostKey(host));
      const other = member === undefined ? undefined : poolOf.get(member);
      if (member === undefined) {
        const message = `${quoted(host)} is in no app and in no environment: pools are made of hosts that are`;
        problems.add('unknown-host', path, message);
        break;
      }
      if (other !== undefined) {
        const message = `${quoted(host)} is in pool ${shownName(other)} already: a host has one pool at most`;
        problems.add('host-in-two-pools', path, message);
        break;
      }
      poolOf.set(member, name);
    }
  }
  return poolOf;
}
