/** The hosts of a command line: expressions, files of them, and what is excluded; read and expanded here, on the client. */
import { readFile } from 'node:fs/promises';
import {
  excludeTargets,
  expandTargets,
  explainTargetError,
  filesNeeded,
  foldTargets,
  parseTargets,
  type Target,
  targetLines,
} from '@pogo/core';
import type { Environment } from '../environment.js';
import { type Result, success, usageFailure } from '../failure.js';
import { systemErrorText } from '../system-error.js';

export interface TargetOptions {
  readonly expressions: readonly string[];
  /** Files with one expression a line; `-` is standard input. */
  readonly hostFiles: readonly string[];
  readonly excluded: readonly string[];
}

/** The targets that are asked for, in order, each host once. */
export async function readTargets(
  { expressions, hostFiles, excluded }: TargetOptions,
  environment: Environment,
): Promise<Result<readonly Target[]>> {
  const reader = new HostFileReader(environment);
  const wanted = await expand([...expressions, ...hostFiles.map(fileOperand)], reader);
  if (!wanted.ok || excluded.length === 0) return wanted;
  const without = await expand(excluded, reader);
  return without.ok ? success(excludeTargets(wanted.value, without.value)) : without;
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
async function expand(
  expressions: readonly string[],
  reader: HostFileReader,
): Promise<Result<readonly Target[]>> {
  for (const expression of expressions) {
    const parsed = parseTargets(expression);
    if (!parsed.ok) return targetFailure(expression, parsed.error);
    for (const path of filesNeeded(parsed.expression)) {
      const read = await reader.read(path);
      if (!read.ok) return read;
    }
    if (expressions.length > 1) {
      const alone = expandTargets(parsed.expression, reader.sources);
      if (!alone.ok) return targetFailure(expression, alone.error);
    }
  }
  const all = expressions.join(' ');
  const parsed = parseTargets(all);
  if (!parsed.ok) return targetFailure(all, parsed.error);
  const expanded = expandTargets(parsed.expression, reader.sources);
  return expanded.ok ? success(expanded.targets) : targetFailure(all, expanded.error);
}

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
