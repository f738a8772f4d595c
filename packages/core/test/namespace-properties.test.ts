/** Laws of namespaces, against a model that knows only sets. */
import { compileNamespace, type ConcurrencyLimit, hostsAllowed, type Namespace } from '@pogo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compiled, definitionOf, type DefinitionParts } from './namespace-fixture.js';

const runs = { numRuns: 1000 };

/** A group: hosts written out, and groups before it that it is made from. */
interface SampleGroup {
  readonly hosts: readonly number[];
  readonly groups: readonly number[];
}

/** Groups by number; each may be made from those before it, so that none goes in a circle. */
interface Sample {
  readonly apps: readonly SampleGroup[];
  /** Values of the environment types, in turn: x, y, x, y … */
  readonly values: readonly SampleGroup[];
  readonly limits: readonly {
    readonly app: number;
    readonly type: 'x' | 'y';
    readonly limit: ConcurrencyLimit;
  }[];
  /** Of type x: lists of apps. */
  readonly sequence: readonly (readonly number[])[];
  /** Whether keys stand in the file the other way round. */
  readonly reversed: boolean;
}

const limit: fc.Arbitrary<ConcurrencyLimit> = fc.oneof(
  fc.integer({ min: 1, max: 5 }).map((count) => ({ kind: 'count' as const, count })),
  fc.integer({ min: 1, max: 100 }).map((percent) => ({ kind: 'percent' as const, percent })),
);
const group = (before: number): fc.Arbitrary<SampleGroup> =>
  fc.record({
    hosts: fc.uniqueArray(fc.nat(11), { maxLength: 6 }),
    groups: before === 0 ? fc.constant([]) : fc.uniqueArray(fc.nat(before - 1), { maxLength: 2 }),
  });
const appCount = 5;
const sample: fc.Arbitrary<Sample> = fc.record({
  apps: fc.tuple(...Array.from({ length: appCount }, (_value, number) => group(number))),
  values: fc.tuple(...Array.from({ length: 4 }, (_value, number) => group(appCount + number))),
  limits: fc.uniqueArray(
    fc.record({ app: fc.nat(appCount - 1), type: fc.constantFrom('x' as const, 'y' as const), limit }),
    { selector: ({ app, type }) => `${app}${type}`, maxLength: 6 },
  ),
  sequence: fc.array(fc.uniqueArray(fc.nat(appCount - 1), { minLength: 1, maxLength: 3 }), { maxLength: 3 }),
  reversed: fc.boolean(),
});

const typeOf = (value: number) => (value % 2 === 0 ? 'x' : 'y');

function definitionFor({ apps, values, limits, sequence, reversed }: Sample) {
  const label = (number: number) =>
    number < appCount ? `@a${number}` : `@${typeOf(number - appCount)}:v${number - appCount}`;
  const expressions = ({ hosts, groups }: SampleGroup) => [
    ...hosts.map((host) => `h${host}`),
    ...groups.map(label),
  ];
  const ordered = <T>(entries: [string, T][]) => Object.fromEntries(reversed ? entries.reverse() : entries);
  const ofType = (type: string) =>
    ordered(
      values.flatMap((value, number): [string, string[]][] =>
        typeOf(number) === type ? [[`v${number}`, expressions(value)]] : [],
      ),
    );
  const constraintsOf = (type: string) => ({
    concurrency: Object.fromEntries(
      limits.filter((one) => one.type === type).map((one) => [`a${one.app}`, one.limit]),
    ),
    sequence: type === 'x' ? sequence.map((list) => list.map((app) => `a${app}`)) : [],
  });
  const parts: DefinitionParts = {
    apps: ordered(apps.map((app, number): [string, string[]] => [`a${number}`, expressions(app)])),
    envs: ordered([
      ['x', ofType('x')],
      ['y', ofType('y')],
    ]),
    constraints: { x: constraintsOf('x'), y: constraintsOf('y') },
  };
  return definitionOf(parts);
}

