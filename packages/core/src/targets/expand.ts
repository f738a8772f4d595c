/**
 * Turns a parsed expression into its targets. Pure: groups, known hosts and the lines of files come from outside.
 *
 * 1. Nothing is materialised before its size is known to be within the limit: a pattern's size follows from its text.
 * 2. Neither the result nor any operand has more than `limit` hosts, and all operands together no more than
 *    {@link namedPerLimit} times as many, so that time and memory are bounded whatever the text repeats.
 * 3. A name that resolves to nothing (unknown group, wildcard without a match, file that wasn't read) is an error, never
 *    an empty set. A result may be empty (`h1!h1`), and so may a known group or a file.
 * 4. Order is that of the first mention; see {@link TargetSet} for hosts that are mentioned again.
 */
import { expandPattern } from './expand-pattern.js';
import { operandsOf, type Operand, type Operator, type TargetExpression, type Term } from './expression.js';
import { expectedHost, maxExpressionLength, parseTargets } from './parse.js';
import { formatCount, quoted, targetError, type TargetError, type TargetFault } from './target-error.js';
import { TargetSet, type Conflict } from './target-set.js';
import { formatTarget, hostKey, isHost, type Target } from './target.js';
import { matchesWildcard } from './wildcard.js';

/** What a namespace knows of hosts. */
export interface GroupSource {
  /** Members of an app, in order; undefined when there is no such app. */
  app(name: string): readonly Target[] | undefined;
  /** Hosts of a value of an environment type, in order; undefined when there is no such type or value. */
  environment(type: string, value: string): readonly Target[] | undefined;
  /** Every known host, in order: what `@*` and wildcards range over. */
  knownHosts(): readonly Target[];
}

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
/** How many times the limit all operands together may name, duplicates and removed hosts included. */
const namedPerLimit = 4;
/** Most comparisons of a wildcard with a known host. */
const maxComparisons = 50_000_000;

