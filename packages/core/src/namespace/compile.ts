/**
 * Turns a namespace's definition into what plans are made from: hosts with their slots and stages. Pure.
 *
 * 1. The same definition gives the same namespace, whatever machine compiles it.
 * 2. Everything that is wrong is told at once, up to {@link maxNamespaceProblems}, where one fault doesn't hide another.
 * 3. Time and memory are bounded whatever the definition: see the limits in each step.
 */
import type { GroupSource } from '../targets/operand-resolver.js';
import { quoted } from '../targets/target-error.js';
import { hostKey, type Target } from '../targets/target.js';
import { buildSlots, type GroupMeaning } from './build-slots.js';
import { readConstraints } from './constraints.js';
import type { NamespaceDefinition } from './definition.js';
import { evaluateGroups, ExpressionExpansion } from './evaluate-groups.js';
import { ExpressionReader } from './expression-reader.js';
import { GroupNames } from './group.js';
import { classifyHosts } from './host-classes.js';
import { type HostNumbers, numberAliases, numberHosts, readAliases } from './host-numbers.js';
import { type Namespace, newNamespace } from './namespace.js';
import { evaluatePools, readPools } from './pools.js';
import { type NamespaceProblem, type NamespaceWarning, ProblemList } from './problem.js';
import { nameGroups, readGroups } from './read-groups.js';
import { findWarnings } from './warnings.js';

export type CompiledNamespace =
  | { readonly ok: true; readonly namespace: Namespace; readonly warnings: readonly NamespaceWarning[] }
  | { readonly ok: false; readonly problems: readonly NamespaceProblem[] };

export function compileNamespace(definition: NamespaceDefinition): CompiledNamespace {
  const problems = new ProblemList();
  const names = new GroupNames();
  nameGroups(definition, names, problems);
  const reader = new ExpressionReader(names, problems);
  const read = readGroups(definition, reader, problems);
  const pools = readPools(definition, reader, problems);
  const aliases = readAliases(definition, problems);
  const members: (readonly Target[])[] = [];
  const expansion = new ExpressionExpansion(members, { names, problems, aliases });
  if (read !== undefined) evaluateGroups(read, expansion, members, problems);
  const constraints = readConstraints(definition, problems);
  if (read === undefined || problems.found > 0) return failed(problems);

  const numbered = numberHosts(members, problems);
  const poolOf = evaluatePools(pools, expansion, numbered, problems);
  for (const [key, label] of expansion.aliasUses) {
    const { host, path } = aliases.get(key)!;
    const message = `this is an alias of ${quoted(host)}, and ${label} writes it as a host: use the host's own name there`;
    problems.add('alias-is-host', path, message);
  }
  numberAliases(definition, aliases, numbered, problems);
  if (problems.found > 0) return failed(problems);

  const classes = classifyHosts(numbered.targets.length, numbered.members);
  const meanings = meaningsOf(definition);
  const built = buildSlots(meanings, constraints, classes, problems);
  if (built === undefined) return failed(problems);
  const { targets, numbers } = numbered;
  const warnings = findWarnings({
    groups: read.groups,
    meanings,
    sizes: numbered.members.map((hosts) => hosts.length),
    constraints,
    classes,
    ...built,
    hosts: targets.map(({ host }) => host),
  });
  const groups = groupSource(names, numbered);
  const parts = {
    definition,
    targets,
    memberNumbers: numbers,
    ...built,
    classes,
    pools: poolOf,
    groups,
    warnings,
  };
  return { ok: true, namespace: newNamespace(parts), warnings };
}

function failed({ problems }: ProblemList): CompiledNamespace {
  return { ok: false, problems };
}

/** What the numbers of groups stand for: apps first, as {@link nameGroups} counts them. */
function meaningsOf({ apps, envs }: NamespaceDefinition): GroupMeaning[] {
  return [
    ...Object.keys(apps).map((app) => ({ kind: 'app' as const, app })),
    ...Object.entries(envs).flatMap(([type, values]) =>
      Object.keys(values).map((value) => ({ kind: 'environment' as const, type, value })),
    ),
  ];
}

function groupSource(names: GroupNames, { targets, numbers, members }: HostNumbers): GroupSource {
  const lists = new Map<number, readonly Target[]>();
  const listOf = (number: number | undefined) => {
    if (number === undefined) return undefined;
    let list = lists.get(number);
    if (list === undefined) lists.set(number, (list = members[number]!.map((member) => targets[member]!)));
    return list;
  };
  return {
    app: (name) => listOf(names.app(name)),
    environment: (type, value) => listOf(names.environment(type, value)),
    knownHosts: () => targets,
    ownName(host) {
      const member = numbers.get(hostKey(host));
      return member === undefined ? undefined : targets[member]!.host;
    },
  };
}
