/**
 * Turns a parsed expression into its targets. Pure: groups, known hosts and the lines of files come from outside.
 *
 * 1. Nothing is materialised before its size is known to be within the limit: a pattern's size follows from its text.
 * 2. Neither the result nor any operand has more than `limit` hosts, and all operands together no more than
 *    four times as many, so that time and memory are bounded whatever the text repeats.
 * 3. A name that resolves to nothing (unknown group, wildcard without a match, file that wasn't read) is an error, never
 *    an empty set. A result may be empty (`h1!h1`), and so may a known group or a file.
 * 4. Order is that of the first mention; see {@link TargetSet} for hosts that are mentioned again.
 * 5. Where hosts are compared (`!`, `&`, `^`) each goes by its own name, whichever of its names is written (S6).
 */
import { ExpansionGuard } from './expansion-guard.js';
import { operandsOf, type Operand, type Operator, type TargetExpression, type Term } from './expression.js';
import { OperandResolver, type GroupSource } from './operand-resolver.js';
import { maxExpressionLength, parseTargets } from './parse.js';
import { formatCount, quoted, targetError, type TargetError } from './target-error.js';
import { TargetSet } from './target-set.js';
import { hostKey, type Target } from './target.js';

/** Where operands that aren't written out come from; each may be absent. */
export interface TargetSources {
  readonly groups?: GroupSource | undefined;
  /** Lines of a file of {@link filesNeeded}, `-` being standard input; undefined when it wasn't read. */
  readonly readLines?: ((path: string) => readonly string[] | undefined) | undefined;
}

export interface ExpandOptions {
  /** Most hosts in a result, at least 1; {@link defaultTargetLimit} unless told, and at most 16,000,000. */
  readonly limit?: number | undefined;
}

export type ExpandedTargets =
  { readonly ok: true; readonly targets: Target[] } | { readonly ok: false; readonly error: TargetError };

export const defaultTargetLimit = 1_000_000;

/** The targets of an expression, in order, each host once. */
export function expandTargets(
  expression: TargetExpression,
  sources: TargetSources = {},
  options: ExpandOptions = {},
): ExpandedTargets {
  const expansion = new Expansion(sources, options.limit ?? defaultTargetLimit);
  const targets = expansion.evaluate(expression, new TargetSet());
  return targets === undefined
    ? { ok: false, error: expansion.guard.failure! }
    : { ok: true, targets: [...targets.values()] };
}

/** Parses and expands at once, for expressions whose files have been read already or that have none. */
export function resolveTargets(
  text: string,
  sources?: TargetSources,
  options?: ExpandOptions,
): ExpandedTargets {
  const parsed = parseTargets(text);
  return parsed.ok ? expandTargets(parsed.expression, sources, options) : parsed;
}

/** Targets without the hosts of others, in order. */
export function excludeTargets(targets: readonly Target[], excluded: readonly Target[]): Target[] {
  const keys = new Set(excluded.map(({ host }) => hostKey(host)));
  return targets.filter(({ host }) => !keys.has(hostKey(host)));
}

/** Lines of a file of expressions, for {@link TargetSources.readLines}. */
export function targetLines(content: string): string[] {
  return content.replace(/^\ufeff/, '').split(/\r?\n/);
}

class Expansion {
  readonly guard: ExpansionGuard;
  readonly #readLines: TargetSources['readLines'];
  readonly #resolver: OperandResolver;
  readonly #groups: GroupSource | undefined;
  /** Files that were evaluated already, by path. */
  readonly #files = new Map<string, readonly Target[]>();

  constructor(sources: TargetSources, limit: number) {
    this.guard = new ExpansionGuard(limit);
    this.#readLines = sources.readLines;
    this.#groups = sources.groups;
    this.#resolver = new OperandResolver(this.guard, sources.groups);
  }

