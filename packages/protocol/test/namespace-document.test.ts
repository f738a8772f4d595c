/** Namespace files: what they mean, and for each way to get one wrong its line, its column, its code and its reason. */
import { checkNamespace, maxNamespaceFileBytes, parseNamespaceDocument } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';

const example = `apps:
  frontend: [ 'foo[1-101].{east,west}.example.com' ]
  backend:  [ 'bar[1-10].{east,west}.example.com' ]
  tail:     [ 'zar[1-10].west.example.com' ]
envs:
  coast:
    east: [ '@frontend,@backend&*.east.example.com' ]
    west: [ '@frontend,@backend&*.west.example.com' ]
constraints:
  coast:
    concurrency: { frontend: 25%, backend: 1 }
    sequence: [ [ backend, frontend ] ]
pools: { east: '@coast:east', west: '@coast:west' }
`;

function definitionIn(text: string) {
  const parsed = parseNamespaceDocument(text, 'ns.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.definition;
}

/** What is wrong with a file, as `line:column code`. */
function problemsIn(content: string | Uint8Array): string[] {
  const checked = checkNamespace(content, 'ns.yaml');
  if (checked.ok) throw new Error('nothing is wrong with it');
  return checked.problems.map(({ line, column, code }) => `${line}:${column} ${code}`);
}

describe('a namespace file', () => {
  it('gives the definition that it writes', () => {
    expect(definitionIn(example)).toEqual({
      apps: {
        frontend: ['foo[1-101].{east,west}.example.com'],
        backend: ['bar[1-10].{east,west}.example.com'],
        tail: ['zar[1-10].west.example.com'],
      },
      envs: {
        coast: {
          east: ['@frontend,@backend&*.east.example.com'],
          west: ['@frontend,@backend&*.west.example.com'],
        },
      },
      aliases: {},
      constraints: {
        coast: {
          concurrency: { frontend: { kind: 'percent', percent: 25 }, backend: { kind: 'count', count: 1 } },
          sequence: [['backend', 'frontend']],
        },
      },
      pools: { east: '@coast:east', west: '@coast:west' },
      holdFailures: 'until-well',
    });
  });

  it('compiles to slots and stages', () => {
    const checked = checkNamespace(example, 'ns.yaml');
    if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
    expect(checked.warnings).toEqual([]);
    expect(checked.namespace.slots.map(({ name, limit }) => `${name} ${limit}`)).toEqual([
      'frontend@coast=east 25',
      'backend@coast=east 1',
      'frontend@coast=west 25',
      'backend@coast=west 1',
    ]);
  });

  it('may be as small as one app', () => {
    expect(definitionIn('apps: {web: web1}')).toEqual({
      apps: { web: ['web1'] },
      envs: {},
      aliases: {},
      constraints: {},
      pools: {},
      holdFailures: 'until-well',
    });
  });

  it('may have its limits as a list of maps with one key each, and as texts', () => {
    const { constraints } = definitionIn(
      "apps: {a: a1, b: b1}\nenvs: {x: {y: a1}}\nconstraints: {x: {concurrency: [{a: '25 %'}, {b: '1'}]}}",
    );
    expect(constraints['x']!.concurrency).toEqual({
      a: { kind: 'percent', percent: 25 },
      b: { kind: 'count', count: 1 },
    });
  });

  it('may say how long failures hold', () => {
    expect(definitionIn('apps: {a: a1}\nhold_failures: until-job-ends\n').holdFailures).toBe(
      'until-job-ends',
    );
  });

  it('has names as they are written, also where YAML sees numbers', () => {
    expect(
      Object.keys(definitionIn('apps: {web: w1}\nenvs: {rack: {01: w1, 1e3: w1}}').envs['rack']!),
    ).toEqual(['01', '1e3']);
  });

  it('says where its warnings are', () => {
    const checked = checkNamespace(
      'apps:\n  web: [ a1, a2 ]\nenvs: {x: {y: a1}}\nconstraints:\n  x:\n    concurrency:\n      - web: 25%\n',
      'ns.yaml',
    );
    expect(checked).toMatchObject({
      ok: true,
      warnings: [
        { file: 'ns.yaml', line: 7, column: 9, code: 'limit-rounded-up' },
        { line: 7, column: 9, code: 'unconstrained-hosts' },
      ],
    });
  });
});

/** A good beginning, of three lines, for what comes below it. */
const head =
  "apps: { web: [ 'w[1-4]' ], db: [ d1 ] }\nenvs: { coast: { east: [ 'w[1-2]' ] } }\nconstraints:\n";

describe('a wrong namespace file', () => {
  it.each<[what: string, content: string | Uint8Array, problems: string[]]>([
    ['empty', '', ['1:1 empty-namespace']],
    ['of comments only', '# nothing\n\n', ['1:1 empty-namespace']],
    ['no map', '- web1\n', ['1:1 wrong-type']],
    ['one word', 'web1', ['1:1 wrong-type']],
    ['without apps', 'envs: {}\n', ['1:1 missing-key']],
    ['too large', 'a'.repeat(maxNamespaceFileBytes + 1), ['1:1 namespace-too-large']],
    ['too large in bytes', 'é'.repeat(maxNamespaceFileBytes / 2 + 1), ['1:1 namespace-too-large']],
    ['binary', new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]), ['1:1 not-text']],
    ['in Latin-1', new Uint8Array([...Buffer.from('apps:\n  caf'), 0xe9]), ['2:6 not-text']],
    ['with a NUL', 'apps:\n  web: "a\0"\n', ['2:10 not-text']],
    ['a bracket that stays open', 'apps:\n  web: [ w1\nenvs: {}\n', ['3:1 yaml-syntax']],
    ['brackets without quotes', 'apps: { web: w[1-2] }\naliases:\n  w1: [ a ]\n', ['1:15 yaml-syntax']],
    ['a tab', 'apps:\n\tweb: [ w1 ]\n', ['2:1 yaml-syntax']],
    [
      'an expression without quotes',
      'apps:\n  web: [ w1 ]\n  all: [ @web, x1 ]\n  both: [ @all ]\n',
      ['3:10 yaml-syntax', '4:11 yaml-syntax'],
    ],
    ['a wildcard without quotes', 'apps: {web: [ w1 ]}\nenvs: {a: {b: [ *.east ]}}\n', ['2:17 yaml-alias']],
    [
      'an alias bomb',
      `a: &a [x, x]\nb: &b [*a, *a]\napps: {web: *b}\n`,
      ['2:8 yaml-alias', '2:12 yaml-alias', '3:13 yaml-alias'],
    ],
    ['a tag of its own', 'apps: !!set {web}\n', ['1:7 yaml-syntax']],
    ['two documents', 'apps: {}\n---\napps: {}\n', ['2:1 yaml-syntax']],
    ['nested too deep', `apps: ${'['.repeat(500)}`, ['1:70 yaml-too-complex']],
    ['a key twice', 'apps:\n  web: w1\n  db: d1\n  web: w2\n', ['4:3 duplicate-key']],
    ['a list as a key', 'apps: { [a]: b }\n', ['1:9 yaml-syntax']],
    ['__proto__', 'apps: { __proto__: w1 }\n', ['1:9 invalid-name']],
    ['an unknown key', 'apps: {}\nconstraint: {}\nenv: {}\n', ['2:1 unknown-key', '3:1 unknown-key']],
    ['an unknown key below', `${head}  coast:\n    concurrent: {}\n`, ['5:5 unknown-key']],
    ['apps as a list', 'apps: [ web ]\n', ['1:7 wrong-type']],
    ['an app without hosts', 'apps:\n  web:\n  db: d1\n', ['2:7 wrong-type']],
    [
      'an app of numbers',
      'apps:\n  web: [ 1, true, null, [ a ] ]\n',
      ['2:10 wrong-type', '2:13 wrong-type', '2:19 wrong-type', '2:25 wrong-type'],
    ],
    ['an environment without values', 'apps: {}\nenvs: { coast: [ east ] }\n', ['2:16 wrong-type']],
    [
      'a sequence that is no list of lists',
      `${head}  coast: { sequence: [ db, web ] }\n`,
      ['4:24 wrong-type', '4:28 wrong-type'],
    ],
    ['limits of two keys', `${head}  coast: { concurrency: [ { web: 1, db: 1 } ] }\n`, ['4:27 wrong-type']],
    [
      'a limit twice in a list',
      `${head}  coast:\n    concurrency:\n      - web: 1\n      - web: 2\n`,
      ['7:9 duplicate-key'],
    ],
    [
      'a limit that is a word',
      `${head}  coast: { concurrency: { web: half, db: 5 percent, x: [1] } }\n`,
      ['4:32 wrong-type', '4:42 wrong-type', '4:56 wrong-type'],
    ],
    ['an odd hold_failures', 'apps: {}\nhold_failures: never\n', ['2:16 wrong-type']],
    ['a limit of 0', `${head}  coast: { concurrency: { web: 0 } }\n`, ['4:32 invalid-limit']],
    ['a limit of 0%', `${head}  coast: { concurrency: { web: 0% } }\n`, ['4:32 invalid-limit']],
    ['a percentage over 100', `${head}  coast: { concurrency: { web: 101% } }\n`, ['4:32 invalid-limit']],
    [
      'a negative limit',
      `${head}  coast: { concurrency: { web: -1, db: -5% } }\n`,
      ['4:32 invalid-limit', '4:40 invalid-limit'],
    ],
    [
      'a fraction',
      `${head}  coast: { concurrency: { web: 1.5, db: 12.5% } }\n`,
      ['4:32 invalid-limit', '4:41 invalid-limit'],
    ],
    ['an unknown app in a limit', `${head}  coast:\n    concurrency:\n      - wep: 1\n`, ['6:9 unknown-app']],
    ['an unknown app in a sequence', `${head}  coast: { sequence: [ [ db, wep ] ] }\n`, ['4:30 unknown-app']],
    ['an unknown environment', `${head}  cost: { concurrency: { web: 1 } }\n`, ['4:3 unknown-environment']],
    ['an unknown group', "apps:\n  web: [ w1 ]\n  all:\n    - w2\n    - 'w3,@wep'\n", ['5:11 unknown-group']],
    ['groups in a circle', "apps:\n  a: '@b'\n  b: [ b1, '@a' ]\n", ['2:6 group-cycle']],
    [
      'sequences in a circle',
      `${head}  coast:\n    sequence:\n      - [ db, web ]\n      - [ web, db ]\n`,
      ['7:9 sequence-cycle'],
    ],
    ['a host twice', "apps:\n  web:\n    - w[1-3]\n    - 'x1 w2'\n", ['4:11 duplicate-host']],
    ['an account', 'apps: { web: [ root@w1 ] }\n', ['1:16 account-or-port']],
    ['a broken expression', 'apps:\n  web: "w[1-"\n', ['2:13 unclosed-bracket']],
    ['a broken pool', "apps: { web: w1 }\npools:\n  east: '@coast:east'\n", ['3:10 unknown-group']],
    [
      'an alias that is a host',
      "apps: { web: 'w[1-2]' }\naliases:\n  w1: [ a, w2 ]\n",
      ['3:12 alias-is-host'],
    ],
    [
      'everything at once',
      `apps:\n  web: [ 'w[1-4]', w1 ]\n  all: '@wep'\nconstraints: { x: { concurrency: { web: 0 } } }\n`,
      ['2:20 duplicate-host', '3:9 unknown-group', '4:16 unknown-environment', '4:41 invalid-limit'],
    ],
  ])('is refused with its line: %s', (_what, content, problems) => {
    expect(problemsIn(content)).toEqual(problems);
  });

  it('has reasons that a person can act on', () => {
    const reasons = (text: string) => {
      const checked = checkNamespace(text, 'ns.yaml');
      return checked.ok ? [] : checked.problems.map(({ message }) => message);
    };
    expect(reasons('apps: {}\nconstraint: {}\n')).toEqual([
      'unknown key "constraint": known are apps, envs, aliases, constraints, pools, hold_failures',
    ]);
    expect(reasons('apps: { all: [ @web ] }\n')[0]).toMatch(
      /an expression that begins with such a sign needs quotes$/,
    );
    expect(reasons('apps: { all: [ *.east ] }\n')[0]).toMatch(
      /an expression that begins with "\*" needs quotes$/,
    );
    expect(reasons(`${head}  coast: { concurrency: { web: 0% } }\n`)).toEqual([
      'limit of web: 0% would let no host through, ever: a limit is at least 1 or 1%',
    ]);
    expect(reasons("apps: { a: '@b', b: '@c', c: '@a' }\n")).toEqual([
      'groups are made from each other: @a → @b → @c → @a; one of them has to be made without the next',
    ]);
    expect(reasons(`${head}  coast: { sequence: [ [ db, web ], [ web, db ] ] }\n`)).toEqual([
      'sequences go round in a circle: db → web → db; none could begin',
    ]);
    expect(reasons('apps: { web: "w[1-" }\n')[0]).toMatch(/\(character 5 of "w\[1-"\)$/);
  });
});
