/**
 * Finds the hosts of every group.
 *
 * 1. Apps come before environments. An app is made from hosts and other apps, an environment from hosts, apps and other
 *    environments; the order in which the file has them has no say in what they contain.
 * 2. A wildcard and `@*` in an app range over the hosts of all apps' *plain* expressions: those that have no wildcard
 *    and no `@*`, nor has any group that they name. In an environment they range over the hosts of all apps, and of all
 *    environments' plain expressions. So a wildcard never finds what another wildcard has found, the hosts written
 *    beside one in an app apart, and no order of evaluation can be told from the result.
 * 3. After the first thing that is wrong nothing is evaluated that might go wrong because of it.
 * 4. Hosts that are named, and comparisons of wildcards, are bounded over all groups together.
 */
import { expandTargets, defaultTargetLimit } from '../targets/expand.js';
import type { GroupSource } from '../targets/operand-resolver.js';
import { formatCount, quoted } from '../targets/target-error.js';
import { hostKey, type Target } from '../targets/target.js';
import { writtenHosts } from './foreign-hosts.js';
import type { Group, GroupExpression, GroupNames } from './group.js';
import type { ProblemList } from './problem.js';
import type { ReadGroups } from './read-groups.js';

/** Most hosts that all expressions may name, repeated and removed ones included. */
const maxNamed = 5_000_000;
const maxComparisons = 20_000_000;

interface EvaluationContext {
  readonly names: GroupNames;
  readonly problems: ProblemList;
  /** Keys of hosts that are aliases of others. */
  readonly aliases: ReadonlyMap<string, unknown>;
}

/** Expands expressions one after the other, within the limits that all of them share. */
export class ExpressionExpansion {
  /** Groups that name a host under one of its aliases, by the alias's key: the first of each. */
  readonly aliasUses = new Map<string, string>();
  readonly #members: (readonly Target[])[];
  readonly #context: EvaluationContext;
  #known: readonly Target[] = [];
  #named = 0;
  #comparisons = 0;

  /** @param members Hosts of groups by number, as far as they are known when an expression needs them. */
  constructor(members: (readonly Target[])[], context: EvaluationContext) {
    this.#members = members;
    this.#context = context;
  }

  /** From now on wildcards range over these. */
  set known(hosts: readonly Target[]) {
    this.#known = hosts;
  }

  /** The expression's hosts, in order, once those of the groups that it names are known; undefined when something is wrong, which the problems then have. */
  expand(read: GroupExpression): readonly Target[] | undefined {
    const { problems } = this.#context;
    if (!this.#affords(read)) return undefined;
    const expanded = expandTargets(read.expression, { groups: this.#groups });
    if (expanded.ok) return expanded.targets;
    problems.addTargetError(read.path, read.expression.text, expanded.error);
    return undefined;
  }

  /**
   * Looks for hosts that a group's expressions write out twice, and for aliases (S6). Removing or intersecting names a
   * host without adding it: such terms have no duplicates.
   */
  checkWritten(group: Pick<Group, 'label' | 'expressions'>): void {
    const { problems, aliases } = this.#context;
    const seen = new Set<string>();
    for (const { path, expression } of group.expressions) {
      for (const term of expression.terms) {
        const adds = term.rest.every(({ operator }) => operator === ',');
        for (const operand of [term.first, ...term.rest.map((one) => one.operand)]) {
          for (const host of writtenHosts(operand)) {
            const key = hostKey(host);
            if (aliases.has(key) && !this.aliasUses.has(key)) this.aliasUses.set(key, group.label);
            if (!adds) continue;
            if (!seen.has(key)) {
              seen.add(key);
              continue;
            }
            const message = `${quoted(host)} is written a second time for ${group.label}: write each host once`;
            problems.add('duplicate-host', path, message, operand.offset);
            return;
          }
        }
      }
    }
  }

  /** Adds up what the expression takes; an expression too large for its own is left to its expansion. */
  #affords({ path, groups, written, sweeps }: GroupExpression): boolean {
    let named = written;
    for (const number of groups) named += this.#members[number]!.length;
    if (named > 4 * defaultTargetLimit) return true;
    this.#named += named;
    this.#comparisons += sweeps * this.#known.length;
    const { problems } = this.#context;
    if (this.#named > maxNamed) {
      const most = formatCount(maxNamed);
      problems.add(
        'too-many-hosts',
        path,
        `more than ${most} hosts are named up to here, repeated ones included`,
      );
      return false;
    }
    if (this.#comparisons <= maxComparisons) return true;
    const most = formatCount(maxComparisons);
    const message = `the wildcards up to here need more than ${most} comparisons with known hosts: name groups instead`;
    problems.add('too-much-work', path, message);
    return false;
  }

  readonly #groups: GroupSource = {
    app: (name) => this.#membersOf(this.#context.names.app(name)),
    environment: (type, value) => this.#membersOf(this.#context.names.environment(type, value)),
    knownHosts: () => this.#known,
  };

  #membersOf(number: number | undefined): readonly Target[] | undefined {
    return number === undefined ? undefined : this.#members[number];
  }
}

/**
 * Puts the hosts of every group into `members`, in order and each once; of groups that can't be evaluated because
 * something is wrong, nothing.
 */
export function evaluateGroups(
  { groups, order }: ReadGroups,
  expansion: ExpressionExpansion,
  members: (readonly Target[])[],
  problems: ProblemList,
): void {
  const plain: boolean[] = [];
  for (const number of order) plain[number] = groups[number]!.expressions.every((one) => isPlain(one, plain));
  const results = new Map<GroupExpression, readonly Target[]>();
  const evaluate = (number: number, wanted: (one: GroupExpression) => boolean) => {
    const group = groups[number]!;
    if (members[number] !== undefined) return;
    let complete = true;
    for (const one of group.expressions) {
      if (results.has(one)) continue;
      const ready = wanted(one) && one.groups.every((needed) => members[needed] !== undefined);
      const hosts = ready ? expansion.expand(one) : undefined;
      if (hosts !== undefined) results.set(one, hosts);
      complete &&= hosts !== undefined;
    }
    if (!complete) return;
    expansion.checkWritten(group);
    members[number] = union(group.expressions.map((one) => results.get(one)!));
  };

  for (const kind of ['app', 'environment'] as const) {
    const numbers = order.filter((number) => groups[number]!.kind === kind);
    for (const number of numbers) evaluate(number, (one) => isPlain(one, plain));
    const waiting = numbers.filter((number) => members[number] === undefined);
    if (problems.found > 0 || waiting.length === 0) continue;
    const ofPlain = groups
      .filter((group) => group.kind === kind)
      .flatMap(({ expressions }) => expressions.filter((one) => isPlain(one, plain)));
    const ofApps = kind === 'app' ? [] : members.filter((_members, number) => groups[number]!.kind === 'app');
    expansion.known = union([...ofApps, ...ofPlain.map((one) => results.get(one)!)]);
    for (const number of waiting) evaluate(number, () => true);
  }
}

function isPlain({ sweeps, groups }: GroupExpression, plain: readonly boolean[]): boolean {
  return sweeps === 0 && groups.every((number) => plain[number] === true);
}

function union(lists: readonly (readonly Target[])[]): readonly Target[] {
  if (lists.length === 1) return lists[0]!;
  const hosts = new Map<string, Target>();
  for (const list of lists) {
    for (const target of list) {
      const key = hostKey(target.host);
      if (!hosts.has(key)) hosts.set(key, target);
    }
  }
  return [...hosts.values()];
}