/** The hosts of every group, as sets. */
function setsOf({ apps, values }: Sample): Set<number>[] {
  const sets: Set<number>[] = [];
  for (const { hosts, groups } of [...apps, ...values])
    sets.push(new Set([...hosts, ...groups.flatMap((number) => [...sets[number]!])]));
  return sets;
}

/** Pairs of apps of which one comes before the other, by going on until nothing is added. */
function precedence(sequence: Sample['sequence']): Set<string> {
  const pairs = new Set<string>();
  for (const list of sequence)
    for (let place = 1; place < list.length; place++) pairs.add(`${list[place - 1]!}<${list[place]!}`);
  for (let before = -1; before !== pairs.size;) {
    before = pairs.size;
    for (const one of [...pairs])
      for (const other of [...pairs]) {
        const [[a, b], [c, d]] = [one.split('<'), other.split('<')] as [[string, string], [string, string]];
        if (b === c) pairs.add(`${a}<${d}`);
      }
  }
  return pairs;
}

function goesInACircle(sequence: Sample['sequence']): boolean {
  const pairs = precedence(sequence);
  return Array.from({ length: appCount }, (_value, app) => app).some((app) => pairs.has(`${app}<${app}`));
}

const orderly = sample.filter(({ sequence }) => !goesInACircle(sequence));

/** All that can be told of a namespace, as a text. */
function described(namespace: Namespace): string {
  const { hosts, slots, stages, warnings } = namespace;
  const members = hosts.map((_host, member) => [
    namespace.slotsOf(member),
    namespace.stagesOf(member),
    namespace.appsOf(member),
    namespace.environmentsOf(member),
  ]);
  return JSON.stringify({ hosts, slots, stages, warnings, members });
}

