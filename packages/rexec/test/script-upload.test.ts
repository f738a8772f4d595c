/** Scripts that come with a job: they arrive whole and run, or don't run at all. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Account, descendantsOf, signalProcesses, type Sshd } from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Fixture, knownAt } from './fixture.js';
import type { JobOptions } from './rexec-process.js';

let fixture: Fixture;
let sshd: Sshd;
let account: Account;
let scripts = 0;

beforeAll(async () => {
  fixture = await Fixture.create();
  sshd = await fixture.sshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'] });
  account = await fixture.account();
});
afterAll(() => fixture?.end());
afterEach(() => fixture.hangUp());

async function jobOf(content: Buffer, args: string[] = [], onDisk = content): Promise<JobOptions> {
  const scriptFile = fixture.directory.file(`script-${++scripts}`);
  writeFileSync(scriptFile, onDisk);
  const job = await fixture.job(
    { identities: [fixture.identity] },
    {
      targets: `${account.name}@127.0.1.1:${sshd.port}`,
      hostKeys: knownAt(sshd, '127.0.1.1'),
      command: {
        kind: 'script',
        name: 'work.sh',
        sha256: createHash('sha256').update(content).digest('hex'),
        bytes: content.length,
        args,
      },
    },
  );
  return { ...job, scriptFile };
}

/** A script that says what it is, with rubbish behind its end. */
function scriptOf(bytes: number): Buffer {
  const text = '#!/bin/sh\nwc -c <"$0"; sha256sum <"$0"; printf "%s\\n" "$@"; exit 0\n';
  return Buffer.concat([Buffer.from(text), Buffer.alloc(Math.max(0, bytes - text.length), 'h\nt\nk\na\n')]);
}

function leftInHome(): string[] {
  return readdirSync(account.home).filter((name) => name.startsWith('.pogo'));
}

describe('a script', () => {
  it.each([0, 1000, 3_000_000])(
    'of %i bytes more than it needs arrives whole and gets its arguments',
    async (more) => {
      const content = scriptOf(more);
      const rexec = await fixture.start(await jobOf(content, ['a b', "c'd"]));
      rexec.run(0);
      expect(await rexec.outcome(0)).toMatchObject({ state: 'succeeded' });
      const digest = createHash('sha256').update(content).digest('hex');
      expect(rexec.output(0).stdout).toBe(`${content.length}\n${digest}  -\na b\nc'd\n`);
      expect(await rexec.close()).toBe(0);
      expect(leftInHome()).toEqual([]);
    },
  );

  it('of 100 MB is never in memory as a whole', async () => {
    const content = scriptOf(100 * 1024 * 1024);
    const peak = async (bytes: Buffer) => {
      const rexec = await fixture.start(await jobOf(bytes));
      rexec.run(0);
      expect(await rexec.outcome(0)).toMatchObject({ state: 'succeeded' });
      const status = readFileSync(
        `/proc/${descendantsOf(rexec.child.pid!)[0]?.pid ?? rexec.child.pid!}/status`,
        'utf8',
      );
      await rexec.close();
      return Number(/^VmHWM:\s+(\d+)/m.exec(status)![1]) * 1024;
    };
    const small = await peak(scriptOf(1000));
    // Of Node itself, and not of what started it.
    expect(small).toBeGreaterThan(40 * 1024 * 1024);
    expect((await peak(content)) - small).toBeLessThan(40 * 1024 * 1024);
  });

  it('does not run when the connection breaks on its way', async () => {
    const rexec = await fixture.start(await jobOf(scriptOf(100 * 1024 * 1024)));
    rexec.run(0);
    await expect.poll(() => leftInHome().length, { timeout: 10_000, interval: 5 }).toBeGreaterThan(0);
    const sessions = descendantsOf(sshd.pid).filter(({ argv }) => argv.join(' ').startsWith('sshd: '));
    signalProcesses(
      'KILL',
      sessions.map(({ pid }) => pid),
    );
    const outcome = await rexec.outcome(0);
    expect(outcome).toMatchObject({ state: 'unreachable', reason: 'upload-failed' });
    expect(rexec.output(0).stdout).toBe('');
    await rexec.close();
    await expect.poll(leftInHome, { timeout: 10_000 }).toEqual([]);
  });

  it('is not sent when it is missing on the worker, or another than the job was sealed for', async () => {
    const job = await jobOf(scriptOf(0));
    const missing = await fixture.start({ ...job, scriptFile: '/nowhere' });
    missing.run(0);
    expect(await missing.outcome(0)).toMatchObject({ state: 'denied', reason: 'attachment-unavailable' });
    const swapped = await fixture.start(await jobOf(scriptOf(0), [], Buffer.from('#!/bin/sh\nrm -rf ~\n')));
    swapped.run(0);
    expect(await swapped.outcome(0)).toMatchObject({ state: 'denied', reason: 'spec-mismatch' });
  });

  it('is broken off by a halt, and never runs', async () => {
    const rexec = await fixture.start(await jobOf(scriptOf(100 * 1024 * 1024)));
    rexec.run(0);
    await expect.poll(() => leftInHome().length, { timeout: 10_000, interval: 5 }).toBeGreaterThan(0);
    rexec.order({ type: 'halt', kill: true });
    expect(await rexec.outcome(0)).toMatchObject({ state: 'killed', reason: 'halt-kill' });
    expect(rexec.output(0).stdout).toBe('');
    await rexec.close();
    await expect.poll(leftInHome, { timeout: 10_000 }).toEqual([]);
  });
});

describe('the output limit', () => {
  it('keeps what comes first, counts and digests all of it, and says what it cut', async () => {
    const job = await fixture.job(
      { identities: [fixture.identity] },
      {
        targets: `${account.name}@127.0.1.1:${sshd.port}`,
        hostKeys: knownAt(sshd, '127.0.1.1'),
        command: { kind: 'shell', script: 'head -c 500000 /dev/zero; head -c 100 /dev/zero >&2' },
      },
    );
    const rexec = await fixture.start({ ...job, outputLimitBytes: 1000 });
    rexec.run(0);
    const outcome = await rexec.outcome(0);
    const sha256 = (bytes: number) => createHash('sha256').update(Buffer.alloc(bytes)).digest('hex');
    expect(outcome).toMatchObject({
      state: 'succeeded',
      stdout: { bytes: 500_000, sha256: sha256(500_000) },
      stderr: { bytes: 100, sha256: sha256(100) },
      outputCutBytes: 499_100,
    });
    const kept = rexec.bytes(0, 'stdout').length + rexec.bytes(0, 'stderr').length;
    expect(kept).toBe(1000);
    expect(rexec.gaps.get(0)).toBe(499_100);
  });
});
