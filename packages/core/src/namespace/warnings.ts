import type { GroupMeaning } from './build-slots.js';
import type { TypeConstraints } from './constraints.js';
import { formatLimit } from './definition.js';
import type { Group } from './group.js';
import type { HostClasses } from './host-classes.js';
import type { ClassBelongings, Slot, Stage } from './namespace.js';
import { type NamespaceWarning, someOf } from './problem.js';

/** What is worth a look in a namespace that compiles. */
export interface WarningSources {
  readonly groups: readonly Group[];
  readonly meanings: readonly GroupMeaning[];
  /** How many hosts each group has. */
  readonly sizes: readonly number[];
  readonly constraints: ReadonlyMap<string, TypeConstraints>;
  readonly classes: HostClasses;
  readonly belongings: readonly ClassBelongings[];
  readonly slots: readonly Slot[];
  readonly stages: readonly Stage[];
  readonly hosts: readonly string[];
}

export function findWarnings(sources: WarningSources): NamespaceWarning[] {
  return [
    ...emptyGroups(sources),
    ...limitsWithoutEffect(sources),
    ...unconstrainedHosts(sources),
    ...hostsInTwoStages(sources),
  ];
}

function emptyGroups({ groups, sizes }: WarningSources): NamespaceWarning[] {
  return groups.flatMap(({ path, label }, number) =>
    sizes[number] === 0 ? [{ code: 'empty-group' as const, path, message: `${label} has no host` }] : [],
  );
}

/** Limits that were rounded up, and slots without a host: one warning for each limit in the file. */
function limitsWithoutEffect({ constraints, meanings, slots }: WarningSources): NamespaceWarning[] {
  const warnings: NamespaceWarning[] = [];
  const slotsOf = new Map<string, Slot[]>();
  for (const slot of slots) {
    const key = `${slot.app}@${slot.type}`;
    const others = slotsOf.get(key);
    if (others === undefined) slotsOf.set(key, [slot]);
    else others.push(slot);
  }
  for (const { type, limits } of constraints.values()) {
    const values = meanings.flatMap((meaning) =>
      meaning.kind === 'environment' && meaning.type === type ? [meaning.value] : [],
    );
    for (const [app, limit] of limits) {
      const path = ['constraints', type, 'concurrency', app];
      const own = slotsOf.get(`${app}@${type}`) ?? [];
      const rounded = own.filter(({ roundedUp }) => roundedUp);
      if (rounded.length > 0) {
        const shown = someOf(rounded.map(({ name, members }) => `${name} (hosts: ${members})`));
        const message = `${formatLimit(limit)} is less than one host of ${shown}: one at a time is let through`;
        warnings.push({ code: 'limit-rounded-up', path, message });
      }
      const count = values.length - own.length;
      if (count === 0) continue;
      const present = new Set(own.map(({ value }) => value));
      const missing = values.find((value) => !present.has(value))!;
      const others = count === 1 ? '' : ` and in ${count - 1} more of ${type}`;
      const message = `no host is in ${app}@${type}=${missing}${others}`;
      warnings.push({ code: 'empty-slot', path, message });
    }
  }
  return warnings;
}

function unconstrainedHosts({ constraints, classes, belongings, hosts }: WarningSources): NamespaceWarning[] {
  const typesOf = new Map<string, string[]>();
  for (const { type, limits, sequence } of constraints.values()) {
    for (const app of new Set([...limits.keys(), ...sequence.apps])) {
      const types = typesOf.get(app);
      if (types === undefined) typesOf.set(app, [type]);
      else types.push(type);
    }
  }
  const found = new Map<string, { app: string; type: string; count: number; examples: string[] }>();
  for (const [number, { size, first }] of classes.classes.entries()) {
    const { apps, environments } = belongings[number]!;
    const own = new Set(environments.map(({ type }) => type));
    for (const app of apps) {
      for (const type of typesOf.get(app) ?? []) {
        if (own.has(type)) continue;
        const key = `${app}@${type}`;
        const entry = found.get(key) ?? { app, type, count: 0, examples: [] };
        found.set(key, entry);
        entry.count += size;
        if (entry.examples.length < 3) entry.examples.push(hosts[first]!);
      }
    }
  }
  return [...found.values()].map(({ app, type, count, examples }) => {
    const shown = `${examples.join(', ')}${count > examples.length ? ', …' : ''}`;
    const which = count === 1 ? '1 host is' : `${count} hosts are`;
    const limited = constraints.get(type)!.limits.has(app);
    return {
      code: 'unconstrained-hosts',
      path: limited ? ['constraints', type, 'concurrency', app] : ['constraints', type, 'sequence'],
      message: `${which} in ${app} and in no ${type}, so that nothing holds there: ${shown}`,
    };
  });
}

/** A host that is in an app and in one that waits for it would wait for itself. */
function hostsInTwoStages({ classes, belongings, stages, hosts }: WarningSources): NamespaceWarning[] {
  const found = new Map<string, NamespaceWarning>();
  for (const [number, { first }] of classes.classes.entries()) {
    const own = new Set(belongings[number]!.stages);
    if (own.size < 2) continue;
    for (const index of own) {
      const stage = stages[index]!;
      const earlier = stage.after.find((other) => own.has(other));
      const key = `${stage.app}@${stage.type}`;
      if (earlier === undefined || found.has(key)) continue;
      const before = stages[earlier]!.app;
      found.set(key, {
        code: 'host-in-two-stages',
        path: ['constraints', stage.type, 'sequence'],
        message: `${hosts[first]!} is both in ${before} and in ${stage.app}, which comes after ${before} within ${stage.type}`,
      });
    }
  }
  return [...found.values()];
}
