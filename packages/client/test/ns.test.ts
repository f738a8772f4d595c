/** `pogo ns check`, without a dispatcher; what docs/NAMESPACES.md shows is run here. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PogoFixture } from './support/pogo.js';

let pogo: PogoFixture;
let document: string;

beforeAll(async () => {
  pogo = await PogoFixture.build();
  document = await readFile(fileURLToPath(new URL('../../../docs/NAMESPACES.md', import.meta.url)), 'utf8');
});
afterAll(() => pogo?.remove());

/** Blocks of one language that begin so, in order. */
function blocks(language: string, beginning = ''): string[] {
  const all = [...document.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(
    (match) => match[1]!,
  );
  return all.filter((block) => block.startsWith(beginning));
}

async function check(name: string, content: string | Uint8Array, ...args: string[]) {
  await pogo.file(name, content);
  const { code, stdout, stderr } = await pogo.run(['ns', 'check', name, ...args]);
  return { code, stdout: stdout.toString('utf8'), stderr };
}

const wrong = `apps:
  frontend: [ 'foo[1-8]' ]
  backend: [ '@frontned' ]
envs: { coast: { east: [ '@frontend' ] } }
constraints:
  coast:
    concurrency: { frontend: 0% }
`;

describe('pogo ns check', () => {
  it('shows what the document shows of its example', async () => {
    const [example, list] = blocks('yaml');
    const [shown] = blocks('console', '$ pogo ns check prod.yaml');
    const { code, stdout, stderr } = await check('prod.yaml', example!);
    expect(stderr).toBe('');
    expect(`$ pogo ns check prod.yaml\n${stdout}`).toBe(shown);
    expect(code).toBe(0);
    expect((await check('list.yaml', list!)).code).toBe(0);
  });

  it('says what is wrong by line, as the document does, and ends with 2', async () => {
    const { code, stdout, stderr } = await check('wrong.yaml', wrong);
    expect(`$ pogo ns check wrong.yaml\n${stderr}`).toBe(blocks('console', '$ pogo ns check wrong.yaml')[0]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('answers in JSON, also about what is wrong', async () => {
    const good = await check(
      'good.yaml',
      "apps: {web: 'a[1-2]'}\nenvs: {x: {y: '@*'}}\nconstraints: {x: {concurrency: {web: 25%}}}",
      '--json',
    );
    expect(JSON.parse(good.stdout)).toEqual({
      ok: true,
      file: 'good.yaml',
      hosts: 2,
      apps: [{ name: 'web', hosts: 2 }],
      environments: [{ type: 'x', value: 'y', hosts: 2 }],
      slots: [
        {
          name: 'web@x=y',
          app: 'web',
          type: 'x',
          value: 'y',
          hosts: 2,
          limit: 1,
          written: '25%',
          roundedUp: true,
        },
      ],
      stages: [],
      warnings: [
        {
          line: 3,
          column: 33,
          code: 'limit-rounded-up',
          message: '25% is less than one host of web@x=y (hosts: 2): one at a time is let through',
        },
      ],
    });
    const bad = await check('wrong.yaml', wrong, '--json');
    expect(bad).toMatchObject({ code: 2, stderr: '' });
    expect(JSON.parse(bad.stdout)).toMatchObject({
      ok: false,
      file: 'wrong.yaml',
      problems: [
        { line: 3, column: 15, code: 'unknown-group' },
        { line: 7, column: 30, code: 'invalid-limit' },
      ],
    });
  });

  it('says its warnings on stderr, and succeeds', async () => {
    const { code, stdout, stderr } = await check('warn.yaml', 'apps:\n  web: w1\n  none: []\n');
    expect(stderr).toBe('warning: warn.yaml:3:3: @none has no host [empty-group]\n');
    expect(stdout).toMatch(/^1 host\n/);
    expect(code).toBe(0);
  });

  it('reads standard input', async () => {
    const { code, stderr } = await pogo.run(['ns', 'check', '-'], { stdin: 'apps: [\n' });
    expect(stderr).toMatch(/^standard input:2:1: not valid YAML: .* \[yaml-syntax\]\n/);
    expect(code).toBe(2);
  });

  it('shows nothing of a hostile file as it is', async () => {
    const { code, stderr } = await check(
      'hostile.yaml',
      'apps: { "a\\e[2Jb\\u202ec": w1 }\n"\\e]0;x\\a": 1\n',
    );
    expect(code).toBe(2);
    expect(stderr).toContain('hostile.yaml:2:1: ');
    expect(stderr).not.toMatch(/[^\n\x20-\x7e…]/);
  });

  it.each<[what: string, args: string[], content: string | Uint8Array | undefined, says: string]>([
    [
      'a missing file',
      ['check', 'nowhere.yaml'],
      undefined,
      'pogo: unreadable-file: namespace file nowhere.yaml: there is no such file',
    ],
    ['a directory', ['check', '.'], undefined, 'pogo: unreadable-file: namespace file .: it is a directory'],
    [
      'a file without end',
      ['check', '/dev/zero'],
      undefined,
      '/dev/zero:1:1: the file has 4194305 bytes, and at most 4194304 are allowed [namespace-too-large]',
    ],
    [
      'a file of 5 MB',
      ['check', 'large.yaml'],
      `apps: {}\n${'# 5 MB\n'.repeat(750_000)}`,
      'large.yaml:1:1: the file has',
    ],
    [
      'a binary file',
      ['check', 'binary.yaml'],
      new Uint8Array([0x1f, 0x8b, 8, 0, 0]),
      'binary.yaml:1:1: not a text in UTF-8: U+001F has no place in one [not-text]',
    ],
    [
      'an empty file',
      ['check', 'empty.yaml'],
      '',
      'empty.yaml:1:1: the file is empty: it needs at least apps [empty-namespace]',
    ],
    ['no file', ['check'], undefined, 'pogo: usage: pogo ns takes check FILE'],
    ['another action', ['aply', 'x.yaml'], undefined, 'pogo: usage: pogo ns takes check FILE'],
    ['two files', ['check', 'a', 'b'], undefined, 'pogo: usage: pogo ns takes check FILE'],
    ['nothing at all', [], undefined, 'pogo: usage: pogo ns is missing an operand'],
  ])('refuses %s', async (_what, args, content, says) => {
    if (content !== undefined) await pogo.file(args.at(-1)!, content);
    const { code, stdout, stderr } = await pogo.run(['ns', ...args]);
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(/^\s+at .*\.(m?js|ts):\d+/m);
    expect({ code, length: stdout.length }).toEqual({ code: 2, length: 0 });
  });
});
