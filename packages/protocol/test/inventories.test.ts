/** Inventories of a namespace file: what stays is the file as it was written, with names of hosts in it. */
import { checkNamespace, readInventories } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';

const groups: Record<string, readonly string[]> = {
  'dc1:web': ['web1', 'web2', 'web3'],
  'dc1:db': ['db1', 'web3'],
  'dc1:six': ['fe80::1', 'fe80::2'],
  'dc1:none': [],
  'cmdb:all': ['db1'],
};

function expanded(content: string | Uint8Array) {
  const read = readInventories(content, 'ns.yaml');
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.expand((inventory, group) => groups[`${inventory}:${group}`]);
}
function textOf(content: string): string {
  const done = expanded(content);
  if (!done.ok) throw new Error(JSON.stringify(done.problems));
  return done.text;
}
function problemsOf(content: string): string[] {
  const read = readInventories(content, 'ns.yaml');
  const done = read.ok ? read.expand((inventory, group) => groups[`${inventory}:${group}`]) : read;
  return done.ok ? [] : done.problems.map(({ line, column, code }) => `${line}:${column} ${code}`);
}
const head = 'inventories:\n  dc1: { ansible: hosts.ini }\n';
const hostsOf = (text: string): readonly string[] => {
  const checked = checkNamespace(text, 'ns.yaml');
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return checked.namespace.hosts;
};

describe('a namespace file', () => {
  it('without inventories is left as it is', () => {
    const text = "apps: { web: '@dc1:web' } # inventories\r\n";
    const read = readInventories(text, 'ns.yaml');
    expect(read).toMatchObject({ ok: true, declared: [] });
    expect(textOf(text)).toBe(text);
  });

  it('declares where its inventories are', () => {
    const read = readInventories(
      `inventories:
  dc1: { ansible: hosts.ini }
  dc2: { ansible: hosts.yml, names: ansible_host }
  cmdb: { command: [ ./inv, --list ], timeout: 5 }
  short: { command: inv }
apps: { web: w1 }
`,
      'ns.yaml',
    );
    expect(read).toMatchObject({
      ok: true,
      declared: [
        {
          name: 'dc1',
          line: 2,
          column: 3,
          source: { kind: 'ansible', path: 'hosts.ini', names: 'inventory' },
        },
        { name: 'dc2', source: { kind: 'ansible', names: 'ansible_host' } },
        { name: 'cmdb', source: { kind: 'command', argv: ['./inv', '--list'], timeoutMs: 5000 } },
        { name: 'short', source: { kind: 'command', argv: ['inv'], timeoutMs: 30_000 } },
      ],
    });
  });

  it('names the hosts afterwards, line by line as it was written, and no inventory any more', () => {
    const text = `# prod
inventories:
  # where they are
  dc1: { command: [ ./inv, --password=hush ] }

apps:
  web:
    - '@dc1:web'   # frontends
    - other1
  db: >
    @dc1:db,
    other2
envs:
  coast: { east: [ '@dc1:web&web[1-2]', 'db1' ] }
pools: { p: "@dc1:web" }
`;
    const after = textOf(text);
    expect(after).toBe(`# prod
# hosts are those that inventories had: dc1
  # where they are
#

apps:
  web:
    - "web[1-3]"   # frontends
    - other1
  db: "db1,web3,other2"


envs:
  coast: { east: [ "web[1-3]&web[1-2]", 'db1' ] }
pools: { p: "web[1-3]" }
`);
    expect(hostsOf(after)).toEqual(['web1', 'web2', 'web3', 'other1', 'db1', 'other2']);
  });

  it('keeps the meaning of its operators: a group that is taken away or cut with is taken as a whole', () => {
    const text = `${head}apps:\n  a: [ 'web[1-9]!@dc1:web' ]\n  b: [ 'web[1-9]&@dc1:web' ]\n  c: [ 'x1 @dc1:web!web2' ]\n`;
    const after = textOf(text);
    expect(after).toContain('a: [ "web[1-9]!{web[1-3]}" ]');
    const checked = checkNamespace(after, 'ns.yaml');
    if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
    const app = (name: string) => checked.namespace.groups.app(name)!.map(({ host }) => host);
    expect(app('a')).toEqual(['web4', 'web5', 'web6', 'web7', 'web8', 'web9']);
    expect(app('b')).toEqual(['web1', 'web2', 'web3']);
    expect(app('c')).toEqual(['x1', 'web1', 'web3']);
  });

  it('may name groups that overlap in one list: a host is taken once', () => {
    const text = `${head}apps:\n  all: [ '@dc1:web', '@dc1:db', '@dc1:web,@dc1:db' ]\n`;
    expect(hostsOf(textOf(text))).toEqual(['web1', 'web2', 'web3', 'db1']);
  });

  it.each([
    ['a group that is not there', `${head}apps:\n  web: [ w1, '@dc1:wbe' ]\n`, ['4:14 unknown-group']],
    ['a group without hosts', `${head}apps:\n  web: '@dc1:none'\n`, ['4:8 empty-inventory-group']],
    ['several groups in one word', `${head}apps:\n  web: '@dc1:{web,db}'\n`, ['4:8 invalid-name']],
    ['addresses behind an operator', `${head}apps:\n  web: 'w1&@dc1:six'\n`, ['4:8 invalid-host']],
    ['the name of an environment type', `${head}apps: {}\nenvs: { dc1: { a: w1 } }\n`, ['2:3 duplicate-key']],
    ['the name file', 'inventories:\n  file: { ansible: a }\napps: {}\n', ['2:3 invalid-name']],
    ['neither file nor program', 'inventories:\n  dc1: { yaml: a }\napps: {}\n', ['2:3 wrong-type']],
    ['both', 'inventories:\n  dc1: { ansible: a, command: b }\napps: {}\n', ['2:3 wrong-type']],
    ['too long a time', 'inventories:\n  dc1: { command: b, timeout: 601 }\napps: {}\n', ['2:3 wrong-type']],
    ['a list of them', 'inventories: [ a ]\napps: {}\n', ['1:1 wrong-type']],
    ['others on its line', '{ inventories: { dc1: { ansible: a } }, apps: {} }\n', ['1:3 inventories-place']],
  ])('with %s is refused with line and reason', (_what, text, problems) => {
    expect(problemsOf(text)).toEqual(problems);
  });

  it('has its problems where they were written, whatever stands there now', () => {
    const text = `${head}apps:\n  web: [ '@dc1:web,@nobody' ]\n`;
    const done = expanded(text);
    if (!done.ok) throw new Error('refused');
    const checked = checkNamespace(done.text, 'ns.yaml');
    if (checked.ok) throw new Error('accepted');
    expect(checked.problems.map((problem) => done.placeOf(problem))).toEqual([{ line: 4, column: 10 }]);
  });

  it('whose inventories nobody has read is refused where it is applied', () => {
    const checked = checkNamespace(`${head}apps: { web: '@dc1:web' }\n`, 'ns.yaml');
    expect(checked).toMatchObject({
      ok: false,
      problems: [{ line: 1, column: 1, code: 'inventories-not-read' }],
    });
  });
});
