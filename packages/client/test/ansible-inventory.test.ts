/** Ansible inventories, INI and YAML, and what inventory programs print: what is taken, what isn't, and what is refused. */
import { describe, expect, it } from 'vitest';
import { readAnsibleIni } from '../src/inventory/ansible-ini.js';
import { readAnsibleYaml } from '../src/inventory/ansible-yaml.js';
import { expandRange } from '../src/inventory/host-range.js';
import { readInventoryJson } from '../src/inventory/inventory-json.js';
import type { Inventory } from '../src/inventory/inventory.js';

type Options = Parameters<Inventory['resolve']>[0];
const plain: Options = { names: 'inventory', implicit: false };

function groupsOf(inventory: Inventory, options: Partial<Options> = {}): Record<string, readonly string[]> {
  const resolved = inventory.resolve({ ...plain, ...options });
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
  return Object.fromEntries(resolved.groups);
}
function problemsOf(inventory: Inventory): string[] {
  const resolved = inventory.resolve(plain);
  return resolved.ok
    ? []
    : resolved.problems.map(({ place, code }) => (place ? `${place.line}:${place.column} ${code}` : code));
}
function notesOf(inventory: Inventory, options: Partial<Options> = {}): readonly string[] {
  const resolved = inventory.resolve({ ...plain, ...options });
  return resolved.ok ? resolved.notes : ['refused'];
}

const ini = `# comment
mail.example.com   ; not a comment in a host line? it has no "=": see below
`;

const fleet = `
; a comment
loose1
[web]
web[01:10:3].example.com ansible_user=deploy
web1.example.com:2222 http_port=80 note="two words" # the odd one
[web:vars]
proxy = none
[db]
db-[a:c]	ansible_host='10.0.0.9'
[2001:db8::7]:22
[prod:children]
web   # all of them
db
[all:vars]
x=1
[empty]
`;

describe('an Ansible inventory in INI form', () => {
  it('has its groups, ranges and nested groups', () => {
    const web = [
      'web01.example.com',
      'web04.example.com',
      'web07.example.com',
      'web10.example.com',
      'web1.example.com',
    ];
    const db = ['db-a', 'db-b', 'db-c', '2001:db8::7'];
    expect(groupsOf(readAnsibleIni(fleet))).toEqual({
      all: ['loose1', ...web, ...db],
      ungrouped: ['loose1'],
      web,
      db,
      prod: [...web, ...db],
      empty: [],
    });
  });

  it('says what of it is not taken', () => {
    expect(notesOf(readAnsibleIni(fleet))).toEqual([
      "ansible_host of 3 hosts isn't taken (db-a has 10.0.0.9): hosts are reached by their names in the inventory; `names: ansible_host` calls them by it",
      'not taken: ansible_user of 4 hosts, ansible_port of 2 hosts, 4 other variables; a job has its account and its port',
    ]);
    expect(notesOf(readAnsibleIni('[web]\nweb1\n'))).toEqual([]);
  });

  it('calls hosts by their ansible_host where that is asked for', () => {
    const inventory = readAnsibleIni(
      '[web]\nweb1 ansible_host=10.0.0.1\nweb2\n[db]\ndb1 ansible_host=10.0.0.1\n',
    );
    expect(groupsOf(inventory, { names: 'ansible_host' })).toMatchObject({
      all: ['10.0.0.1', 'web2'],
      web: ['10.0.0.1', 'web2'],
      db: ['10.0.0.1'],
    });
    const templated = readAnsibleIni('[web]\nweb1 ansible_host="{{ lookup }}"\n');
    expect(templated.resolve({ ...plain, names: 'ansible_host' })).toMatchObject({
      ok: false,
      problems: [{ code: 'invalid-host' }],
    });
  });

  it.each([
    ['a word behind a host that is no variable', '[web]\nweb1 web2\n', ['2:1 invalid-variable']],
    ['a comment sign that is none', ini, ['2:1 invalid-variable']],
    ['an unclosed section', '[web\nweb1\n', ['1:1 invalid-section']],
    ['a section of another kind', '[web:host]\nweb1\n', ['1:1 invalid-section']],
    ['an unclosed quote', '[web]\n  web1 a="b\n', ['2:3 unclosed-quote']],
    ['a name that no host has', '[web]\nweb_ü\n', ['2:1 invalid-host']],
    ['an option of ssh', '[web]\n-oProxyCommand=x\n', ['2:1 invalid-host']],
    ['a range that counts down', '[web]\nweb[9:1]\n', ['2:1 invalid-range']],
    ['a range without an end', '[web]\nweb[1:\n', ['2:1 invalid-range']],
    ['a range beyond measure', '[web]\nweb[0:9999][0:9999]\n', ['2:1 invalid-range']],
    ['a group of a group that is not there', '[prod:children]\nweb\n', ['2:1 unknown-group']],
    ['two words as a group', '[prod:children]\nweb db\n', ['2:1 invalid-group']],
    ['a variable without a value', '[web:vars]\nproxy\n', ['2:1 invalid-variable']],
    ['groups in a circle', '[a:children]\nb\n[b:children]\nc\n[c:children]\nb\n', ['6:1 group-cycle']],
    ['a group of itself', '[a:children]\na\n', ['2:1 group-cycle']],
  ])('with %s is refused by line', (_what, text, problems) => {
    const found = problemsOf(readAnsibleIni(text));
    if (problems[0]!.endsWith('group-cycle')) expect(found[0]).toMatch(/^\d:1 group-cycle$/);
    else expect(found).toEqual(problems);
  });

  it('may nest its groups as deep as it likes', () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `[g${index}:children]\ng${index + 1}\n`);
    const groups = groupsOf(readAnsibleIni(`${lines.join('')}[g20000]\nweb1\n`));
    expect(groups['g0']).toEqual(['web1']);
  });
});

