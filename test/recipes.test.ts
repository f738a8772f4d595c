/** Recipes on real hosts: what arrives of a parameter's value, and which hosts a recipe leaves alone. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type HostAccount, reachWithKey } from './support/host-account.js';
import { openScene, type Scene } from './support/scene.js';

let scene: Scene;
let hosts: HostAccount;
let cookbook: string;

beforeAll(async () => {
  scene = await openScene();
  hosts = await reachWithKey(scene, 3);
  cookbook = scene.file(
    'cookbook.yaml',
    `- name: words
  parameters: { value: {} }
  command: [printf, '%s\\0', '{{value}}', 'a{{value}}b']
- name: text
  parameters: { value: {} }
  command: |
    v={{value}} # a variable
    printf '%s\\0' {{value}} "<{{value}}>" '<{{value}}>' "$v"
- name: restart
  parameters: { where: { type: hosts }, mark: {} }
  target: '{{where}}&127.0.1.[1-3]'
  exclude: 127.0.1.2
  concurrent: 1
  command: echo "$POGO_HOST" >> {{mark}}
  health: grep -q "$POGO_HOST" {{mark}}
  health-retries: 0
`,
  );
});

afterAll(() => scene.close());

const nasty = [
  "it's",
  `"; touch stolen; "`,
  "'; touch stolen; '",
  '$(touch stolen) `touch stolen` $HOME',
  'line one\\nline two\ntouch stolen\n',
  '\\',
  '*',
  ' ',
  'grüße, 🚀',
].join('|');

it('a value arrives byte for byte, as an argument and in a shell string in whatever quotes', async () => {
  const at = ['-C', cookbook, '-h', '127.0.1.1', ...hosts.login];
  const run = async (recipe: string) => {
    const { result, document } = await scene.runJson([...at, '-R', recipe, `value=${nasty}`]);
    expect(result.exitCode, result.stderr).toBe(0);
    return document.hosts[0]!.stdout!.split('\0').slice(0, -1);
  };
  expect(await run('words')).toEqual([nasty, `a${nasty}b`]);
  expect(await run('text')).toEqual([nasty, `<${nasty}>`, `<${nasty}>`, nasty]);
  expect(hosts.lines('stolen')).toEqual([]);
});

it('a value of hosts and an exclusion leave no record on hosts that the recipe does not have', async () => {
  const mark = "a mark's";
  const { result, document } = await scene.runJson([
    ...['-C', cookbook, '-R', 'restart', ...hosts.login, '-x', '127.0.1.9'],
    ...['where=127.0.1.9,127.0.1.[1-3]', `mark=${mark}`],
  ]);
  expect(result.exitCode, result.stderr).toBe(0);
  expect(document.hosts.map(({ host, state }) => [host, state])).toEqual([
    ['127.0.1.1', 'succeeded'],
    ['127.0.1.3', 'succeeded'],
  ]);
  expect(hosts.lines(mark)).toEqual(['127.0.1.1', '127.0.1.3']);
});