/** The targets of an expression, in order, each host once. */
export function expandTargets(
  expression: TargetExpression,
  sources: TargetSources = {},
  options: ExpandOptions = {},
): ExpandedTargets {
  const expansion = new Expansion(sources, options.limit ?? defaultTargetLimit);
  const targets = expansion.evaluate(expression, new TargetSet());
  return targets === undefined
    ? { ok: false, error: expansion.failure! }
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
  failure: TargetError | undefined;
  readonly #sources: TargetSources;
  readonly #limit: number;
  #named = 0;
  #comparisons = 0;
  #known: { target: Target; name: string }[] | undefined;
  /** Files that were evaluated already, by path. */
  readonly #files = new Map<string, TargetSet>();
  /** The text whose operands are being evaluated. */
  #text = '';

  constructor(sources: TargetSources, limit: number) {
    this.#sources = sources;
    this.#limit = limit;
  }

  /** Adds an expression's targets to a set, which it returns. */
  evaluate(expression: TargetExpression, result: TargetSet): TargetSet | undefined {
    this.#text = expression.text;
    for (const operand of operandsOf(expression)) if (!this.#countIn(operand)) return undefined;
    for (const term of expression.terms) {
      const apart = result.size > 0 && !isUnion(term);
      const set = apart ? new TargetSet() : result;
      if (!this.#evaluateTerm(term, set)) return undefined;
      if (apart && !this.#addAll(set.values(), result, term.first)) return undefined;
    }
    return result;
  }

  #evaluateTerm(term: Term, set: TargetSet): boolean {
    if (!this.#apply(',', term.first, set)) return false;
    for (const { operator, operand } of term.rest) if (!this.#apply(operator, operand, set)) return false;
    return true;
  }

  #apply(operator: Operator, operand: Operand, set: TargetSet): boolean {
    const targets = this.#targetsOf(operand);
    if (targets === undefined) return false;
    if (operator === ',') return this.#addAll(targets, set, operand);
    if (operator === '!') {
      for (const target of targets) set.delete(target);
      return true;
    }
    const other = new TargetSet();
    if (!this.#addAll(targets, other, operand)) return false;
    if (operator === '&') return this.#agree(set.intersect(other), operand);
    set.symmetricDifference(other);
    return this.#fits(operand, set);
  }

  #addAll(targets: Iterable<Target>, set: TargetSet, operand: Operand): boolean {
    for (const target of targets) {
      const conflict = set.add(target);
      if (conflict) return this.#agree(conflict, operand);
      if (!this.#fits(operand, set)) return false;
    }
    return true;
  }

  #targetsOf(operand: Operand): Iterable<Target> | undefined {
    switch (operand.kind) {
      case 'host':
        return [addressed(operand.host, operand)];
      case 'pattern':
        return operand.pattern.wildcard ? this.#matching(operand) : this.#written(operand);
      case 'app':
        return this.#members(operand, expandPattern(operand.name), (name) => this.#sources.groups?.app(name));
      case 'environment': {
        const values = expandPattern(operand.value);
        const pairs = expandPattern(operand.type).flatMap((type) =>
          values.map((value) => `${type}:${value}`),
        );
        return this.#members(operand, pairs, (pair) => {
          const colon = pair.indexOf(':');
          return this.#sources.groups?.environment(pair.slice(0, colon), pair.slice(colon + 1));
        });
      }
      case 'everything':
        return this.#everything(operand);
      case 'file':
        return this.#file(operand.path, operand);
    }
  }

  #written(operand: Operand & { kind: 'pattern' }): Target[] | undefined {
    const targets: Target[] = [];
    for (const host of expandPattern(operand.pattern)) {
      if (!isHost(host)) return this.#invalid(operand, host);
      targets.push(addressed(host, operand));
    }
    return targets;
  }

  #matching(operand: Operand & { kind: 'pattern' }): Target[] | undefined {
    const targets: Target[] = [];
    for (const variant of expandPattern(operand.pattern)) {
      if (!/[*?]/.test(variant)) {
        if (!isHost(variant)) return this.#invalid(operand, variant);
        targets.push(addressed(variant, operand));
        continue;
      }
      const known = this.#knownHosts();
      this.#comparisons += known.length;
      if (this.#comparisons > maxComparisons) {
        return this.#fail(operand, {
          code: 'too-much-work',
          expected: 'fewer wildcards',
          message: `the wildcards up to here need more than ${formatCount(maxComparisons)} comparisons with known hosts: write fewer of them, or name a group`,
        });
      }
      const pattern = variant.toLowerCase();
      const before = targets.length;
      for (const { target, name } of known) {
        if (matchesWildcard(pattern, name))
          targets.push(addressed(target.host, { ...target, ...account(operand) }));
      }
      if (targets.length === before) return this.#noMatch(operand, variant, known.length);
      if (targets.length > this.#limit) break;
    }
    return this.#countedIn(operand, targets);
  }

  #members(
    operand: Operand,
    names: readonly string[],
    lookUp: (name: string) => readonly Target[] | undefined,
  ): Target[] | undefined {
    const targets: Target[] = [];
    for (const name of names) {
      const members = lookUp(name);
      if (members === undefined) {
        const cause = this.#sources.groups
          ? 'the namespace has no such group'
          : 'no namespace with groups is known here';
        return this.#fail(operand, {
          code: 'unknown-group',
          expected: 'a group of the namespace',
          message: `unknown group ${quoted(`@${name}`)}: ${cause}`,
        });
      }
      for (const member of members) targets.push(member);
      if (targets.length > this.#limit) break;
    }
    return this.#countedIn(operand, targets);
  }

  #everything(operand: Operand): readonly Target[] | undefined {
    const known = this.#sources.groups?.knownHosts();
    if (known) return this.#countedIn(operand, known);
    return this.#fail(operand, {
      code: 'unknown-group',
      expected: 'a namespace with known hosts',
      message: 'unknown group "@*": no namespace with groups is known here',
    });
  }

  #file(path: string, operand: Operand): Iterable<Target> | undefined {
    const before = this.#files.get(path);
    if (before) return this.#countedIn(operand, [...before.values()]);
    const lines = this.#sources.readLines?.(path);
    if (lines === undefined) {
      return this.#fail(operand, {
        code: 'file-not-read',
        expected: 'a file that was read',
        message: `${path === '-' ? 'standard input' : quoted(path)} can't be read here: hosts of a file are read by the client`,
      });
    }
    const outer = this.#text;
    const set = new TargetSet();
    let length = 0;
    for (const [index, whole] of lines.entries()) {
      length += whole.length + 1;
      const comment = whole.indexOf('#');
      const text = comment < 0 ? whole : whole.slice(0, comment);
      if (text.trim() === '') continue;
      const error = length > maxExpressionLength ? tooLong(text) : this.#line(text, set);
      if (error === undefined) continue;
      this.#text = outer;
      this.failure = inFile(outer, operand, { path, line: index + 1, text: whole }, error);
      return undefined;
    }
    this.#text = outer;
    this.#files.set(path, set);
    return this.#countedIn(operand, [...set.values()]);
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
    if (this.evaluate(parsed.expression, set) === undefined) return this.failure;
    return undefined;
  }

  /** Checks the size of an operand whose text tells it (1, 2). */
  #countIn(operand: Operand): boolean {
    let count = 1;
    if (operand.kind === 'pattern') count = operand.pattern.count;
    else if (operand.kind === 'app') count = operand.name.count;
    else if (operand.kind === 'environment') count = operand.type.count * operand.value.count;
    return this.#count(operand, count);
  }

  /** Checks the size of an operand that had to be looked up (2). */
  #countedIn<T extends readonly Target[]>(operand: Operand, targets: T): T | undefined {
    return this.#count(operand, targets.length) ? targets : undefined;
  }

  #count(operand: Operand, count: number): boolean {
    const most = formatCount(this.#limit);
    if (count > this.#limit) {
      return this.#tooMany(
        operand,
        most,
        `names ${formatCount(count)} hosts, and at most ${most} are allowed`,
      );
    }
    this.#named += count;
    const mostNamed = this.#limit * namedPerLimit;
    if (this.#named <= mostNamed) return true;
    const named = `makes it ${formatCount(this.#named)} hosts named, repeated and removed ones included`;
    return this.#tooMany(
      operand,
      formatCount(mostNamed),
      `${named}, and at most ${formatCount(mostNamed)} may be`,
    );
  }

  #fits(operand: Operand, set: TargetSet): boolean {
    if (set.size <= this.#limit) return true;
    const most = formatCount(this.#limit);
    return this.#tooMany(operand, most, `brings the hosts beyond ${most}, and no more are allowed`);
  }

  #tooMany(operand: Operand, most: string, why: string): false {
    const name = quoted(this.#text.slice(operand.offset, operand.offset + operand.length));
    this.#fail(operand, {
      code: 'too-many-hosts',
      expected: `at most ${most} hosts`,
      message: `${name} ${why}: name fewer hosts, or split the job`,
    });
    return false;
  }

  #agree(conflict: Conflict | undefined, operand: Operand): boolean {
    if (conflict === undefined) return true;
    const [earlier, later] = [formatTarget(conflict.earlier), formatTarget(conflict.later)];
    this.#fail(operand, {
      code: 'conflicting-target',
      expected: 'one account and one port for a host',
      message: `the same host is asked for as ${quoted(earlier)} and as ${quoted(later)}: a job reaches a host once, so name one account and port`,
    });
    return false;
  }

  #noMatch(operand: Operand, variant: string, known: number): undefined {
    const cause = known > 0 ? `none of ${formatCount(known)} known hosts` : 'no hosts are known here';
    return this.#fail(operand, {
      code: 'no-match',
      expected: 'a wildcard that some known host matches',
      message:
        known > 0 ? `${quoted(variant)} matches ${cause}` : `${quoted(variant)} can match nothing: ${cause}`,
    });
  }

  #invalid(operand: Operand, host: string): undefined {
    return this.#fail(operand, { code: 'invalid-host', found: quoted(host), expected: expectedHost(host) });
  }

  #knownHosts(): { target: Target; name: string }[] {
    this.#known ??= (this.#sources.groups?.knownHosts() ?? []).map((target) => ({
      target,
      name: target.host.toLowerCase(),
    }));
    return this.#known;
  }

  #fail(operand: Operand, fault: Omit<TargetFault, 'offset'>): undefined {
    this.failure ??= targetError(this.#text, { offset: operand.offset, length: operand.length, ...fault });
    return undefined;
  }
}

function isUnion(term: Term): boolean {
  return term.rest.every(({ operator }) => operator === ',');
}

function account({ user, port }: { user?: string; port?: number }): { user?: string; port?: number } {
  return { ...(user === undefined ? {} : { user }), ...(port === undefined ? {} : { port }) };
}

function addressed(host: string, operand: { user?: string; port?: number }): Target {
  return operand.user === undefined && operand.port === undefined ? { host } : { host, ...account(operand) };
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
