import { describe, expect, it } from 'vitest';
import { foldTargets, resolveTargets } from '@pogo/core';
import { compiled, definitionOf, namesOf, percent } from './namespace-fixture.js';

/** The example of docs/NAMESPACES.md. */
const example = definitionOf({
  apps: {
    frontend: ['foo[1-101].{east,west}.example.com'],
    backend: ['bar[1-10].{east,west}.example.com'],
    tail: ['zar[1-10].west.example.com'],
  },
  envs: {
    coast: {
      east: ['{@frontend,@backend}&*.east.example.com'.replace(/[{}]/g, '')],
      west: ['@frontend,@backend&*.west.example.com'],
    },
  },
  constraints: {
    coast: { concurrency: { frontend: percent(25), backend: 1 }, sequence: [['backend', 'frontend']] },
  },
});

describe('a namespace', () => {
  it('knows slots, their limits and their hosts', () => {
    const namespace = compiled(example);
    expect(namespace.hosts).toHaveLength(232);
    expect(
      namespace.slots.map(({ name, members, limit, written }) => [name, members, limit, written]),
    ).toEqual([
      ['frontend@coast=east', 101, 25, '25%'],
      ['backend@coast=east', 10, 1, '1'],
      ['frontend@coast=west', 101, 25, '25%'],
      ['backend@coast=west', 10, 1, '1'],
    ]);
    const foo = namespace.memberOf('FOO11.west.example.com')!;
    expect(namespace.appsOf(foo)).toEqual(['frontend']);
    expect(namespace.environmentsOf(foo)).toEqual([{ type: 'coast', value: 'west' }]);
    expect(namesOf(namespace.slots, namespace.slotsOf(foo))).toEqual(['frontend@coast=west']);
    expect(namesOf(namespace.stages, namespace.stagesOf(foo))).toEqual(['frontend@coast=west']);
  });

  it('has a host in none of its environments without slots', () => {
    const namespace = compiled(example);
    const zar = namespace.memberOf('zar1.west.example.com')!;
    expect(namespace.appsOf(zar)).toEqual(['tail']);
    expect([namespace.slotsOf(zar), namespace.stagesOf(zar), namespace.environmentsOf(zar)]).toEqual([
      [],
      [],
      [],
    ]);
    expect(namespace.memberOf('zar11.west.example.com')).toBeUndefined();
  });

  it('has a stage for each app of a sequence within each value', () => {
    const { stages } = compiled(example);
    expect(stages.map(({ name, after }) => [name, namesOf(stages, after)])).toEqual([
      ['backend@coast=east', []],
      ['frontend@coast=east', ['backend@coast=east']],
      ['backend@coast=west', []],
      ['frontend@coast=west', ['backend@coast=west']],
    ]);
  });

  it('expands groups and wildcards for the targets of jobs', () => {
    const { groups } = compiled(example);
    const expand = (text: string) => {
      const result = resolveTargets(text, { groups });
      return result.ok ? result.targets.map(({ host }) => host) : result.error.code;
    };
    expect(expand('@backend&bar[1-2].*')).toEqual([
      'bar1.east.example.com',
      'bar1.west.example.com',
      'bar2.east.example.com',
      'bar2.west.example.com',
    ]);
    expect(expand('@coast:east&@backend')).toHaveLength(10);
    expect(expand('@*')).toHaveLength(232);
    expect(expand('@fronted')).toBe('unknown-group');
  });

  it('puts a host of two apps under both limits', () => {
    const namespace = compiled(
      definitionOf({
        apps: { frontend: ['a[1-8]'], cache: ['a[1-2],b1'] },
        envs: { coast: { east: ['@*'] } },
        constraints: { coast: { concurrency: { frontend: percent(25), cache: 1 } } },
      }),
    );
    const member = namespace.memberOf('a1')!;
    expect(namesOf(namespace.slots, namespace.slotsOf(member))).toEqual([
      'frontend@coast=east',
      'cache@coast=east',
    ]);
  });

  it('orders stages transitively, also where the app in the middle has no host', () => {
    const namespace = compiled(
      definitionOf({
        apps: { c: ['c1'], b: ['b1'], a: ['a1'] },
        envs: { coast: { east: ['a1', 'c1'] } },
        constraints: {
          coast: {
            sequence: [
              ['a', 'b'],
              ['b', 'c'],
            ],
          },
        },
      }),
    );
    expect(namespace.stages.map(({ name }) => name)).toEqual(['a@coast=east', 'c@coast=east']);
    expect(namespace.stages[1]!.after).toEqual([0]);
  });

  it('knows a host by its aliases', () => {
    const namespace = compiled(
      definitionOf({
        apps: { web: ['web1.example.com', 'db1'] },
        aliases: { 'web1.example.com': ['web1', '10.0.0.1', 'fe80::1'] },
      }),
    );
    for (const name of ['web1.example.com', 'WEB1', '10.0.0.1', 'fe80:0::0001'])
      expect(namespace.memberOf(name)).toBe(0);
    expect(namespace.hosts).toEqual(['web1.example.com', 'db1']);
  });

  it.each([
    ['web1.example.com!web1', ''],
    ['10.0.0.1&WEB1.example.com', 'web1.example.com'],
    ['web1,db1!10.0.0.1', 'db1'],
    ['ada@web1&@web', 'ada@web1.example.com'],
    ['web1^other', 'web1.example.com,other'],
    ['@file:"names"!web1', 'db1'],
  ])('compares hosts by their own names in %s', (expression, expected) => {
    const { groups } = compiled(
      definitionOf({
        apps: { web: ['web1.example.com', 'db1'] },
        aliases: { 'web1.example.com': ['web1', '10.0.0.1'] },
      }),
    );
    const resolved = resolveTargets(expression, { groups, readLines: () => ['10.0.0.1', 'db1'] });
    expect(resolved.ok && foldTargets(resolved.targets)).toBe(expected);
  });

  it('binds hosts to pools', () => {
    const namespace = compiled(
      definitionOf({
        apps: { web: ['a1', 'b1', 'c1'] },
        envs: { coast: { east: ['a1'], west: ['b1'] } },
        pools: { east: '@coast:east', west: '@coast:west' },
      }),
    );
    expect([0, 1, 2].map((member) => namespace.poolOf(member))).toEqual(['east', 'west', undefined]);
  });
});

