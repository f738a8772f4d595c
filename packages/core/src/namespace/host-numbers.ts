import { formatCount, quoted } from '../targets/target-error.js';
import { hostKey, isHost, type Target } from '../targets/target.js';
import type { NamespaceDefinition } from './definition.js';
import type { DefinitionPath, ProblemList } from './problem.js';

/** Most hosts of a namespace. */
const maxHosts = 1_000_000;

/** The hosts of a namespace, numbered in the order of their first group. */
export interface HostNumbers {
  readonly targets: readonly Target[];
  /** By the keys of names. */
  readonly numbers: Map<string, number>;
  /** Numbers of each group's hosts. */
  readonly members: readonly (readonly number[])[];
}

export function numberHosts(groups: readonly (readonly Target[])[], problems: ProblemList): HostNumbers {
  const targets: Target[] = [];
  const numbers = new Map<string, number>();
  const members = groups.map((hosts) =>
    hosts.map((target) => {
      const key = hostKey(target.host);
      let number = numbers.get(key);
      if (number === undefined) {
        numbers.set(key, (number = targets.length));
        targets.push(target);
      }
      return number;
    }),
  );
  if (targets.length > maxHosts) {
    const count = `${formatCount(targets.length)} hosts, and at most ${formatCount(maxHosts)} are allowed`;
    problems.add('too-many-hosts', ['apps'], `the namespace has ${count}`);
  }
  return { targets, numbers, members };
}

/** Another name of a host. */
export interface Alias {
  readonly host: string;
  readonly path: DefinitionPath;
}

/** Aliases by their keys (S6): each stands for one host. */
export function readAliases(definition: NamespaceDefinition, problems: ProblemList): Map<string, Alias> {
  const aliases = new Map<string, Alias>();
  for (const [host, names] of Object.entries(definition.aliases ?? {})) {
    for (const [index, name] of names.entries()) {
      const path = ['aliases', host, index];
      const key = hostKey(name);
      if (!isHost(name)) {
        problems.add('invalid-host', path, `${quoted(name)} is neither a host name nor an address`);
      } else if (aliases.has(key) || key === hostKey(host)) {
        const owner = aliases.get(key)?.host ?? host;
        problems.add('duplicate-alias', path, `${quoted(name)} is a name of ${quoted(owner)} already`);
      } else aliases.set(key, { host, path });
    }
  }
  return aliases;
}

/** Lets aliases stand for the numbers of their hosts. */
export function numberAliases(
  definition: NamespaceDefinition,
  aliases: ReadonlyMap<string, Alias>,
  { numbers }: HostNumbers,
  problems: ProblemList,
): void {
  for (const host of Object.keys(definition.aliases ?? {})) {
    if (numbers.has(hostKey(host))) continue;
    const message = `${quoted(host)} is in no app and in no environment: aliases belong to hosts that are`;
    problems.add('unknown-host', ['aliases', host], message);
  }
  if (problems.found > 0) return;
  for (const [key, { host }] of aliases) numbers.set(key, numbers.get(hostKey(host))!);
}
