/** Namespace files, damaged: compiled, or refused with places inside of the text and reasons; and no damage takes long. */
import { checkNamespace } from '@pogo/protocol';
import { type FuzzAnswer, fuzz, mutateText, problemFault, type SeededRandom } from '@pogo/testkit';
import { expect, test } from 'vitest';

const cases = 20_000;
/** A busy machine takes several times as long as an idle one. */
const timeLimitMs = 300_000;
const seed = 4_060_001;

const corpus = [
  `apps:
  frontend: [ 'foo[1-11].{east,west}.example.com' ]
  backend:  [ 'bar[1-3].{east,west}.example.com' ]
envs:
  coast:
    east: [ '@frontend,@backend&*.east.example.com' ]
    west: [ '@frontend,@backend&*.west.example.com' ]
constraints:
  coast:
    concurrency: { frontend: 25%, backend: 1 }
    sequence: [ [ backend, frontend ] ]
pools: { east: '@coast:east', west: '@coast:west' }
`,
  `# a comment
apps:
  web:
    - web[01-10/2,12].example.com
    - "10.0.0.[1-3]"
  db: db1
  all: [ '@web', '@db!db2' ]
envs: { rack: { 01: 'web*', b: [ '@*!@rack:01' ] }, 'stage': {} }
aliases: { db1: [ db1.example.com, '::1' ] }
constraints:
  rack:
    concurrency:
      - web: 3
      - db: '1'
    sequence:
      - [ db, web ]
      - [ all ]
hold_failures: until-job-ends
`,
  'apps: {a: x[1-4], b: [y1, y2], c: "@{a,b}"}\nenvs: {e: {v: "@c", w: "@a&@b"}}\nconstraints: {e: {sequence: [[a, b], [b, c]]}}\n'.replace(
    'x[1-4]',
    '"x[1-4]"',
  ),
];
const tokens = [
  ...[
    'apps:',
    'envs:',
    'constraints:',
    'aliases: {a: b}',
    'pools:',
    'concurrency:',
    'sequence:',
    '- ',
    ': ',
    ', ',
  ],
  ...[
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '|',
    '>',
    '&a ',
    '*a',
    '!x ',
    '@',
    '@*',
    '@web',
    '@coast:east',
    '%',
    '100%',
    '0',
    '-1',
  ],
  ...[
    '1.5',
    '.nan',
    '.inf',
    '~',
    'null',
    'true',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    '\n  ',
    '\n',
    '\t',
    '# ',
    '? ',
    '<<: ',
  ],
  ...['web[1-3]', '[1-999999999]', '*.east', '?*', '__proto__: x\n', 'constructor: x\n', '!!set ', '\ufeff'],
];

function generate(random: SeededRandom): string {
  return mutateText(random, { corpus, tokens, changes: 2 });
}

function check(text: string): FuzzAnswer {
  const checked = checkNamespace(text, 'ns.yaml');
  const told = checked.ok ? checked.warnings : checked.problems;
  const fault = told.map((problem) => problemFault(text, problem)).find(Boolean);
  if (fault !== undefined) return fault;
  if (!checked.ok) return checked.problems.length > 0 ? 'rejected' : { fault: 'refused for nothing' };
  const { namespace } = checked;
  for (const [member, host] of namespace.hosts.entries()) {
    if (namespace.memberOf(host) !== member) return { fault: `${host} is not its own member` };
    if (namespace.slotsOf(member).some((slot) => namespace.slots[slot]!.limit < 1))
      return { fault: 'a limit of 0' };
  }
  return 'accepted';
}

test('every sample is good before it is damaged', () => {
  for (const text of corpus) expect(check(text), text).toBe('accepted');
});

test(
  `${cases} damaged namespace files compile, or are refused with line and reason`,
  async () => {
    const report = await fuzz({ name: 'namespace file', cases, seed, generate, check });
    console.log(report.text);
    expect(report.accepted).toBeGreaterThan(cases / 20);
    expect(report.rejected).toBeGreaterThan(cases / 10);
  },
  timeLimitMs,
);

test('the fuzz notices a problem without a place', async () => {
  const planted = (text: string): FuzzAnswer => {
    const checked = checkNamespace(text, 'ns.yaml');
    return !checked.ok && checked.problems.some(({ code }) => code === 'duplicate-key')
      ? { fault: 'planted' }
      : 'rejected';
  };
  await expect(fuzz({ name: 'planted', cases, seed, generate, check: planted })).rejects.toThrow('planted');
});

const many = (count: number, line: (number: number) => string): string =>
  Array.from({ length: count }, (_value, number) => line(number)).join('');

/** What would grow with the square of the text, or beyond the memory, if it were let: each is refused or read in time. */
test.each([
  ['brackets', '['.repeat(4_000_000)],
  ['closing brackets', ']'.repeat(4_000_000)],
  ['commas', `[${','.repeat(200_000)}`],
  ['dashes', '- '.repeat(2_000_000)],
  ['colons', ': '.repeat(2_000_000)],
  ['anchors', '&a '.repeat(50_000)],
  ['YAML aliases', `a: [${'*a, '.repeat(50_000)}]`],
  ['documents', '---\n'.repeat(1_000_000)],
  ['keys', `apps:\n${many(20_000, (key) => `  k${key}: h${key}\n`)}`],
  ['equal keys', `apps:\n${'  web: w1\n'.repeat(20_000)}`],
  ['apps made from apps', `apps:\n  a0: h1\n${many(20_000, (app) => `  a${app + 1}: '@a${app}'\n`)}`],
  [
    'every app in every value',
    `apps:\n${many(1000, (app) => `  a${app}: h1\n`)}envs:\n  e:\n${many(1000, (value) => `    v${value}: h1\n`)}` +
      `constraints:\n  e:\n    concurrency:\n${many(1000, (app) => `      a${app}: 1\n`)}`,
  ],
  [
    'wildcards',
    `apps:\n  a: "h[1-20000]"\nenvs:\n  e:\n${many(3000, (value) => `    v${value}: '*${value}*'\n`)}`,
  ],
  ['groups that come to nothing', `apps:\n  a: "h[1-20000]"\n${many(3000, (app) => `  b${app}: '@a!@a'\n`)}`],
])(
  'a large file of %s is answered',
  (_what, text) => {
    const checked = checkNamespace(text, 'ns.yaml');
    if (checked.ok) expect(checked.namespace.hosts.length).toBeGreaterThan(0);
    else expect(checked.problems.length).toBeGreaterThan(0);
  },
  timeLimitMs,
);
