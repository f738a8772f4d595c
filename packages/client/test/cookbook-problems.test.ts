/** What can be wrong with a cookbook: place and code of each. */
import { describe, expect, it } from 'vitest';
import { checkCookbook, maxCookbookBytes } from '../src/recipes/cookbook.js';

function problems(content: string | Uint8Array, isLocal = true): string[] {
  const checked = checkCookbook({ content, file: 'c.yaml', isLocal });
  return checked.ok ? [] : checked.problems.map(({ line, column, code }) => `${line}:${column} ${code}`);
}

function messages(content: string): string {
  const checked = checkCookbook({ content, file: 'c.yaml', isLocal: true });
  return checked.ok ? '' : checked.problems.map(({ message }) => message).join('\n');
}

/** A recipe "a" that declares one parameter of each type, with these lines besides. */
function withParameters(...lines: string[]): string {
  return [
    '- name: a',
    '  parameters: { text: , n: { type: integer }, yes: { type: boolean }, where: { type: hosts } }',
    ...lines.map((line) => `  ${line}`),
    '',
  ].join('\n');
}

describe('a cookbook is refused', () => {
  it.each<[what: string, content: string | Uint8Array, problem: string[]]>([
    ['that is empty', '', ['1:1 empty-cookbook']],
    ['that is no list', 'name: a\n', ['1:1 wrong-type']],
    ['with a record that is no map', '- a\n', ['1:3 wrong-type']],
    ['with a record without a name', '- command: true\n', ['1:3 missing-key']],
    ['with a name that is none', '- name: a b\n', ['1:9 invalid-name']],
    ['with a name twice', '- name: a\n- name: a\n', ['2:9 duplicate-recipe']],
    ['with a key twice', '- name: a\n  run-as: x\n  run-as: y\n', ['3:3 duplicate-key']],
    ['with two spellings of a key', '- name: a\n  run-as: x\n  run_as: y\n', ['3:3 duplicate-key']],
    ['with two names of an option', '- name: a\n  fanout: 2\n  concurrent: 3\n', ['3:3 duplicate-key']],
    [
      'with a flag and its opposite',
      '- name: a\n  forward-agent: true\n  no-forward-agent: true\n',
      ['3:3 duplicate-key'],
    ],
    ['with an unknown key', '- name: a\n  signatur: x\n', ['2:3 unknown-key']],
    [
      'with an unknown key of a parameter',
      '- name: a\n  parameters: { x: { typ: string } }\n',
      ['2:22 unknown-key'],
    ],
    [
      'that says where cookbooks are',
      '- name: a\n  cookbook: b\n  config: c\n',
      ['2:3 unknown-key', '3:3 unknown-key'],
    ],
    ['with an alias', '- &a { name: a }\n- *a\n', ['2:3 yaml-alias']],
    ['with a merge', '- &a { name: a }\n- { <<: *a, name: b }\n', ['2:9 yaml-alias']],
    ['with a tag', '- name: !secret a\n', ['1:9 yaml-syntax']],
    ['with a second document', '- name: a\n---\n- name: b\n', ['2:1 yaml-syntax']],
    ['that is no YAML', '- [\n', ['2:1 yaml-syntax']],
    ['that is no text', new Uint8Array([0x2d, 0x20, 0xff]), ['1:3 not-text']],
    ['that is too large', `- name: a\n${'#'.repeat(maxCookbookBytes)}`, ['1:1 cookbook-too-large']],
    ['with a map where a text is', '- name: a\n  user: { x: y }\n', ['2:9 wrong-type']],
    ['with a list where one value is', '- name: a\n  user: [x, y]\n', ['2:9 wrong-type']],
    ['with a flag that is neither true nor false', '- name: a\n  gather: yes\n', ['2:11 invalid-value']],
    ['with a value that the option refuses', '- name: a\n  concurrent: 0\n', ['2:15 invalid-value']],
    ['with an empty value', '- name: a\n  run-as: ""\n', ['2:11 empty-value']],
    ['with a target that is none', "- name: a\n  target: [web1, 'web[1-']\n", ['2:18 invalid-target']],
    ['that reads a file in an expression', "- name: a\n  target: '@file:x'\n", ['2:11 invalid-target']],
    ["with a base that there isn't", '- name: a\n  based_on: b\n', ['2:13 unknown-base']],
    ['that is based on itself', '- name: a\n  based_on: a\n', ['2:13 base-cycle']],
    [
      'with a circle, once for each',
      '- { name: a, based_on: b }\n- { name: b, based_on: a }\n- { name: c, based_on: a }\n',
      ['1:24 base-cycle', '2:24 base-cycle'],
    ],
    ['with command and script', '- name: a\n  command: [x]\n  file: y\n', ['3:3 contradicting-keys']],
    ['with command and args', '- name: a\n  command: [x]\n  args: [y]\n', ['3:3 contradicting-keys']],
    ['with an empty list', '- name: a\n  command: []\n', ['2:12 wrong-type']],
    [
      'with a password',
      '- name: a\n  password: x\n  sudo_password: y\n',
      ['2:3 secret-in-recipe', '3:3 secret-in-recipe'],
    ],
    [
      'with a parameter for a password',
      '- name: a\n  parameters: { db_password: {} }\n',
      ['2:30 secret-in-recipe'],
    ],
    [
      'with a parameter that can have no such name',
      '- name: a\n  parameters: { 1x: {} }\n',
      ['2:21 invalid-name'],
    ],
    ["with a type that there isn't", '- name: a\n  parameters: { x: { type: text } }\n', ['2:28 wrong-type']],
    [
      'with a choice of nothing',
      '- name: a\n  parameters: { x: { type: choice } }\n',
      ['2:28 invalid-parameter'],
    ],
    ['with bounds of a text', '- name: a\n  parameters: { x: { min: 1 } }\n', ['2:27 invalid-parameter']],
    [
      'with bounds the wrong way round',
      '- name: a\n  parameters: { x: { type: integer, min: 2, max: 1 } }\n',
      ['2:50 invalid-parameter'],
    ],
    [
      'with a default that is none',
      '- name: a\n  parameters: { x: { type: integer, default: 1.5 } }\n',
      ['2:46 invalid-parameter'],
    ],
    [
      'with a default for no expression of hosts',
      "- name: a\n  parameters: { x: { type: hosts, default: 'a[' } }\n",
      ['2:44 invalid-parameter'],
    ],
    ['with an unknown parameter', withParameters("command: [x, 'y {{txt}}']"), ['3:19 unknown-parameter']],
    [
      'with braces that name nothing',
      withParameters('command: docker ps --format {{.Names}}'),
      ['3:31 invalid-reference'],
    ],
    [
      'with a reference behind a here-document',
      withParameters('command: "cat <<E; x {{text}}"'),
      ['3:24 unquotable-reference'],
    ],
    [
      'with a reference in a comment',
      withParameters('command: "true # {{text}}"'),
      ['3:20 unquotable-reference'],
    ],
    ['with hosts as a part of a name', withParameters("target: 'web{{where}}'"), ['3:15 invalid-target']],
    [
      'with a default that its option refuses',
      "- name: a\n  parameters: { n: { default: x } }\n  port: '{{n}}'\n",
      ['3:9 invalid-value'],
    ],
  ])('%s', (_what, content, expected) => {
    expect(problems(content)).toEqual(expected);
  });

  it('from elsewhere that names files of this machine', () => {
    for (const line of [
      'file: x.sh',
      'identity: [id]',
      'outdir: out',
      'hostfile: hosts',
      'secrets: s',
      'known-hosts: k',
    ])
      expect(problems(`- name: a\n  ${line}\n`, false)).toEqual(['2:3 local-file']);
    expect(problems('- name: a\n  file: x.sh\n')).toEqual([]);
  });

  it('with more bases in a row than sixteen', () => {
    const chain = (length: number) =>
      Array.from(
        { length },
        (_, index) => `- { name: r${index}${index > 0 ? `, based_on: r${index - 1}` : ''} }\n`,
      ).join('');
    expect(problems(chain(17))).toEqual([]);
    expect(problems(chain(18))).toEqual(['18:26 base-too-deep']);
  });

  it('with at most twenty problems, in order', () => {
    const found = problems('- name: a\n'.repeat(40));
    expect(found).toHaveLength(20);
    expect(found[0]).toBe('2:9 duplicate-recipe');
  });

  it('with advice', () => {
    expect(messages('- name: a\n  concurent: 2\n')).toContain('did you mean concurrent?');
    expect(messages(withParameters("command: [x, '{{wher}}']"))).toContain('did you mean where?');
    expect(messages(withParameters('command: echo `id` {{text}}'))).toContain('v={{text}}; and use "$v"');
  });
});

it('is taken with every scalar as it is written', () => {
  const checked = checkCookbook({
    content: '- name: a\n  command: [x, 1.10, 007, true, ~, 0x10, "q"]\n',
    file: 'c.yaml',
    isLocal: true,
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const [command] = checked.cookbook.recipes.get('a')!.entries;
  expect(command!.texts.map(({ text }) => text)).toEqual(['x', '1.10', '007', 'true', '~', '0x10', 'q']);
});
