/** Inventories, damaged: read, or refused with places inside of the text; no damage throws, takes long or smuggles in a host. */
import { isHost } from '@pogo/core';
import { type FuzzAnswer, fuzz, mutateText, type SeededRandom } from '@pogo/testkit';
import { expect, test } from 'vitest';
import { readAnsibleIni } from '../src/inventory/ansible-ini.js';
import { readAnsibleYaml } from '../src/inventory/ansible-yaml.js';
import { readInventoryJson } from '../src/inventory/inventory-json.js';
import type { Inventory } from '../src/inventory/inventory.js';

/** A busy machine takes several times as long as an idle one. */
const timeLimitMs = 300_000;
const seed = 4_140_001;

const ini = [
  `# hosts
loose1
[web]
web[01:10:2].example.com ansible_user=deploy
web1:2222 note="two words" # odd
[web:vars]
proxy = none
[db]
db-[a:c] ansible_host='10.0.0.9'
[2001:db8::7]:22
[prod:children]
web
db
`,
  '[a]\nh1\n[b]\nh2\r\n[c:children]\na\nb\n[d:children]\nc\n[all:vars]\nx=1\n',
];
const iniTokens = [
  ...['[', ']', ':', '[web]', '[db:children]', '[prod:vars]', '\n', '\r\n', '#', ';', '"', "'", '\\', '='],
  ...[
    '[1:3]',
    '[a:z]',
    '[01:999999999]',
    '[0:9999][0:9999]',
    'web',
    'db',
    'prod\n',
    'c\n',
    'd\n',
    '::1',
    ' ',
    '\t',
  ],
  ...['-o', '\0', '\x1b[2J', 'ü', '\ud800', '{{ x }}', 'ansible_host=', '99999999999999999999'],
];
const yaml = [
  `all:
  hosts: { loose1: }
  children:
    web:
      hosts:
        web[01:10:2].example.com: { ansible_user: deploy }
        web1:
      vars: { a: 1 }
    prod:
      children: { web: , db: { hosts: { 'db-[a:c]': } } }
`,
];
const yamlTokens = [
  'hosts:',
  'children:',
  'vars:',
  '{',
  '}',
  '[',
  ']',
  '- ',
  '\n  ',
  '&a ',
  '*a',
  '!x ',
  '[1:3]',
  'web:',
  '"',
];
const json = [
  '{"web":["w1","w2"],"prod":{"children":["web"],"hosts":["p1"]},"_meta":{"hostvars":{"w1":{"a":1}}}}',
];
const jsonTokens = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ',',
  ':',
  'null',
  '"web"',
  '"hosts"',
  '"children"',
  '"prod"',
  '-1',
  '__proto__',
];

function judge(inventory: Inventory, text: string): FuzzAnswer {
  const resolved = inventory.resolve({ names: 'inventory', implicit: false });
  const lines = text.split('\n').length;
  if (!resolved.ok) {
    if (resolved.problems.length === 0) return { fault: 'refused for nothing' };
    for (const { place, code, message } of resolved.problems) {
      if (place !== undefined && !(place.line >= 1 && place.line <= lines + 1 && place.column >= 1))
        return { fault: `${place.line}:${place.column} is outside` };
      if (!/^[a-z][a-z-]+$/.test(code) || message === '') return { fault: 'a problem that says nothing' };
      if (/[^\x20-\x7e…→]/.test(message)) return { fault: `raw characters in ${JSON.stringify(message)}` };
    }
    return 'rejected';
  }
  const all = new Set(resolved.groups.get('all'));
  for (const [name, hosts] of resolved.groups) {
    if (new Set(hosts).size !== hosts.length) return { fault: `${name} has a host twice` };
    for (const host of hosts) {
      if (!isHost(host)) return { fault: `${JSON.stringify(host)} is no host` };
      if (!all.has(host)) return { fault: `${host} is in ${name} and not in all` };
    }
  }
  return 'accepted';
}

const kinds = [
  {
    name: 'INI inventory',
    cases: 20_000,
    corpus: ini,
    tokens: iniTokens,
    check: (text: string) => judge(readAnsibleIni(text), text),
  },
  {
    name: 'YAML inventory',
    cases: 2000,
    corpus: yaml,
    tokens: yamlTokens,
    check: (text: string) => judge(readAnsibleYaml(text), text),
  },
  {
    name: 'JSON inventory',
    cases: 5000,
    corpus: json,
    tokens: jsonTokens,
    check: (text: string): FuzzAnswer => {
      const answer = readInventoryJson(text);
      return answer.ok
        ? judge(answer.inventory, text)
        : answer.message === ''
          ? { fault: 'says nothing' }
          : 'rejected';
    },
  },
];

test.each(kinds)('samples of $name are good before they are damaged', ({ corpus, check }) => {
  for (const text of corpus) expect(check(text), text).toBe('accepted');
});

test.each(kinds)(
  '$cases damaged files of $name are read, or refused with line and reason',
  async ({ name, cases, corpus, tokens, check }) => {
    const generate = (random: SeededRandom) => mutateText(random, { corpus, tokens, changes: 2 });
    const report = await fuzz({ name, cases, seed, generate, check });
    console.log(report.text);
    expect(report.accepted).toBeGreaterThan(cases / 60);
    expect(report.rejected).toBeGreaterThan(cases / 10);
  },
  timeLimitMs,
);

test.each([
  ['ranges', `${'w[0:9]'.repeat(100_000)}\n`],
  ['brackets', '['.repeat(1_000_000)],
  ['quotes', `w1 a="${'\\"'.repeat(500_000)}`],
  ['words', `w1 ${'a=b '.repeat(300_000)}`],
  ['sections', '[web]\n'.repeat(300_000)],
  [
    'groups of all groups',
    Array.from(
      { length: 300 },
      (_, group) =>
        `[g${group}:children]\n${Array.from({ length: 100 }, (_one, child) => `h${child}\n`).join('')}`,
    ).join('') + Array.from({ length: 100 }, (_, group) => `[h${group}]\nx[0:999]\n`).join(''),
  ],
])(
  'a large file of %s is answered',
  (_what, text) => {
    expect(['accepted', 'rejected']).toContain(judge(readAnsibleIni(text), text));
  },
  timeLimitMs,
);