describe('a range of host names', () => {
  it.each([
    ['web[1:3]', ['web1', 'web2', 'web3']],
    ['web[08:11]', ['web08', 'web09', 'web10', 'web11']],
    ['web[:2]', ['web0', 'web1', 'web2']],
    ['[a:c][1:2].x', ['a1.x', 'a2.x', 'b1.x', 'b2.x', 'c1.x', 'c2.x']],
    ['r[a:g:3]', ['ra', 'rd', 'rg']],
  ])('%s', (pattern, names) => {
    expect(expandRange(pattern)).toEqual({ ok: true, names });
  });

  it.each(['w[1:2', 'w1:2]', 'w[1-2]', 'w[1:2:0]', 'w[01:100]', 'w[a:2]', 'w[c:a]', 'w[1:2:3:4]', 'w[]'])(
    '%s is refused',
    (pattern) => {
      expect(expandRange(pattern)).toMatchObject({ ok: false });
    },
  );
});

describe('an Ansible inventory in YAML form', () => {
  const text = `all:
  hosts:
    loose1:
  children:
    prod:
      children:
        web:
          hosts:
            web[01:03].example.com: { ansible_user: deploy }
            web9: { ansible_host: 10.0.0.9, ansible_port: 2222 }
          vars: { a: 1 }
        db: { hosts: { db1: } }
    db:
      hosts: { db2: null }
`;

  it('has its groups, ranges and nested groups', () => {
    const inventory = readAnsibleYaml(text);
    expect(groupsOf(inventory)).toMatchObject({
      ungrouped: ['loose1'],
      web: ['web01.example.com', 'web02.example.com', 'web03.example.com', 'web9'],
    });
    expect([...groupsOf(inventory)['prod']!].sort()).toEqual(
      ['db1', 'db2', 'web01.example.com', 'web02.example.com', 'web03.example.com', 'web9'].sort(),
    );
    expect([...groupsOf(inventory)['db']!].sort()).toEqual(['db1', 'db2']);
    expect(notesOf(inventory)).toHaveLength(2);
    expect(groupsOf(inventory, { names: 'ansible_host' })['web']).toContain('10.0.0.9');
  });

  it.each([
    ['another key', 'web:\n  host: { a: }\n', ['2:3 wrong-type']],
    ['a list of hosts', 'web:\n  hosts: [ a ]\n', ['2:3 wrong-type']],
    ['a group that is a word', 'web: a\n', ['1:1 wrong-type']],
    ['no groups', '- a\n', ['1:1 wrong-type']],
    ['a host that is none', 'web:\n  hosts:\n    -x:\n', ['3:5 invalid-host']],
    ['a circle', 'a: { children: { b: } }\nb: { children: { a: } }\n', undefined],
    ['damage', 'web:\n  hosts: {\n', undefined],
    ['tags', 'web: { vars: { secret: !vault x } }\n', undefined],
  ])('with %s is refused by line', (_what, given, problems) => {
    const found = problemsOf(readAnsibleYaml(given));
    if (problems === undefined) expect(found[0]).toMatch(/^\d+:\d+ [a-z-]+$/);
    else expect(found).toEqual(problems);
  });
});

describe('what an inventory program prints', () => {
  const read = (value: unknown) =>
    readInventoryJson(typeof value === 'string' ? value : JSON.stringify(value));

  it('is groups of hosts, nested or not, with or without their variables', () => {
    const answer = read({
      web: ['web1', 'web2'],
      db: { hosts: ['db1'], vars: { a: 1 } },
      prod: { children: ['web', 'db', 'absent'] },
      all: { children: ['ungrouped', 'prod'] },
      _meta: { hostvars: { web1: { ansible_host: '10.0.0.1', b: 2 }, stranger: { ansible_host: 'x' } } },
    });
    if (!answer.ok) throw new Error(answer.message);
    expect(groupsOf(answer.inventory, { implicit: true })).toEqual({
      all: ['web1', 'web2', 'db1'],
      ungrouped: [],
      web: ['web1', 'web2'],
      db: ['db1'],
      prod: ['web1', 'web2', 'db1'],
    });
  });

  it.each([
    ['no JSON', '{', /isn't JSON/],
    ['a list', [], /no object/],
    ['a group of another form', { web: { host: ['a'] } }, /group web is neither/],
    ['a host that is a number', { web: [1] }, /group web is neither/],
    ['a host that is none', { web: ['a b'] }, /"a b" is neither the name of a host/],
    ['variables of another form', { _meta: { hostvars: [] } }, /hostvars/],
  ])('is refused where it is %s', (_what, value, message) => {
    const answer = read(value);
    expect(answer.ok ? '' : answer.message).toMatch(message);
  });
});
