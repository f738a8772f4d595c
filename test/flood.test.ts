/**
 * Floods: more output than anyone would hold in memory, lines without end, bytes that are no text, thousands of hosts that write at
 * once, and a reader that has stopped. What one slow HTTP reader costs the others is in output.test.ts.
 */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ClusterRole,
  loopbackAddress,
  type ScriptedHosts,
  scriptedOutput,
  startScriptedHosts,
  trackLeaks,
  writeKnownHosts,
} from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Site, startSite } from './support/site.js';

const leaks = trackLeaks();
const megabyte = 1024 * 1024;
let site: Site;
let gates = 0;

beforeAll(async () => {
  site = await startSite({ hosts: 3 });
});

afterAll(async () => {
  await site?.stop();
  await leaks.assertNoLeaks();
});

/** A file on the hosts that commands wait for. */
function newGate(): { wait: string; open(): void } {
  const path = join(site.account.home, `gate-${++gates}`);
  return { wait: `while [ ! -e ${path} ]; do sleep 0.05; done`, open: () => writeFileSync(path, '') };
}

const start = (args: readonly string[]) => reading(site.cluster.spawn(args));

/** What a child writes to stdout, counted and digested as it comes. */
function reading(child: ChildProcess) {
  const hash = createHash('sha256');
  const first: Buffer[] = [];
  let bytes = 0;
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdout!.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    if (bytes < megabyte) first.push(chunk);
    bytes += chunk.length;
    child.emit('counted');
  });
  const closed = once(child, 'close').then(([exitCode]: (number | null)[]) => ({
    exitCode,
    bytes,
    digest: hash.digest('hex'),
    stderr,
  }));
  return {
    pid: child.pid!,
    closed,
    start: () => Buffer.concat(first).toString(),
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Resolves once so many bytes have come. */
    async reached(count: number): Promise<void> {
      while (bytes < count) {
        const ended = await Promise.race([once(child, 'counted').then(() => false), closed.then(() => true)]);
        if (ended && bytes < count) throw new Error(`${bytes} bytes of ${count}: ${stderr}`);
      }
    },
  };
}

interface StatusDocument {
  hosts: { host: string; state: string; outcome?: { stdout?: { bytes: number; sha256: string } } }[];
}

async function statusOf(job: string): Promise<StatusDocument> {
  const { stdout } = await site.cluster.run(['status', job, '--json']);
  return JSON.parse(stdout) as StatusDocument;
}

const jobIn = (text: string) => /p\d{10}/.exec(text)![0];

/** Digest of `times` times `piece`. */
function digestOf(piece: Buffer, times: number): string {
  const hash = createHash('sha256');
  for (let count = 0; count < times; count++) hash.update(piece);
  return hash.digest('hex');
}

const roles = ['up', 'dispatcher', 'worker', 'rexec', 'client'] as const satisfies ClusterRole[];
type Peaks = Record<(typeof roles)[number], number>;

function peakBytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

/**
 * Runs `script` on the first host while a second one keeps the job going, until `expectedBytes` have come out of `pogo run`; then
 * looks at what each process has had resident at most, while all of them are still there.
 */
async function peaksOf(script: string, expected: { bytes: number; digest: string }): Promise<Peaks> {
  const gate = newGate();
  const both = `case $POGO_HOST in 127.0.1.1) ${script};; *) ${gate.wait};; esac`;
  const run = start(['run', '-h', '127.0.1.[1-2]', ...site.login, '--', both]);
  await run.reached(expected.bytes);
  const peaks = Object.fromEntries(
    roles.map((role) => [role, Math.max(...site.cluster.pids(role).map(peakBytes))]),
  ) as Peaks;
  gate.open();
  const { exitCode, bytes, digest, stderr } = await run.closed;
  expect({ exitCode, bytes, digest }, stderr).toEqual({ exitCode: 0, ...expected });
  return peaks;
}

function expectWithin(megabytes: number, peaks: Peaks, base: Peaks): void {
  for (const role of roles) {
    const growth = (peaks[role] - base[role]) / megabyte;
    expect(growth, `${role}: ${Math.round(peaks[role] / megabyte)} MB`).toBeLessThan(megabytes);
  }
}

describe('memory', () => {
  const prefix = '127.0.1.1: ';
  const line = `${'0123456789abcdef'.repeat(63)}01234567890123x\n`;
  let base: Peaks;

  const lines = (bytes: number) => `yes ${line.trimEnd()} | head -c ${bytes}`;
  const shown = (bytes: number) => {
    const count = bytes / line.length;
    return { bytes: bytes + count * prefix.length, digest: digestOf(Buffer.from(prefix + line), count) };
  };

  it('for 200 MB from one host is within 40 MB of what 2 MB take, in every process', async () => {
    expect(line).toHaveLength(1024);
    base = await peaksOf(lines(2 * megabyte), shown(2 * megabyte));
    expectWithin(40, await peaksOf(lines(200 * megabyte), shown(200 * megabyte)), base);
  });

  it('for a line of 100 MB without an end is less than the line, and not a byte of it is missing', async () => {
    // `pogo run` cuts what is longer than 64 KiB; `pogo log` of one host has it as it was.
    const piece = 'x'.repeat(64 * 1024);
    const pieces = (100 * megabyte) / piece.length;
    const expected = Buffer.from(`${prefix}${piece}\n`);
    expectWithin(
      80,
      await peaksOf(`head -c ${100 * megabyte} /dev/zero | tr '\\0' x`, {
        bytes: expected.length * pieces,
        digest: digestOf(expected, pieces),
      }),
      base,
    );
    const logged = await start(['log', 'last', '127.0.1.1']).closed;
    expect(logged).toMatchObject({
      exitCode: 0,
      bytes: 100 * megabyte,
      digest: digestOf(Buffer.from(piece), pieces),
    });
  });
});

