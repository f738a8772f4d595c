import type { GroupSource } from '../targets/operand-resolver.js';
import { hostKey, type Target } from '../targets/target.js';
import type { NamespaceDefinition } from './definition.js';
import type { HostClasses } from './host-classes.js';
import type { NamespaceWarning } from './problem.js';

/** A slot (S1): the hosts of an app in one value of an environment, of which only so many may be disturbed at once. */
export interface Slot {
  readonly app: string;
  readonly type: string;
  readonly value: string;
  /** `frontend@coast=east` */
  readonly name: string;
  /** How many hosts of the namespace are in it; at least 1. */
  readonly members: number;
  /** Most of them that may be disturbed at once (S2); a count may be larger than `members`. */
  readonly limit: number;
  /** The limit as it is written in the file: `25%`, `1`. */
  readonly written: string;
  /** Whether the percentage came to less than one host, so that `limit` is 1 for its own sake (S2). */
  readonly roundedUp: boolean;
}

/** One step of a sequence (S4): the hosts of an app in one value of an environment, at least one. */
export interface Stage {
  readonly app: string;
  readonly type: string;
  readonly value: string;
  /** `backend@coast=east` */
  readonly name: string;
  /**
   * Indexes, ascending, of the stages that come before it, all less than its own: those of every earlier app, also
   * where an app in the middle has no host.
   */
  readonly after: readonly number[];
}

/** A namespace that may become active. Immutable. */
export interface Namespace {
  readonly definition: NamespaceDefinition;
  /**
   * Every known host by its canonical name, in order: apps', then environments', as the definition has them. A host's
   * index here is its member number, which no other version of the namespace shares.
   */
  readonly hosts: readonly string[];
  /** The member number of a host by its name or an alias; undefined when the namespace doesn't know it. */
  memberOf(host: string): number | undefined;
  /** By environment, then by app. */
  readonly slots: readonly Slot[];
  readonly stages: readonly Stage[];
  /** Indexes into `slots`, ascending. */
  slotsOf(member: number): readonly number[];
  /** Indexes into `stages`, ascending. */
  stagesOf(member: number): readonly number[];
  appsOf(member: number): readonly string[];
  environmentsOf(member: number): readonly EnvironmentValue[];
  /** The pool whose workers reach it; undefined when no pool has it. */
  poolOf(member: number): string | undefined;
  /** For target expressions; wildcards and `@*` range over `hosts`. */
  readonly groups: GroupSource;
  readonly warnings: readonly NamespaceWarning[];
}

export interface EnvironmentValue {
  readonly type: string;
  readonly value: string;
}

/** What belongs to a class of hosts: shared by all of them. */
export interface ClassBelongings {
  readonly apps: readonly string[];
  readonly environments: readonly EnvironmentValue[];
  readonly slots: readonly number[];
  readonly stages: readonly number[];
}

/** What {@link Namespace} is made from. */
export interface NamespaceParts {
  readonly definition: NamespaceDefinition;
  readonly targets: readonly Target[];
  /** Member numbers by the keys of names and aliases. */
  readonly memberNumbers: ReadonlyMap<string, number>;
  readonly slots: readonly Slot[];
  readonly stages: readonly Stage[];
  readonly classes: HostClasses;
  /** By class. */
  readonly belongings: readonly ClassBelongings[];
  readonly pools: ReadonlyMap<number, string>;
  readonly groups: GroupSource;
  readonly warnings: readonly NamespaceWarning[];
}

export function newNamespace(parts: NamespaceParts): Namespace {
  const { definition, slots, stages, groups, warnings, memberNumbers, classes, belongings, pools } = parts;
  const of = (member: number) => belongings[classes.classOf[member]!]!;
  return {
    definition,
    hosts: parts.targets.map(({ host }) => host),
    memberOf: (host) => memberNumbers.get(hostKey(host)),
    slots,
    stages,
    slotsOf: (member) => of(member).slots,
    stagesOf: (member) => of(member).stages,
    appsOf: (member) => of(member).apps,
    environmentsOf: (member) => of(member).environments,
    poolOf: (member) => pools.get(member),
    groups,
    warnings,
  };
}
