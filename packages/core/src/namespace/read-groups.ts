import { quoted } from '../targets/target-error.js';
import { isNamespaceName, type NamespaceDefinition } from './definition.js';
import { dependencyOrder } from './dependency-order.js';
import type { ExpressionReader } from './expression-reader.js';
import type { Group, GroupExpression, GroupNames } from './group.js';
import { chainOf, type DefinitionPath, type ProblemList, shownName } from './problem.js';

/** Groups by number, and the numbers in an order in which each comes after the groups that it is made from. */
export interface ReadGroups {
  readonly groups: readonly Group[];
  readonly order: readonly number[];
}

/** Most environment types. */
const maxTypes = 100;

/** Names of groups, checked, before any expression that may name them is read. */
export function nameGroups(definition: NamespaceDefinition, names: GroupNames, problems: ProblemList): void {
  let number = 0;
  for (const app of Object.keys(definition.apps)) {
    checkName(app, 'an app', ['apps', app], problems);
    names.addApp(app, number++);
  }
  const types = Object.keys(definition.envs).length;
  if (types > maxTypes) {
    const message = `${types} environment types, and at most ${maxTypes} are allowed`;
    problems.add('too-many-environments', ['envs'], message);
  }
  for (const [type, values] of Object.entries(definition.envs)) {
    if (type === 'file') {
      const message = 'an environment type can\'t be called "file": @file:PATH means a file of hosts';
      problems.add('invalid-name', ['envs', type], message);
    } else checkName(type, 'an environment type', ['envs', type], problems);
    for (const value of Object.keys(values)) {
      checkName(value, 'an environment value', ['envs', type, value], problems);
      names.addEnvironment(type, value, number++);
    }
  }
}

/** Complains about what can't be a name. */
export function checkName(name: string, what: string, path: DefinitionPath, problems: ProblemList): void {
  if (isNamespaceName(name)) return;
  const syntax =
    'letters, digits, "_", "." and "-", at most 128 of them, and begins with a letter or a digit';
  problems.add('invalid-name', path, `${quoted(name)} can't be the name of ${what}: it has ${syntax}`);
}

/** Reads every group's expressions; undefined when there is no order to evaluate them in. */
export function readGroups(
  definition: NamespaceDefinition,
  reader: ExpressionReader,
  problems: ProblemList,
): ReadGroups | undefined {
  const groups: Group[] = [];
  const add = (kind: Group['kind'], label: string, path: DefinitionPath, texts: readonly string[]) => {
    const expressions: GroupExpression[] = [];
    for (const [index, text] of texts.entries()) {
      const read = reader.read(text, [...path, index], kind === 'app' ? 'app' : 'elsewhere');
      if (read !== undefined) expressions.push(read);
    }
    groups.push({ kind, label, path, expressions });
  };
  for (const [app, texts] of Object.entries(definition.apps))
    add('app', `@${shownName(app)}`, ['apps', app], texts);
  for (const [type, values] of Object.entries(definition.envs)) {
    for (const [value, texts] of Object.entries(values))
      add('environment', `@${shownName(type)}:${shownName(value)}`, ['envs', type, value], texts);
  }
  const needs = groups.map(({ expressions }) => [...new Set(expressions.flatMap((one) => one.groups))]);
  const { order, cycles } = dependencyOrder(needs);
  for (const cycle of cycles) reportCycle(cycle, groups, problems);
  return cycles.length > 0 ? undefined : { groups, order };
}

function reportCycle(cycle: readonly number[], groups: readonly Group[], problems: ProblemList): void {
  const first = groups[cycle[0]!]!;
  const needed = cycle[1] ?? cycle[0]!;
  const { path } = first.expressions.find((expression) => expression.groups.includes(needed))!;
  const labels = cycle.map((number) => groups[number]!.label);
  const message =
    cycle.length === 1
      ? `${first.label} is made from itself`
      : `groups are made from each other: ${chainOf([...labels, first.label])}; one of them has to be made without the next`;
  problems.add('group-cycle', path, message);
}
