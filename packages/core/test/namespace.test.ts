import { describe, expect, it } from 'vitest';
import { compileNamespace, resolveTargets } from '@pogo/core';
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

describe('a definition that is wrong', () => {
  const problemsOf = (parts: Parameters<typeof definitionOf>[0]) => {
    const result = compileNamespace(definitionOf(parts));
    if (result.ok) throw new Error('it compiled');
    return result.problems.map(({ code, path }) => `${code} ${path.join('.')}`);
  };
  const web = { web: ['web[1-3]'], db: ['db1'], mail: ['mail1'] };
  const coast = { coast: { east: ['web1'] } };

  it.each<[what: string, parts: Parameters<typeof definitionOf>[0], problems: string[]]>([
    ['an expression that breaks off', { apps: { web: ['web1', 'web[1-'] } }, ['unclosed-bracket apps.web.1']],
    ['an unknown group', { apps: { web: ['@wep'] } }, ['unknown-group apps.web.0']],
    [
      'an unknown environment value',
      { apps: web, envs: { coast: { east: ['@coast:west'] } } },
      ['unknown-group envs.coast.east.0'],
    ],
    [
      'an app made from an environment',
      { apps: { web: ['web1&@coast:east'] }, envs: coast },
      ['group-order apps.web.0'],
    ],
    ['an app made from itself', { apps: { web: ['a1', '@web'] } }, ['group-cycle apps.web.1']],
    [
      'apps made from each other',
      { apps: { a: ['@b'], b: ['@c'], c: ['x1', '@a'] } },
      ['group-cycle apps.a.0'],
    ],
    [
      'environments made from each other',
      { apps: web, envs: { coast: { east: ['@*!@coast:west'], west: ['@*!@coast:east'] } } },
      ['group-cycle envs.coast.east.0'],
    ],
    [
      'a wildcard without a match',
      { apps: web, envs: { coast: { east: ['*.east'] } } },
      ['no-match envs.coast.east.0'],
    ],
    ['an account', { apps: { web: ['root@web1'] } }, ['account-or-port apps.web.0']],
    ['a port', { apps: { web: ['web[1-3]:22'] } }, ['account-or-port apps.web.0']],
    [
      'a file of hosts',
      { apps: { web: ['@file:hosts', '-'] } },
      ['file-not-read apps.web.0', 'file-not-read apps.web.1'],
    ],
    ['a host written twice', { apps: { web: ['web[1-3]', 'WEB2'] } }, ['duplicate-host apps.web.1']],
    ['a host written twice in one pattern', { apps: { web: ['web[1,1]'] } }, ['duplicate-host apps.web.0']],
    ['too many hosts', { apps: { web: ['web[1-99999999]'] } }, ['too-many-hosts apps.web.0']],
    [
      'a limit of 0',
      { apps: web, envs: coast, constraints: { coast: { concurrency: { web: 0 } } } },
      ['invalid-limit constraints.coast.concurrency.web'],
    ],
    [
      'a limit of 0%',
      { apps: web, envs: coast, constraints: { coast: { concurrency: { web: percent(0) } } } },
      ['invalid-limit constraints.coast.concurrency.web'],
    ],
    [
      'a limit over 100%',
      { apps: web, envs: coast, constraints: { coast: { concurrency: { web: percent(101) } } } },
      ['invalid-limit constraints.coast.concurrency.web'],
    ],
    [
      'a fraction',
      {
        apps: web,
        envs: coast,
        constraints: { coast: { concurrency: { web: 1.5, db: percent(12.5), mail: -1 } } },
      },
      [
        'invalid-limit constraints.coast.concurrency.web',
        'invalid-limit constraints.coast.concurrency.db',
        'invalid-limit constraints.coast.concurrency.mail',
      ],
    ],
    [
      'an unknown app in a limit',
      { apps: web, envs: coast, constraints: { coast: { concurrency: { wep: 1, toString: 1 } } } },
      ['unknown-app constraints.coast.concurrency.wep', 'unknown-app constraints.coast.concurrency.toString'],
    ],
    [
      'an unknown app in a sequence',
      { apps: web, envs: coast, constraints: { coast: { sequence: [['web', 'dp']] } } },
      ['unknown-app constraints.coast.sequence.0.1'],
    ],
    [
      'an unknown environment',
      { apps: web, envs: coast, constraints: { cost: { concurrency: { web: 1 } } } },
      ['unknown-environment constraints.cost'],
    ],
    [
      'an app twice in a sequence',
      { apps: web, envs: coast, constraints: { coast: { sequence: [['web', 'db', 'web']] } } },
      ['sequence-repeats constraints.coast.sequence.0.2'],
    ],
    [
      'sequences that contradict each other',
      {
        apps: web,
        envs: coast,
        constraints: {
          coast: {
            sequence: [
              ['web', 'db'],
              ['db', 'mail'],
              ['mail', 'web'],
            ],
          },
        },
      },
      ['sequence-cycle constraints.coast.sequence.2'],
    ],
    [
      'an alias of two hosts',
      { apps: web, aliases: { web1: ['a'], web2: ['A'] } },
      ['duplicate-alias aliases.web2.0'],
    ],
    ['an alias of itself', { apps: web, aliases: { web1: ['WEB1'] } }, ['duplicate-alias aliases.web1.0']],
    ['an alias that is a host', { apps: web, aliases: { web1: ['web2'] } }, ['alias-is-host aliases.web1.0']],
    [
      'an alias that is only taken away',
      { apps: { web: ['web[1-3]!w1'] }, aliases: { web1: ['w1'] } },
      ['alias-is-host aliases.web1.0'],
    ],
    ['an alias that is no name', { apps: web, aliases: { web1: ['-x'] } }, ['invalid-host aliases.web1.0']],
    ['an alias of an unknown host', { apps: web, aliases: { web9: ['w9'] } }, ['unknown-host aliases.web9']],
    [
      'a name that no expression could have',
      {
        apps: { 'a b': ['a1'], ['__proto__']: ['b1'] },
        envs: { file: {}, 'a:b': { 'c/d': [] } },
        pools: { '': 'a1' },
      },
      [
        'invalid-name apps.a b',
        'invalid-name apps.__proto__',
        'invalid-name envs.file',
        'invalid-name envs.a:b',
        'invalid-name envs.a:b.c/d',
        'invalid-name pools.',
      ],
    ],
    ['a pool of unknown hosts', { apps: web, pools: { east: 'web[1-9]' } }, ['unknown-host pools.east']],
    [
      'a host in two pools',
      { apps: web, pools: { east: 'web[1-2]', west: 'web[2-3]' } },
      ['host-in-two-pools pools.west'],
    ],
  ])('is refused for %s', (_what, parts, problems) => {
    expect(problemsOf(parts)).toEqual(problems);
  });

  it('is refused for everything at once', () => {
    expect(
      problemsOf({
        apps: { web: ['web[1-3]', 'web1', 'root@web4'], db: ['@nothing'] },
        envs: { coast: { east: ['web*'] } },
        constraints: { coast: { concurrency: { web: 0, mail: 1 }, sequence: [['db', 'db']] }, cost: {} },
      }),
    ).toEqual([
      'account-or-port apps.web.2',
      'unknown-group apps.db.0',
      'duplicate-host apps.web.1',
      'invalid-limit constraints.coast.concurrency.web',
      'unknown-app constraints.coast.concurrency.mail',
      'sequence-repeats constraints.coast.sequence.0.1',
      'unknown-environment constraints.cost',
    ]);
  });

  it('says where in an expression, and never more than a hundred things', () => {
    const result = compileNamespace(definitionOf({ apps: { web: ['web1,@nope'] } }));
    expect(result).toMatchObject({ ok: false, problems: [{ offset: 5 }] });
    const many = problemsOf({ apps: { web: Array.from({ length: 500 }, () => 'x[') } });
    expect(many).toHaveLength(100);
  });
});
