import { expandPattern } from './expand-pattern.js';
import type { ExpansionGuard } from './expansion-guard.js';
import type { Operand } from './expression.js';
import { comparedNames } from './known-names.js';
import { expectedHost } from './parse.js';
import { formatCount, quoted } from './target-error.js';
import { isHost, type Target } from './target.js';
import { wildcardMatcher } from './wildcard.js';

/** Most comparisons of a wildcard with a known host. */
const maxComparisons = 50_000_000;

/** What a namespace knows of hosts. */
export interface GroupSource {
  /** Members of an app, in order; undefined when there is no such app. */
  app(name: string): readonly Target[] | undefined;
  /** Hosts of a value of an environment type, in order; undefined when there is no such type or value. */
  environment(type: string, value: string): readonly Target[] | undefined;
  /** Every known host, in order: what `@*` and wildcards range over. */
  knownHosts(): readonly Target[];
  /** The host's own name, by that or by another name of it (S6); undefined when it isn't known. */
  ownName?(host: string): string | undefined;
}

/** Finds the hosts of single operands, files apart; undefined when one fails, which the guard then knows. */
export class OperandResolver {
  readonly #guard: ExpansionGuard;
  readonly #groups: GroupSource | undefined;
  #comparisons = 0;

  constructor(guard: ExpansionGuard, groups: GroupSource | undefined) {
    this.#guard = guard;
    this.#groups = groups;
  }

  resolve(operand: Exclude<Operand, { kind: 'file' }>): readonly Target[] | undefined {
    switch (operand.kind) {
      case 'host':
        return [addressed(operand.host, operand)];
      case 'pattern':
        return operand.pattern.wildcard ? this.#matching(operand) : this.#written(operand);
      case 'app':
        return this.#members(operand, expandPattern(operand.name), (name) => this.#groups?.app(name));
      case 'environment': {
        const values = expandPattern(operand.value);
        const types = expandPattern(operand.type);
        const names = types.flatMap((type) => values.map((value) => `${type}:${value}`));
        return this.#members(operand, names, (name) => {
          const colon = name.indexOf(':');
          return this.#groups?.environment(name.slice(0, colon), name.slice(colon + 1));
        });
      }
      case 'everything':
        return this.#everything(operand);
    }
  }

  #written(operand: Operand & { kind: 'pattern' }): readonly Target[] | undefined {
    const targets: Target[] = [];
    for (const host of expandPattern(operand.pattern)) {
      if (!isHost(host)) return this.#invalid(operand, host);
      targets.push(addressed(host, operand));
    }
    return targets;
  }

  #matching(operand: Operand & { kind: 'pattern' }): readonly Target[] | undefined {
    const variants = expandPattern(operand.pattern);
    const known = this.#groups?.knownHosts() ?? [];
    if (!this.#affords(operand, variants.length * known.length)) return undefined;
    const targets: Target[] = [];
    for (const variant of variants) {
      if (!/[*?]/.test(variant)) {
        if (!isHost(variant)) return this.#invalid(operand, variant);
        targets.push(addressed(variant, operand));
        continue;
      }
      const matches = wildcardMatcher(variant.toLowerCase());
      const before = targets.length;
      comparedNames(known).forEach((name, index) => {
        if (matches(name)) targets.push(readdressed(known[index]!, operand));
      });
      if (targets.length === before) return this.#noMatch(operand, variant, known.length);
      if (targets.length > this.#guard.limit) break;
    }
    return this.#counted(operand, targets);
  }

  /** Adds to the comparisons of wildcards with known hosts. */
  #affords(operand: Operand, comparisons: number): boolean {
    this.#comparisons += comparisons;
    if (this.#comparisons <= maxComparisons) return true;
    const most = formatCount(maxComparisons);
    this.#guard.fail(operand, {
      code: 'too-much-work',
      expected: 'fewer wildcards',
      message: `the wildcards up to here need more than ${most} comparisons with known hosts: write fewer of them, or name a group`,
    });
    return false;
  }

  #members(
    operand: Operand,
    names: readonly string[],
    lookUp: (name: string) => readonly Target[] | undefined,
  ): readonly Target[] | undefined {
    const targets: Target[] = [];
    for (const name of names) {
      const members = lookUp(name);
      if (members === undefined) {
        const cause = this.#groups
          ? 'the namespace has no such group'
          : 'no namespace with groups is known here';
        return this.#guard.fail(operand, {
          code: 'unknown-group',
          expected: 'a group of the namespace',
          message: `unknown group ${quoted(`@${name}`)}: ${cause}`,
        });
      }
      for (const member of members) targets.push(member);
      if (targets.length > this.#guard.limit) break;
    }
    return this.#counted(operand, targets);
  }

  #everything(operand: Operand): readonly Target[] | undefined {
    const known = this.#groups?.knownHosts();
    if (known) return this.#counted(operand, known);
    return this.#guard.fail(operand, {
      code: 'unknown-group',
      expected: 'a namespace with known hosts',
      message: 'unknown group "@*": no namespace with groups is known here',
    });
  }

  #noMatch(operand: Operand, variant: string, known: number): undefined {
    const cause = known > 0 ? `none of ${formatCount(known)} known hosts` : 'no hosts are known here';
    return this.#guard.fail(operand, {
      code: 'no-match',
      expected: 'a wildcard that some known host matches',
      message:
        known > 0 ? `${quoted(variant)} matches ${cause}` : `${quoted(variant)} can match nothing: ${cause}`,
    });
  }

  #invalid(operand: Operand, host: string): undefined {
    return this.#guard.fail(operand, {
      code: 'invalid-host',
      found: quoted(host),
      expected: expectedHost(host),
    });
  }

  #counted(operand: Operand, targets: readonly Target[]): readonly Target[] | undefined {
    return this.#guard.count(operand, targets.length) ? targets : undefined;
  }
}

function account({ user, port }: { user?: string; port?: number }): { user?: string; port?: number } {
  return { ...(user === undefined ? {} : { user }), ...(port === undefined ? {} : { port }) };
}

/** A known host, with the account and port of who names it, if any. */
function readdressed(target: Target, operand: { user?: string; port?: number }): Target {
  if (operand.user === undefined && operand.port === undefined) return target;
  return addressed(target.host, { ...target, ...account(operand) });
}

function addressed(host: string, operand: { user?: string; port?: number }): Target {
  return operand.user === undefined && operand.port === undefined ? { host } : { host, ...account(operand) };
}
