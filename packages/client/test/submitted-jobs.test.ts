import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeLayout } from '@pogo/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { maxRemembered, SubmittedJobs } from '../src/run/submitted-jobs.js';
import { key, useClient } from './support/client.js';

const client = useClient();
const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`;

describe('the memory of submitted jobs', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'pogo-memory-'));
    await mkdir(homeLayout(home).client.dir);
  });
  afterEach(() => rm(home, { recursive: true }));
  const memory = (linkRoot = 'a root') => new SubmittedJobs(homeLayout(home), { linkRoot });

  async function file(): Promise<string> {
    const { dir } = homeLayout(home).client;
    return join(dir, (await readdir(dir))[0]!);
  }

  it('has the last digest of each job, apart for each instance, in a private file', async () => {
    await memory().remember('p0000000012', digestOf('1'));
    await memory().remember('p0000000013', digestOf('2'));
    await memory().remember('p0000000012', digestOf('3'));
    await memory('another root').remember('p0000000012', digestOf('4'));
    expect(await memory().digestOf('p0000000012')).toBe(digestOf('3'));
    expect(await memory().digestOf('p0000000013')).toBe(digestOf('2'));
    expect(await memory().digestOf('p0000000014')).toBeUndefined();
    expect(await memory('another root').digestOf('p0000000012')).toBe(digestOf('4'));
    expect((await stat(await file())).mode & 0o777).toBe(0o600);
  });

  it('is bounded, and keeps the newest', async () => {
    await memory().remember('p0000000001', digestOf('1'));
    await writeFile(await file(), `p0000000001 ${digestOf('1')}\n`.repeat(2 * maxRemembered));
    await memory().remember('p0000000002', digestOf('2'));
    const lines = (await readFile(await file(), 'utf8')).split('\n').slice(0, -1);
    expect(lines).toHaveLength(maxRemembered);
    expect(lines.at(-1)).toBe(`p0000000002 ${digestOf('2')}`);
    expect((await stat(await file())).mode & 0o777).toBe(0o600);
  });

  it('takes what is garbled for not remembered', async () => {
    await memory().remember('p0000000001', digestOf('1'));
    await writeFile(await file(), 'p0000000001 sha256:short\n\0\np0000000002');
    expect(await memory().digestOf('p0000000001')).toBeUndefined();
    expect(await memory().digestOf('p0000000002')).toBeUndefined();
  });

  it('that can not be written costs a word, and no job', async () => {
    await client.dispatcherWith();
    const run = () => client.pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect((await run()).stderr).not.toContain('not-remembered');
    const { dir } = homeLayout(client.pogo.home).client;
    const path = join(
      dir,
      (await readdir(dir)).find((name) => name.startsWith('submitted-'))!,
    );
    await rm(path);
    await mkdir(path);
    const { code, stderr } = await run();
    expect(stderr).toContain('pogo: not-remembered: the digest of p0000000012');
    expect(code).toBe(0);
  });
});
