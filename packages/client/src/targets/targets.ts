/** The hosts of a command line: expressions, files of them, and what is excluded; read and expanded here, on the client. */
import { readFile } from 'node:fs/promises';
import {
  excludeTargets,
  expandTargets,
  type ExpandedTargets,
  explainTargetError,
  filesNeeded,
  foldTargets,
  hostKey,
  parseTargets,
  type Target,
  type TargetExpression,
  targetLines,
} from '@pogo/core';
import type { Environment } from '../environment.js';
import { type Result, success, usageFailure } from '../failure.js';
import { systemErrorText } from '../system-error.js';
import { NamespaceGroups } from './namespace-groups.js';

export interface TargetOptions {
  readonly expressions: readonly string[];
  /** Files with one expression a line; `-` is standard input. */
  readonly hostFiles: readonly string[];
  readonly excluded: readonly string[];
  /** What is left out need not be among the others: a recipe is used on many hosts. */
  readonly mayMiss?: boolean;
}

/**
 * The targets that are asked for, in order, each host once. Where hosts are left out, or compared, they go by their own
 * names (S6), whichever of their names was given.
 *
 * @param namespace for groups, wildcards over its hosts, and other names of them; by default there is none
 */
export async function readTargets(
  options: TargetOptions,
  environment: Environment,
  namespace = new NamespaceGroups(),
): Promise<Result<readonly Target[]>> {
  const sources = { files: new HostFileReader(environment), namespace };
  let chosen = await choose(options, sources);
  if (!chosen.ok || !comparesHosts(options, sources.files)) return asTargets(chosen);
  const loaded = await namespace.load();
  if (!loaded.ok) return loaded;
  if (namespace.groups !== undefined) chosen = await choose(options, sources);
  // Whoever leaves out a host relies on its staying untouched: a name that means nothing here must not pass in silence.
  for (const expression of chosen.ok && options.mayMiss !== true ? chosen.value.idle : []) {
    environment.stderr.write(
      `pogo: nothing-excluded: -x ${expression} leaves out none of the hosts; names are compared whole: \`pogo targets EXPR\` lists them\n`,
    );
  }
  return asTargets(chosen);
}

interface Selection {
  readonly targets: readonly Target[];
  /** What was to be left out, and isn't among the others anyway. */
  readonly idle: readonly string[];
}

function asTargets(chosen: Result<Selection>): Result<readonly Target[]> {
  return chosen.ok ? success(chosen.value.targets) : chosen;
}

async function choose(
  { expressions, hostFiles, excluded }: TargetOptions,
  sources: Sources,
): Promise<Result<Selection>> {
  const { namespace } = sources;
  const wanted = await expand([...expressions, ...hostFiles.map(fileOperand)], sources);
  if (!wanted.ok) return wanted;
  const all = underOwnNames(wanted.value, namespace);
  const left: Target[] = [];
  const idle: string[] = [];
  for (const expression of excluded) {
    const without = await expand([expression], sources);
    if (!without.ok) return without;
    const targets = underOwnNames(without.value, namespace);
    if (all.length > 0 && excludeTargets(all, targets).length === all.length) idle.push(expression);
    left.push(...targets);
  }
  return success({ targets: excludeTargets(all, left), idle });
}

/** Whether names of hosts are looked for among others, so that it matters when a host has two. */
function comparesHosts({ expressions, excluded }: TargetOptions, files: HostFileReader): boolean {
  const operator = /[!&^]/;
  return (
    excluded.length > 0 ||
    expressions.some((expression) => operator.test(expression)) ||
    files.lines().some((line) => operator.test(line))
  );
}

/** Hosts by the names that the namespace has for them, each once (S6), if it was loaded. */
export function underOwnNames(targets: readonly Target[], { groups }: NamespaceGroups): Target[] {
  if (groups?.ownName === undefined) return [...targets];
  const byKey = new Map<string, Target>();
  for (const target of targets) {
    const host = groups.ownName(target.host) ?? target.host;
    if (!byKey.has(hostKey(host))) byKey.set(hostKey(host), { ...target, host });
  }
  return [...byKey.values()];
}

/** Targets as the canonical list of `user@host:port` that jobs have: the job's account and port where none is named. */
export function canonicalTargets(
  targets: readonly Target[],
  defaults: { user: string; port: number },
): Target[] {
  return targets.map(({ host, user = defaults.user, port = defaults.port }) => ({ host, user, port }));
}

/** An expression that names exactly these targets. */
export function expressionOf(targets: readonly Target[]): string {
  return foldTargets(targets);
}

function fileOperand(path: string): string {
  return path === '-' ? '-' : `@file:"${path}"`;
}

/** The union of several expressions; each is parsed on its own, so that an error points into what was typed. */
async function expand(expressions: readonly string[], sources: Sources): Promise<Result<readonly Target[]>> {
  for (const expression of expressions) {
    const parsed = parseTargets(expression);
    if (!parsed.ok) return targetFailure(expression, parsed.error);
    for (const path of filesNeeded(parsed.expression)) {
      const read = await sources.files.read(path);
      if (!read.ok) return read;
    }
    if (expressions.length > 1) {
      const alone = await expandWith(parsed.expression, sources);
      if (!alone.ok) return alone;
      if (!alone.value.ok) return targetFailure(expression, alone.value.error);
    }
  }
  const all = expressions.join(' ');
  const parsed = parseTargets(all);
  if (!parsed.ok) return targetFailure(all, parsed.error);
  const expanded = await expandWith(parsed.expression, sources);
  if (!expanded.ok) return expanded;
  return expanded.value.ok ? success(expanded.value.targets) : targetFailure(all, expanded.value.error);
}

interface Sources {
  readonly files: HostFileReader;
  readonly namespace: NamespaceGroups;
}

/** Expands without the namespace where that will do, since to ask for it costs a request. */
async function expandWith(
  expression: TargetExpression,
  { files, namespace }: Sources,
): Promise<Result<ExpandedTargets>> {
  const expanded = () => expandTargets(expression, { ...files.sources, groups: namespace.groups });
  const first = expanded();
  if (first.ok || !needsNamespace.includes(first.error.code)) return success(first);
  const loaded = await namespace.load();
  if (!loaded.ok) return loaded;
  return success(loaded.value ? expanded() : first);
}

/** What an expression is refused for that only a namespace can make sense of. */
const needsNamespace: readonly string[] = ['unknown-group', 'no-match'];

function targetFailure(expression: string, error: Parameters<typeof explainTargetError>[1]): Result<never> {
  return usageFailure(
    'invalid-target',
    `the target expression can't be read:\n${explainTargetError(expression, error)}`,
  );
}

class HostFileReader {
  readonly sources = { readLines: (path: string) => this.#lines.get(path) };
  readonly #lines = new Map<string, readonly string[]>();
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Of all files that were read. */
  lines(): string[] {
    return [...this.#lines.values()].flat();
  }

  async read(path: string): Promise<Result<undefined>> {
    if (this.#lines.has(path)) return success(undefined);
    try {
      const content = path === '-' ? await this.#standardInput() : await readFile(path, 'utf8');
      this.#lines.set(path, targetLines(content));
      return success(undefined);
    } catch (error) {
      return usageFailure('unreadable-file', `file of hosts ${path}: ${systemErrorText(error)}`);
    }
  }

  async #standardInput(): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.#environment.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
    return Buffer.concat(chunks).toString('utf8');
  }
}
