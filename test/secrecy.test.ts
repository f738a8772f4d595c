/**
 * Where the password is, and where it isn't (I8), looked at from outside while a job runs: files, arguments,
 * environments, logs, HTTP, and the memory of every process.
 */
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build, stop as stopBuilder } from 'esbuild';
import { trackLeaks } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  fileBytes,
  formsBelow,
  formsIn,
  formsInFile,
  formsInProcesses,
  needlesOf,
} from './support/needles.js';
import { dumpMemory } from './support/process-memory.js';
import { repository, type Site, startSite } from './support/site.js';

const leaks = trackLeaks();
let site: Site;

beforeAll(async () => {
  site = await startSite({ hosts: 3 });
});

afterAll(async () => {
  await site?.stop();
  await leaks.assertNoLeaks();
});

/** Runs on three hosts, one after another; each says `started`, then waits until `gate` exists. */
function startGatedJob(gate: string, more: readonly string[] = []) {
  const script = `echo started; while [ ! -e ${gate} ]; do sleep 0.05; done`;
  const child = site.cluster.spawn([
    'run',
    '-h',
    '127.0.1.[1-3]',
    '--concurrent',
    '1',
    ...site.login,
    ...more,
    '--',
    script,
  ]);
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const lines = createInterface({ input: child.stdout! });
  const started = once(lines, 'line');
  const ended = once(child, 'close').then(([code]: number[]) => ({ code, stderr }));
  const early = ended.then((end) => {
    throw new Error(`it ended before a command began: ${JSON.stringify(end)}`);
  });
  return { started: Promise.race([started, early]), ended };
}

async function memoryOf(pid: number): Promise<string> {
  const file = join(site.directory.path, `memory.${pid}`);
  await dumpMemory(pid, file);
  return file;
}

describe('the password of a running job', () => {
  it('is in the memory of rexec alone: not in dispatcher, worker, spare or parent, nor in any file, argument or environment', async () => {
    const gate = join(site.account.home, 'gate-memory');
    const { started, ended } = startGatedJob(gate);
    await started;
    const needles = needlesOf(site.password);

    const found: Record<string, string[]> = {};
    for (const role of ['up', 'dispatcher', 'worker', 'rexec'] as const) {
      for (const pid of site.cluster.pids(role)) {
        const memory = await memoryOf(pid);
        expect(fileBytes(memory)).toBeGreaterThan(10_000_000);
        found[role] = [...(found[role] ?? []), ...formsInFile(memory, needles)];
        rmSync(memory);
      }
    }
    expect(found['rexec']).toContain('raw');
    expect({ ...found, rexec: [] }).toEqual({ up: [], dispatcher: [], worker: [], rexec: [] });

    expect(formsInProcesses(needles)).toEqual([]);
    expect(formsBelow(site.cluster.home, needles)).toEqual([]);
    expect(formsBelow(site.account.home, needles)).toEqual([]);
    expect(formsBelow(site.cluster.directory, needles)).toEqual([]);
    // The positive control of the file search: the one file where it was put.
    expect(formsBelow(site.directory.path, needles)).toEqual([
      { path: site.passwordFile, forms: expect.arrayContaining(['raw']) as string[] },
    ]);

    writeFileSync(gate, '');
    expect(await ended).toMatchObject({ code: 0 });
  });

  it('is in no file and no log after the job', async () => {
    const gate = join(site.account.home, 'gate-after');
    const { started, ended } = startGatedJob(gate);
    await started;
    writeFileSync(gate, '');
    const { code, stderr } = await ended;
    expect(code).toBe(0);
    const needles = needlesOf(site.password);
    expect(formsIn(Buffer.from(stderr), needles)).toEqual([]);
    expect(formsIn(Buffer.from(JSON.stringify(site.cluster.output())), needles)).toEqual([]);
    expect(formsIn(Buffer.from(site.sshd.log()), needles)).toEqual([]);
    expect(formsBelow(site.cluster.home, needles)).toEqual([]);
  });

  it('crosses HTTP only sealed: a capture of all plaintext between client and dispatcher has the seal, not the password', async () => {
    const bundle = join(site.directory.path, 'capturing-proxy.mjs');
    await build({
      entryPoints: [join(repository, 'test/support/capturing-proxy.ts')],
      outfile: bundle,
      format: 'esm',
      platform: 'node',
      bundle: true,
    });
    await stopBuilder();
    const proxy = site.namespace.spawn('node', [bundle, site.cluster.home, new URL(site.cluster.url).port], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const captured: Buffer[] = [];
    proxy.stdout!.on('data', (chunk: Buffer) => captured.push(chunk));
    const [port] = (await once(createInterface({ input: proxy.stderr! }), 'line')) as [string];
    const profileFile = join(site.cluster.home, 'client', 'profile.json');
    const profile = readFileSync(profileFile, 'utf8');
    writeFileSync(profileFile, profile.replace(site.cluster.url, `https://127.0.0.1:${port}`));
    try {
      const result = await site.cluster.run([
        'run',
        '-h',
        '127.0.1.1',
        ...site.login,
        '--',
        'echo',
        'through the proxy',
      ]);
      expect(result).toMatchObject({ exitCode: 0, stdout: 'through the proxy\n' });
    } finally {
      writeFileSync(profileFile, profile);
      proxy.stdin!.end();
      await once(proxy, 'close');
    }
    const bytes = Buffer.concat(captured);
    expect(bytes.includes('"ciphertext"')).toBe(true);
    expect(bytes.includes('through the proxy')).toBe(true);
    expect(formsIn(bytes, needlesOf(site.password))).toEqual([]);
  });
});

describe('the search itself', () => {
  it('finds a secret in every form that it claims to know', () => {
    const secret = 'canary-1234-abcd-5678';
    const texts = [
      Buffer.from(`x${secret}y`),
      Buffer.from(secret, 'utf16le'),
      Buffer.from(Buffer.from(secret).toString('hex')),
      ...['', 'a', 'ab'].map((before) =>
        Buffer.from(Buffer.from(`${before}${secret}after`).toString('base64')),
      ),
    ];
    for (const text of texts) expect(formsIn(text, needlesOf(secret))).not.toEqual([]);
    expect(formsIn(Buffer.from('nothing of the kind'), needlesOf(secret))).toEqual([]);
  });
});