describe('laws of namespaces', () => {
  it('a limit is the largest whole number of hosts within it, and at least one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.nat(1_000_000), (percent, members) => {
        const allowed = hostsAllowed({ kind: 'percent', percent }, members);
        const share = BigInt(percent) * BigInt(members);
        const fits = (hosts: number) => BigInt(hosts) * 100n <= share;
        expect(allowed >= 1 && (fits(allowed) || allowed === 1) && !fits(allowed + 1)).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  });

  it('a host is in the slots and stages that its apps and environments say, and each slot has its members', () => {
    fc.assert(
      fc.property(orderly, (given) => {
        const namespace = compiled(definitionFor(given));
        const sets = setsOf(given);
        const all = new Set(sets.flatMap((set) => [...set]));
        expect(new Set(namespace.hosts)).toEqual(new Set([...all].map((host) => `h${host}`)));
        const inSequence = new Set(given.sequence.flat());
        for (const host of all) {
          const member = namespace.memberOf(`h${host}`)!;
          const apps = given.apps.flatMap((_app, number) => (sets[number]!.has(host) ? [number] : []));
          const values = given.values.flatMap((_one, number) =>
            sets[appCount + number]!.has(host) ? [number] : [],
          );
          const pairs = apps.flatMap((app) => values.map((value) => ({ app, value, type: typeOf(value) })));
          const nameOf = ({ app, value, type }: (typeof pairs)[number]) => `a${app}@${type}=v${value}`;
          const limited = pairs.filter(({ app, type }) =>
            given.limits.some((one) => one.app === app && one.type === type),
          );
          const staged = pairs.filter(({ app, type }) => type === 'x' && inSequence.has(app));
          expect(
            namespace
              .slotsOf(member)
              .map((slot) => namespace.slots[slot]!.name)
              .sort(),
          ).toEqual(limited.map(nameOf).sort());
          expect(
            namespace
              .stagesOf(member)
              .map((stage) => namespace.stages[stage]!.name)
              .sort(),
          ).toEqual(staged.map(nameOf).sort());
          expect([...namespace.appsOf(member)].sort()).toEqual(apps.map((app) => `a${app}`).sort());
          expect(namespace.environmentsOf(member)).toHaveLength(values.length);
        }
        for (const [index, { app, value, members }] of namespace.slots.entries()) {
          const [own, environment] = [sets[Number(app.slice(1))]!, sets[appCount + Number(value.slice(1))]!];
          expect(members).toBe([...own].filter((host) => environment.has(host)).length);
          const counted = namespace.hosts.filter((_host, member) =>
            namespace.slotsOf(member).includes(index),
          );
          expect(members).toBe(counted.length);
        }
      }),
      runs,
    );
  });

  it('a stage comes after all stages of earlier apps in its environment value, and only after those', () => {
    fc.assert(
      fc.property(orderly, (given) => {
        const { stages } = compiled(definitionFor(given));
        const pairs = precedence(given.sequence);
        for (const [index, stage] of stages.entries()) {
          const earlier = stages.filter(
            ({ app, value }) => value === stage.value && pairs.has(`${app.slice(1)}<${stage.app.slice(1)}`),
          );
          expect(new Set(stage.after.map((other) => stages[other]!.name))).toEqual(
            new Set(earlier.map(({ name }) => name)),
          );
          expect(stage.after.every((other) => other < index)).toBe(true);
        }
      }),
      runs,
    );
  });

  it('sequences are refused exactly when they go round in a circle', () => {
    fc.assert(
      fc.property(sample, (given) => {
        const result = compileNamespace(definitionFor(given));
        expect(result.ok).toBe(!goesInACircle(given.sequence));
        if (!result.ok) expect(result.problems.map(({ code }) => code)).toContain('sequence-cycle');
      }),
      runs,
    );
  });

  it('the same definition gives the same namespace, and the order of its keys changes no group', () => {
    fc.assert(
      fc.property(orderly, (given) => {
        const definition = definitionFor(given);
        const one = compiled(definition);
        expect(described(compiled(structuredClone(definition)))).toBe(described(one));
        const other = compiled(definitionFor({ ...given, reversed: !given.reversed }));
        const groupsOf = ({ groups }: Namespace) => [
          ...given.apps.map((_app, number) => groups.app(`a${number}`)!),
          ...given.values.map((_one, number) => groups.environment(typeOf(number), `v${number}`)!),
        ];
        const sorted = (namespace: Namespace) =>
          groupsOf(namespace).map((targets) => targets.map(({ host }) => host).sort());
        expect(sorted(other)).toEqual(sorted(one));
        expect(
          other.slots.map(({ name, members, limit: most }) => `${name} ${members} ${most}`).sort(),
        ).toEqual(one.slots.map(({ name, members, limit: most }) => `${name} ${members} ${most}`).sort());
      }),
      runs,
    );
  });
});

it('a hundred thousand hosts in a thousand slots share what they have', () => {
  const namespace = compiled(largeDefinition(100_000, 1000));
  expect(namespace.hosts).toHaveLength(100_000);
  expect(namespace.slots).toHaveLength(1000);
  const lists = new Set(namespace.hosts.map((_host, member) => namespace.slotsOf(member)));
  expect(lists.size).toBe(1000);
});

/** Ten apps, and as many environment values as it takes. */
function largeDefinition(hosts: number, slots: number) {
  const apps = Array.from({ length: 10 }, (_value, app) => `app${app}`);
  const perSlot = hosts / slots;
  const values = Array.from({ length: slots / 10 }, (_value, value) => `v${value}`);
  return definitionOf({
    apps: Object.fromEntries(
      apps.map((app) => [app, [`${app}n[1-${perSlot}].v[0-${values.length - 1}].example.com`]]),
    ),
    envs: {
      site: Object.fromEntries(
        values.map((value) => [value, [`{${apps.join(',')}}n[1-${perSlot}].${value}.example.com`]]),
      ),
    },
    constraints: {
      site: {
        concurrency: Object.fromEntries(apps.map((app) => [app, { kind: 'percent' as const, percent: 25 }])),
        sequence: [apps],
      },
    },
  });
}
