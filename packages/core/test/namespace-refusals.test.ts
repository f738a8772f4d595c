/** Definitions of namespaces that are refused, each with its reason and place. */
import { describe, expect, it } from 'vitest';
import { compileNamespace } from '@pogo/core';
import { definitionOf, percent } from './namespace-fixture.js';

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