describe('groups that are made from others', () => {
  it('contain the same wherever the file has them', () => {
    const apps = { all: ['@web', '@db'], web: ['web[1-2]'], db: ['db1'] };
    const envs = { rack: { other: ['@all!@rack:one'], one: ['web1', 'db*'] } };
    const one = compiled(definitionOf({ apps, envs }));
    const other = compiled(
      definitionOf({
        apps: Object.fromEntries(Object.entries(apps).reverse()),
        envs: { rack: Object.fromEntries(Object.entries(envs.rack).reverse()) },
      }),
    );
    for (const namespace of [one, other]) {
      expect(namespace.groups.app('all')!.map(({ host }) => host)).toEqual(['web1', 'web2', 'db1']);
      expect(namespace.groups.environment('rack', 'other')!.map(({ host }) => host)).toEqual(['web2']);
    }
  });

  it('let a wildcard range over the hosts that are written, never over what another wildcard found', () => {
    const namespace = compiled(
      definitionOf({
        apps: { late: ['*.east'], early: ['web1.east', 'web2.west'], mixed: ['web*,cache1.east'] },
        envs: { coast: { east: ['*.east'], all: ['@*', 'extra.north'] } },
      }),
    );
    const app = (name: string) => namespace.groups.app(name)!.map(({ host }) => host);
    expect(app('late')).toEqual(['web1.east']);
    expect(app('mixed')).toEqual(['web1.east', 'web2.west', 'cache1.east']);
    const east = namespace.groups.environment('coast', 'east')!.map(({ host }) => host);
    expect(east).toEqual(['web1.east', 'cache1.east']);
    expect(namespace.groups.environment('coast', 'all')!.map(({ host }) => host)).toEqual([
      'web1.east',
      'web2.west',
      'cache1.east',
      'extra.north',
    ]);
  });
});

describe('a host that an app writes', () => {
  it('may be taken away, and named again to be kept, without being written twice', () => {
    const namespace = compiled(
      definitionOf({ apps: { web: ['web[1-5]!web2!web[2-3]', 'db[1-3]&db[2-3]', 'x[1-2]^x2'] } }),
    );
    expect(namespace.hosts).toEqual(['web1', 'web4', 'web5', 'db2', 'db3', 'x1']);
  });

  it('may be in several apps, and in one by its own name and by a group', () => {
    const namespace = compiled(
      definitionOf({ apps: { web: ['a[1-2]'], db: ['a2'], all: ['@web', '@db', 'a1'] } }),
    );
    expect(namespace.appsOf(0)).toEqual(['web', 'all']);
    expect(namespace.appsOf(1)).toEqual(['web', 'db', 'all']);
  });
});

describe('the warnings of a namespace', () => {
  const warningsOf = (parts: Parameters<typeof definitionOf>[0]) =>
    compiled(definitionOf(parts)).warnings.map(
      ({ code, path, message }) => `${code} ${path.join('.')}: ${message}`,
    );

  it('name limits that come to less than a host, and slots without one', () => {
    expect(
      warningsOf({
        apps: { web: ['a[1-2]', 'b[1-8]'], db: ['d1'], none: [] },
        envs: { coast: { east: ['a[1-2]'], west: ['b[1-8]', 'd1'] } },
        constraints: { coast: { concurrency: { web: percent(25), db: 1 } } },
      }),
    ).toEqual([
      'empty-group apps.none: @none has no host',
      'limit-rounded-up constraints.coast.concurrency.web: 25% is less than one host of web@coast=east (hosts: 2): one at a time is let through',
      'empty-slot constraints.coast.concurrency.db: no host is in db@coast=east',
    ]);
  });

  it('name hosts that slip through the constraints, and hosts that would wait for themselves', () => {
    expect(
      warningsOf({
        apps: { web: ['a[1-5]'], db: ['d1', 'a1'] },
        envs: { coast: { east: ['a[1-2]', 'd1'] } },
        constraints: { coast: { concurrency: { web: 1 }, sequence: [['db', 'web']] } },
      }),
    ).toEqual([
      'unconstrained-hosts constraints.coast.concurrency.web: 3 hosts are in web and in no coast, so that nothing holds there: a3, …',
      'host-in-two-stages constraints.coast.sequence: a1 is both in db and in web, which comes after db within coast',
    ]);
  });
});
