/** Output through the whole chain: live, of several jobs at once, in floods, with readers that don't read. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get, type RequestOptions } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mustRun, trackLeaks } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Site, startSite } from './support/site.js';

const leaks = trackLeaks();
let site: Site;

beforeAll(async () => {
  site = await startSite({ hosts: 1000 });
});

afterAll(async () => {
  await site?.stop();
  await leaks.assertNoLeaks();
});

const run = (expression: string, ...rest: string[]) =>
  site.cluster.run(['run', '-h', expression, ...site.login, ...rest]);

interface JobDocument {
  id: string;
  state: string;
  hosts: { host: string; state: string; outcome?: { stdout?: { bytes: number; sha256: string } } }[];
}

describe('a thousand hosts', () => {
  it('run in one job, each with its output and its state', async () => {
    const result = await run('127.0.[1-4].[1-250]', '--', 'echo', 'hello');
    expect(result.stderr).toContain('1000 succeeded');
    expect(result.exitCode).toBe(0);
    const lines = result.stdout.trim().split('\n');
    expect(lines).toHaveLength(1000);
    expect(new Set(lines).size).toBe(1000);
    for (const line of lines) expect(line).toMatch(/^127\.0\.[1-4]\.\d+: hello$/);
    const accepted = site.sshd.authAttempts().filter((attempt) => attempt.result === 'accepted');
    expect(accepted).toHaveLength(1000);
  });
});

describe('two runs at once', () => {
  it('each show their own output live, while both are running', async () => {
    const gate = join(site.account.home, 'gate-two');
    // Each on hosts of its own: two commands of one account never run on a host at once.
    const start = (word: string, expression: string) => {
      const script = `echo ${word} 1; while [ ! -e ${gate} ]; do sleep 0.05; done; echo ${word} 2`;
      const child = site.cluster.spawn(['run', '-h', expression, ...site.login, '--', script]);
      child.stderr!.resume();
      const lines: string[] = [];
      const five = new Promise<void>((resolve) => {
        createInterface({ input: child.stdout! }).on('line', (line) => {
          lines.push(line);
          if (lines.length === 5) resolve();
        });
      });
      return { lines, five, closed: once(child, 'close') };
    };
    const jobs = [start('red', '127.0.1.[1-5]'), start('blue', '127.0.1.[6-10]')];
    await Promise.all(jobs.map(({ five }) => five));
    expect(existsSync(gate)).toBe(false);
    writeFileSync(gate, '');
    for (const [index, { lines, closed }] of jobs.entries()) {
      const [code] = (await closed) as [number];
      expect(code).toBe(0);
      const word = ['red', 'blue'][index]!;
      expect(lines.every((line) => line.includes(`: ${word} `))).toBe(true);
      expect(lines.filter((line) => line.endsWith(`${word} 2`))).toHaveLength(5);
    }
  });
});

const floodBytes = 200 * 1024 * 1024;

/** The bytes that the flooding host writes, so that what arrives can be compared. */
function floodDigest(bytes: number): string {
  const hash = createHash('sha256');
  const line = Buffer.from(`${'0123456789abcdef'.repeat(63)}01234567890123\n`);
  const block = Buffer.concat(Array.from({ length: 1024 }, () => line));
  for (let left = bytes; left > 0; left -= block.length)
    hash.update(block.subarray(0, Math.min(left, block.length)));
  return hash.digest('hex');
}

describe('a flood of 200 MB from one host', () => {
  it('does not wait for a follower that reads nothing: the job ends, and everyone else has every byte', async () => {
    // 1,023 characters and a newline, as often as it takes.
    const flood =
      `yes "$(i=0; while [ $i -lt 63 ]; do printf 0123456789abcdef; i=$((i+1)); done; printf 01234567890123)" | ` +
      `head -c ${floodBytes}`;
    const script = `case $POGO_HOST in 127.0.1.1) ${flood};; *) echo quiet $POGO_HOST;; esac`;
    const detached = await site.cluster.run([
      'run',
      '--detach',
      '-h',
      '127.0.1.[1-5]',
      ...site.login,
      '--',
      script,
    ]);
    expect(detached.exitCode).toBe(0);
    const id = /p\d{10}/.exec(detached.stdout + detached.stderr)![0];

    // Reads the head of the answer, and then nothing, for as long as the job runs.
    const token = readFileSync(join(site.cluster.home, 'client', 'token'), 'utf8').trim();
    const path = join(site.directory.path, 'tunnel.sock');
    const tunnel = site.namespace.spawn('node', ['-e', tunnelProgram, path, new URL(site.cluster.url).port]);
    await once(tunnel.stdout!, 'data');
    const stalled = await new Promise<IncomingMessage>((resolve, reject) => {
      get(
        {
          socketPath: path,
          path: `/v1/jobs/${id}/output?follow=true`,
          headers: { authorization: `Bearer ${token}` },
          rejectUnauthorized: false,
          agent: false,
        } as RequestOptions,
        resolve,
      ).on('error', reject);
    });
    expect(stalled.statusCode).toBe(200);
    stalled.on('error', () => undefined);
    stalled.pause();

    const waited = await site.cluster.run(['wait', id, '--json']);
    expect(waited.exitCode).toBe(0);
    const listed = await site.cluster.run(['status', id, '--hosts', '--json']);
    const document = JSON.parse(listed.stdout) as JobDocument;
    const flooding = document.hosts.find(({ host }) => host === '127.0.1.1')!;
    const expected = floodDigest(floodBytes);
    expect(flooding).toMatchObject({
      state: 'succeeded',
      outcome: { stdout: { bytes: floodBytes, sha256: expected } },
    });
    stalled.destroy();

    const outdir = site.directory.file('flood');
    const logged = await mustRunIn(['log', id, '127.0.1.1'], outdir);
    expect(logged).toBe(expected);
    for (const number of [2, 3, 4, 5]) {
      const quiet = await site.cluster.run(['log', id, `127.0.1.${number}`]);
      expect(quiet.stdout).toContain(`quiet 127.0.1.${number}\n`);
    }
    tunnel.kill('SIGTERM');
    await once(tunnel, 'close');
  });
});

/** Lends the test, which is outside of the namespace, a way to a port inside: a Unix socket is in no namespace. */
const tunnelProgram = `
const [path, port] = process.argv.slice(1);
const net = require('node:net');
net.createServer((client) => {
  const upstream = net.connect(Number(port), '127.0.0.1');
  client.pipe(upstream); upstream.pipe(client);
  client.on('error', () => upstream.destroy()); upstream.on('error', () => client.destroy());
}).listen(path, () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
`;

/** Digest of what `pogo ARGS…` writes, which may be more than a test wants in memory. */
async function mustRunIn(args: string[], file: string): Promise<string> {
  const command = site.cluster.commandLine(args);
  const quoted = [command.file, ...command.args].map((word) => `'${word}'`).join(' ');
  const environment = Object.entries(command.env).map(([name, value]) => `${name}='${value}'`);
  await mustRun('sh', ['-c', `env -i ${environment.join(' ')} ${quoted} > '${file}'`]);
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
