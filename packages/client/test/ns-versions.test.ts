/** `pogo ns log`, `show --version` and `diff` against a scripted dispatcher. */
import { describe, expect, it } from 'vitest';
import { useClient } from './support/client.js';
import { ScriptedNamespace } from './support/scripted-namespace.js';

const client = useClient();

async function ns(...args: string[]) {
  const { code, stdout, stderr } = await client.pogo.run(['ns', ...args], { env: { TZ: 'UTC' } });
  return { code, stdout: stdout.toString('utf8'), stderr };
}

const file = (hosts: string, limit: string, more = '') => `apps: { frontend: '${hosts}' }
envs: { coast: { east: '@*' } }
constraints: { coast: { concurrency: { frontend: ${limit} } } }
${more}`;

async function dispatcher(...texts: string[]) {
  const namespace = new ScriptedNamespace();
  for (const text of texts) namespace.applied.push({ file: 'prod.yaml', text });
  await client.dispatcherWith({ intercept: namespace.intercept });
}
const three = [
  file('foo[1-8]', '25%'),
  file('foo[1-8]', '25%', '# the same\n'),
  file('foo[2-12]', '50%', 'pools: { p: foo2 }\n'),
];

describe('pogo ns log', () => {
  it('lists versions, the newest first, with who and when', async () => {
    await dispatcher(...three);
    expect((await ns('log')).stdout).toBe(`version  applied              by
3        1970-01-04 00:00:00  ada  in force
2        1970-01-03 00:00:00  ada
1        1970-01-02 00:00:00  ada
`);
    const { versions, kept } = JSON.parse((await ns('log', '--json')).stdout) as Record<string, unknown>;
    expect(kept).toBe(100);
    expect(versions).toHaveLength(3);
  });

  it('says that there is none', async () => {
    await dispatcher();
    expect(await ns('log')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'no namespace file was applied yet: `pogo ns apply FILE` applies one\n',
    });
  });
});

describe('pogo ns show --version', () => {
  it('writes an earlier file, byte for byte', async () => {
    await dispatcher(...three);
    expect(await ns('show', '--version', '2')).toEqual({ code: 0, stdout: three[1], stderr: '' });
    expect(JSON.parse((await ns('show', '--version', '2', '--json')).stdout)).toMatchObject({
      version: 2,
      inForce: false,
      appliedBy: 'ada',
      text: three[1],
    });
    const unknown = await ns('show', '--version', '9');
    expect(unknown.stderr).toBe('pogo: unknown-version: There is no version 9 here.\n');
    expect(unknown.code).toBe(2);
  });
});

const changes = `hosts: 8 -> 11
  + foo[9-12] (4)
  - foo1
@frontend: 8 -> 11
  + foo[9-12] (4)
  - foo1
@coast:east: 8 -> 11
  + foo[9-12] (4)
  - foo1
limit of frontend@coast=east: 2 of 8 (25%) -> 5 of 11 (50%)
pool p: new, 1 host
  + foo2
`;

describe('pogo ns diff', () => {
  it('says what the version in force has changed over the one before', async () => {
    await dispatcher(...three);
    expect(await ns('diff')).toEqual({ code: 0, stdout: changes, stderr: 'version 2 -> version 3\n' });
  });

  it('says nothing about what means the same', async () => {
    await dispatcher(...three);
    const same = { code: 0, stdout: '', stderr: 'version 2 means the same as version 1\n' };
    expect(await ns('diff', '1..2')).toEqual(same);
    expect(JSON.parse((await ns('diff', '1..2', '--json')).stdout)).toMatchObject({
      from: 1,
      to: 2,
      same: true,
    });
  });

  it('compares a file with what is in force, or with another version', async () => {
    await dispatcher(...three);
    await client.pogo.file('next.yaml', three[2]!);
    expect((await ns('diff', 'next.yaml')).stderr).toBe('next.yaml means the same as version 3\n');
    const other = await ns('diff', 'next.yaml', '--version', '1');
    expect(other).toEqual({ code: 0, stdout: changes, stderr: 'version 1 -> next.yaml\n' });
    expect(JSON.parse((await ns('diff', 'next.yaml', '--version', '1', '--json')).stdout)).toMatchObject({
      from: 1,
      to: { file: 'next.yaml' },
      same: false,
      hosts: { before: 8, after: 11, added: 'foo[9-12]', addedHosts: 4, removed: 'foo1', removedHosts: 1 },
      limits: [{ slot: 'frontend@coast=east', before: { limit: 2 }, after: { limit: 5 } }],
    });
  });

  it('compares with nothing before the first version, and reads a range to the one in force', async () => {
    await dispatcher(three[0]!);
    expect((await ns('diff')).stdout).toContain('hosts: 0 -> 8\n  + foo[1-8] (8)\n@frontend: new, 8 hosts\n');
    expect((await ns('diff', '0..')).stderr).toBe('no file at all -> version 1\n');
  });

  it('says everything that is wrong with a file, and asks no dispatcher', async () => {
    await client.pogo.file('wrong.yaml', 'apps: { web: "@wbe" }\n');
    const { code, stderr } = await ns('diff', 'wrong.yaml');
    expect(stderr).toMatch(/^wrong\.yaml:1:15: unknown group/);
    expect(code).toBe(2);
  });

  it.each([
    ['before any file', ['diff'], 1, 'no-namespace-file'],
    ['with a version that is not kept', ['diff', '7..9'], 2, 'unknown-version'],
    ['with a range and a version', ['diff', '1..2', '--version', '1'], 2, 'contradicting-options'],
    ['with two files', ['diff', 'a', 'b'], 2, 'usage'],
    ['with a version to check', ['check', 'a', '--version', '1'], 2, 'usage'],
  ])('%s is refused', async (_what, args, exitCode, failure) => {
    await dispatcher();
    const { code, stderr } = await ns(...args);
    expect(stderr).toContain(`pogo: ${failure}: `);
    expect(code).toBe(exitCode);
  });
});
