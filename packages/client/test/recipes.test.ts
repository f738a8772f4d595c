/** `pogo recipes`, without a dispatcher; what docs/RECIPES.md shows is run here. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PogoFixture } from './support/pogo.js';

let pogo: PogoFixture;
let document: string;
let example: string;

function repositoryFile(path: string): Promise<string> {
  return readFile(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8');
}

beforeAll(async () => {
  pogo = await PogoFixture.build();
  document = await repositoryFile('docs/RECIPES.md');
  example = await repositoryFile('examples/cookbook/cookbook.yaml');
  await pogo.file('cookbook.yaml', example);
});
afterAll(() => pogo?.remove());

/** Blocks of one language, in order. */
function blocks(language: string): string[] {
  return [...document.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(
    (match) => match[1]!,
  );
}

async function recipes(...args: string[]) {
  const { code, stdout, stderr } = await pogo.run(['recipes', ...args]);
  return { code, stdout: stdout.toString('utf8'), stderr };
}

const wrong = `- name: careful
  concurent: 2
- { name: a, based_on: carefull }
- name: restart
  command: systemctl x {{servce}}
  parameters: { service: }
`;

describe('pogo recipes', () => {
  it('lists and shows what the document shows of the example', async () => {
    expect(blocks('yaml')[0]).toBe(example);
    const [list, shown] = blocks('console');
    expect(await recipes('list', '-C', 'cookbook.yaml')).toEqual({
      code: 0,
      stderr: '',
      stdout: list!.slice(list!.indexOf('\n') + 1),
    });
    expect(await recipes('show', 'restart-nginx', '-C', 'cookbook.yaml')).toEqual({
      code: 0,
      stderr: '',
      stdout: shown!.slice(shown!.indexOf('\n') + 1),
    });
  });

  it('says what is wrong by line, as the document does, and ends with 2', async () => {
    await pogo.file('wrong.yaml', wrong);
    const { code, stdout, stderr } = await recipes('check', 'wrong.yaml');
    expect(`$ pogo recipes check wrong.yaml\n${stderr}`).toBe(blocks('console')[2]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    const json = await recipes('check', 'wrong.yaml', '--json');
    expect(json).toMatchObject({ code: 2, stderr: '' });
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: false,
      file: 'wrong.yaml',
      problems: [
        { line: 2, column: 3, code: 'unknown-key' },
        { line: 3, column: 24, code: 'unknown-base' },
        { line: 5, column: 24, code: 'unknown-parameter' },
      ],
    });
  });

  it('uses nothing of a cookbook with a mistake', async () => {
    await pogo.file('wrong.yaml', wrong);
    for (const args of [
      ['recipes', 'list'],
      ['recipes', 'show', 'careful'],
      ['run', '-R', 'careful'],
      ['plan', '-R', 'careful'],
    ]) {
      const { code, stderr, stdout } = await pogo.run([...args, '-C', 'wrong.yaml']);
      expect(stderr).toContain('wrong.yaml:2:3: unknown key "concurent"');
      expect(stderr).toContain('pogo: invalid-cookbook: ');
      expect({ code, stdout: stdout.toString('utf8') }).toEqual({ code: 2, stdout: '' });
    }
  });

  it('answers in JSON with where each value comes from', async () => {
    const { stdout } = await recipes('show', 'restart-nginx', '-C', 'cookbook.yaml', '--json');
    expect(JSON.parse(stdout)).toEqual({
      file: 'cookbook.yaml',
      name: 'restart-nginx',
      basedOn: ['restart', 'careful'],
      line: 17,
      column: 3,
      values: [
        { key: 'max-failures', value: '3', record: 'careful', line: 4, column: 17 },
        { key: 'target', value: '{{where}}&@coast:{{coast}}', record: 'restart', line: 13, column: 11 },
        {
          key: 'command',
          value: ['systemctl', 'restart', '{{service}}'],
          record: 'restart',
          line: 14,
          column: 12,
        },
        { key: 'run-as', value: 'root', record: 'restart', line: 15, column: 11 },
        { key: 'concurrent', value: '10%', record: 'restart-nginx', line: 19, column: 15 },
      ],
      parameters: [
        {
          name: 'service',
          type: 'string',
          default: 'nginx',
          description: 'unit of systemd',
          required: false,
          record: 'restart-nginx',
        },
        { name: 'where', type: 'hosts', default: '@frontend', required: false, record: 'restart' },
        { name: 'coast', type: 'choice', choices: ['east', 'west'], required: true, record: 'restart' },
      ],
    });
    const list = JSON.parse((await recipes('list', '-C', 'cookbook.yaml', '--json')).stdout) as {
      recipes: { name: string }[];
    };
    expect(list.recipes.map(({ name }) => name)).toEqual(['careful', 'restart', 'restart-nginx', 'space']);
    const checked = await recipes('check', 'cookbook.yaml', '--json');
    expect(JSON.parse(checked.stdout)).toEqual({
      ok: true,
      file: 'cookbook.yaml',
      recipes: ['careful', 'restart', 'restart-nginx', 'space'],
    });
  });

  it('finds the cookbook of the configuration, relative to that file, and of a variable', async () => {
    await pogo.file('home/.pogoconf', 'cookbook: ../cookbook.yaml\n');
    expect((await pogo.run(['recipes', 'check'], { cwd: '/' })).stdout.toString('utf8')).toBe('4 recipes\n');
    await pogo.file('home/.pogoconf', '');
    const env = { POGO_COOKBOOK: 'cookbook.yaml' };
    expect((await pogo.run(['recipes', 'check'], { env })).stdout.toString('utf8')).toBe('4 recipes\n');
    expect(await recipes('check')).toMatchObject({ code: 2, stderr: expect.stringContaining('no-cookbook') });
  });

  it('reads standard input, and refuses what has no end', async () => {
    const { stdout } = await pogo.run(['recipes', 'check', '-'], { stdin: example });
    expect(stdout.toString('utf8')).toBe('4 recipes\n');
    const endless = await recipes('check', '/dev/zero');
    expect(endless.stderr).toContain('1048577 bytes, and at most 1048576 are allowed [cookbook-too-large]');
    expect(endless.code).toBe(2);
  });

  it('shows nothing of a hostile cookbook as it is', async () => {
    await pogo.file('hostile.yaml', '- { name: a, description: "\\e[2J\\u202e", command: "\\e]0;x\\a" }\n');
    for (const args of [['list'], ['show', 'a']]) {
      const { code, stdout } = await recipes(...args, '-C', 'hostile.yaml');
      expect(code).toBe(0);
      expect(stdout).not.toMatch(/[^\n\x20-\x7e]/);
    }
    await pogo.file('hostile.yaml', '- { name: "\\e[2J", "\\e]0;x\\a": 1 }\n');
    expect((await recipes('check', 'hostile.yaml')).stderr).not.toMatch(/[^\n\x20-\x7e…]/);
  });

  it.each<[what: string, args: string[], says: string]>([
    [
      'an unknown recipe',
      ['show', 'restrat', '-C', 'cookbook.yaml'],
      'unknown-recipe: cookbook.yaml has no recipe "restrat": did you mean restart?',
    ],
    ['no action', ['shwo', 'a'], 'pogo recipes takes list, show NAME, or check [FILE|URL]'],
    ['no name', ['show', '-C', 'cookbook.yaml'], 'pogo recipes takes'],
    ['two cookbooks to check', ['check', 'a.yaml', '-C', 'b.yaml'], 'pogo recipes takes'],
    [
      'a missing cookbook',
      ['list', '-C', 'nowhere.yaml'],
      'unreadable-file: cookbook nowhere.yaml: there is no such file',
    ],
    [
      'plain http',
      ['list', '-C', 'http://example.com/c.yaml'],
      'cookbook-insecure: http://example.com/c.yaml: ',
    ],
  ])('refuses %s', async (_what, args, says) => {
    const { code, stdout, stderr } = await recipes(...args);
    expect(stderr).toContain(says);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});