describe('bytes that are no text', () => {
  /** Characters of three bytes, which no block of a power of two holds whole; cut ones, impossible ones, every byte there is. */
  const odd = Buffer.concat([
    Buffer.from('\u20ac'.repeat(700_001)),
    Buffer.from([
      0xe2, 0x82, 0x0a, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf8, 0x88, 0x80, 0x80, 0x80, 0xff, 0xfe, 0x0d,
    ]),
    Buffer.from(Array.from({ length: 65_536 }, (_, index) => (index * 7 + (index >> 8)) & 0xff)),
    // The beginning of a control frame, and of a character.
    Buffer.from('\x1epogo-'),
    Buffer.from([0xf0, 0x9f, 0x98]),
  ]);

  it('arrive as they were, whoever shows them', async () => {
    const source = join(site.account.home, 'odd-bytes');
    writeFileSync(source, odd);
    const target = ['-h', '127.0.1.1', ...site.login];
    const run = await site.cluster.run(['run', '--json', ...target, '--', 'cat', source]);
    const { hosts } = JSON.parse(run.stdout) as { hosts: { stdout: string; encoding?: string }[] };
    expect(hosts[0]!.encoding).toBe('base64');
    expect(Buffer.from(hosts[0]!.stdout, 'base64').equals(odd)).toBe(true);

    const digest = createHash('sha256').update(odd).digest('hex');
    const job = jobIn(run.stdout);
    const [host] = (await statusOf(job)).hosts;
    expect(host!.outcome!.stdout).toEqual({ bytes: odd.length, sha256: digest });
    expect(await start(['log', job, '127.0.1.1']).closed).toMatchObject({ bytes: odd.length, digest });

    const outdir = site.directory.file('odd');
    mkdirSync(outdir);
    await site.cluster.run(['run', '--outdir', outdir, ...target, '--', 'cat', source]);
    expect(readFileSync(join(outdir, '127.0.1.1')).equals(odd)).toBe(true);
  });
});

describe('a reader that has stopped', () => {
  it('slows nobody, and has everything once it goes on', async () => {
    const lines = 20 * 1024;
    const line = 'z'.repeat(1023);
    const gate = newGate();
    const script = `echo ready; ${gate.wait}; yes ${line} | head -n ${lines}`;
    const detached = await site.cluster.run([
      ...['run', '--detach', '-h', '127.0.1.[1-3]', ...site.login, '--', script],
    ]);
    const job = jobIn(detached.stdout);
    const all = 3 * ('127.0.1.1: ready\n'.length + lines * `127.0.1.1: ${line}\n`.length);
    const stopped = start(['log', '--follow', job]);
    const reader = start(['log', '--follow', job]);
    await Promise.all([stopped, reader].map((each) => each.reached(3 * '127.0.1.1: ready\n'.length)));
    stopped.kill('SIGSTOP');
    gate.open();
    expect(await site.cluster.run(['wait', '-q', job])).toMatchObject({ exitCode: 0 });
    expect(await reader.closed).toMatchObject({ exitCode: 0, bytes: all });
    expect(readFileSync(`/proc/${stopped.pid}/stat`, 'utf8')).toMatch(/\) T /);
    stopped.kill('SIGCONT');
    expect(await stopped.closed).toMatchObject({ exitCode: 0, bytes: all, stderr: '' });
  });
});

describe('5,000 hosts that write at once', () => {
  const count = 5000;
  /** As many as a worker has open at once by its defaults. */
  const wave = 1000;
  const outputBytes = 8000;
  let hosts: ScriptedHosts;

  afterAll(() => hosts?.stop());

  it('lose no byte, a thousand of them in every breath', async () => {
    let waiting: (() => void)[] = [];
    /** Resolves for a thousand together, once all of them have begun. */
    const together = () =>
      new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length < wave) return;
        for (const release of waiting) release();
        waiting = [];
      });
    hosts = await startScriptedHosts({
      namespace: site.namespace,
      user: site.account.name,
      password: site.password,
      act: () => ({ gate: together(), stdoutBytes: outputBytes }),
    });
    const addresses = Array.from({ length: count }, (_, index) => loopbackAddress(index + 1));
    const list = site.directory.file('hosts');
    writeFileSync(list, `${addresses.join('\n')}\n`);
    const knownHosts = writeKnownHosts(site.directory.file('scripted-known-hosts'), {
      hosts: addresses,
      keys: hosts.hostPublicKeys,
      port: hosts.port,
    });
    const outdir = site.directory.file('five-thousand');
    const run = await site.cluster.run([
      ...['run', '-H', list, '-l', site.account.name, '-p', String(hosts.port)],
      ...['--password-file', site.passwordFile, '--known-hosts', knownHosts],
      ...['--outdir', outdir, '--no-progress', '--', 'write'],
    ]);
    expect(run.stderr).toContain(`${count} succeeded`);
    const job = jobIn(run.stderr);
    const digest = createHash('sha256').update(scriptedOutput(outputBytes)).digest('hex');
    const outcomes = (await statusOf(job)).hosts.map(({ outcome }) => outcome?.stdout);
    expect(
      outcomes.filter((stdout) => stdout?.bytes === outputBytes && stdout.sha256 === digest),
    ).toHaveLength(count);
    const files = readdirSync(outdir);
    expect(files.sort()).toEqual([...addresses].sort());
    const wrong = files.filter(
      (name) =>
        createHash('sha256')
          .update(readFileSync(join(outdir, name)))
          .digest('hex') !== digest,
    );
    expect(wrong).toEqual([]);
    // Each command began once, as the hosts themselves have counted.
    expect([...hosts.begun(job).values()]).toEqual(Array(count).fill([1]));
  });
});