  /** Adds an expression's targets to a set, which it returns. */
  evaluate(expression: TargetExpression, result: TargetSet): TargetSet | undefined {
    this.guard.text = expression.text;
    for (const operand of operandsOf(expression)) if (!this.guard.countWritten(operand)) return undefined;
    for (const term of expression.terms) {
      const apart = result.size > 0 && !isUnion(term);
      const set = apart ? new TargetSet() : result;
      if (!this.#evaluateTerm(term, set)) return undefined;
      if (apart && !this.#addAll(set.values(), result, term.first)) return undefined;
    }
    return result;
  }

  #evaluateTerm(term: Term, set: TargetSet): boolean {
    const comparesHosts = !isUnion(term);
    const apply = (operator: Operator, operand: Operand) => {
      const targets = comparesHosts ? this.#underOwnNames(operand) : this.#targetsOf(operand);
      return targets !== undefined && this.#apply(operator, operand, targets, set);
    };
    return apply(',', term.first) && term.rest.every(({ operator, operand }) => apply(operator, operand));
  }

  #apply(operator: Operator, operand: Operand, targets: readonly Target[], set: TargetSet): boolean {
    if (operator === ',') return this.#addAll(targets, set, operand);
    if (operator === '!') {
      for (const target of targets) set.delete(target);
      return true;
    }
    const other = new TargetSet();
    if (!this.#addAll(targets, other, operand)) return false;
    if (operator === '&') return this.guard.agrees(operand, set.intersect(other));
    set.symmetricDifference(other);
    return this.guard.fits(operand, set);
  }

  #addAll(targets: Iterable<Target>, set: TargetSet, operand: Operand): boolean {
    for (const target of targets) {
      const conflict = set.add(target);
      if (conflict) return this.guard.agrees(operand, conflict);
      if (!this.guard.fits(operand, set)) return false;
    }
    return true;
  }

  #underOwnNames(operand: Operand): readonly Target[] | undefined {
    const targets = this.#targetsOf(operand);
    const groups = this.#groups;
    if (targets === undefined || groups?.ownName === undefined) return targets;
    return targets.map((target) => {
      const host = groups.ownName!(target.host);
      return host === undefined || host === target.host ? target : { ...target, host };
    });
  }

  #targetsOf(operand: Operand): readonly Target[] | undefined {
    return operand.kind === 'file' ? this.#file(operand.path, operand) : this.#resolver.resolve(operand);
  }

  #file(path: string, operand: Operand): readonly Target[] | undefined {
    const targets = this.#files.get(path) ?? this.#readFile(path, operand);
    if (targets === undefined || !this.guard.count(operand, targets.length)) return undefined;
    this.#files.set(path, targets);
    return targets;
  }

  #readFile(path: string, operand: Operand): readonly Target[] | undefined {
    const lines = this.#readLines?.(path);
    if (lines === undefined) {
      const name = path === '-' ? 'standard input' : quoted(path);
      return this.guard.fail(operand, {
        code: 'file-not-read',
        expected: 'a file that was read',
        message: `${name} can't be read here: hosts of a file are read by the client`,
      });
    }
    const outer = this.guard.text;
    const set = new TargetSet();
    let length = 0;
    for (const [index, whole] of lines.entries()) {
      length += whole.length + 1;
      const comment = whole.indexOf('#');
      const text = comment < 0 ? whole : whole.slice(0, comment);
      if (text.trim() === '') continue;
      const error = length > maxExpressionLength ? tooLong(text) : this.#line(text, set);
      if (error === undefined) continue;
      this.guard.text = outer;
      this.guard.failure = inFile(outer, operand, { path, line: index + 1, text: whole }, error);
      return undefined;
    }
    this.guard.text = outer;
    return [...set.values()];
  }

  /** Adds the targets of one line; the error is relative to the line. */
  #line(text: string, set: TargetSet): TargetError | undefined {
    const parsed = parseTargets(text);
    if (!parsed.ok) return parsed.error;
    for (const operand of operandsOf(parsed.expression)) {
      if (operand.kind !== 'file') continue;
      return targetError(text, {
        code: 'nested-file',
        offset: operand.offset,
        length: operand.length,
        expected: 'hosts, patterns or groups: a file of hosts names no other file',
      });
    }
    if (this.evaluate(parsed.expression, set) === undefined) return this.guard.failure;
    return undefined;
  }
}

function isUnion(term: Term): boolean {
  return term.rest.every(({ operator }) => operator === ',');
}

function tooLong(text: string): TargetError {
  return targetError(text, {
    code: 'expression-too-long',
    offset: 0,
    length: text.length,
    expected: `at most ${formatCount(maxExpressionLength)} characters in a file of hosts`,
    message: `the file has more than ${formatCount(maxExpressionLength)} characters up to here`,
  });
}

/** The error of a line as an error of the operand that names the file. */
function inFile(
  text: string,
  operand: Operand,
  place: { path: string; line: number; text: string },
  error: TargetError,
): TargetError {
  const { code, found, expected, message, offset, length } = error;
  return {
    ...targetError(text, { code, offset: operand.offset, length: operand.length, found, expected, message }),
    within: { ...place, offset, length },
  };
}
