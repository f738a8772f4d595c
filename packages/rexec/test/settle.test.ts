/** What a host still knows of an attempt whose end wasn't heard, and what keeps attempts apart there. */
import { readdirSync } from 'node:fs';
import { type Account, descendantsOf, processTable, signalProcesses, type Sshd } from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Fixture, knownAt } from './fixture.js';
import type { JobOptions, RexecProcess } from './rexec-process.js';

let fixture: Fixture;
let sshd: Sshd;
let account: Account;

beforeAll(async () => {
  fixture = await Fixture.create();
  sshd = await fixture.sshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'] });
  account = await fixture.account();
});
afterAll(() => fixture?.end());
afterEach(() => fixture.hangUp());

function jobOf(script: string, address = '127.0.1.1', commandMs = 60_000): Promise<JobOptions> {
  return fixture.job(
    { identities: [fixture.identity] },
    {
      targets: `${account.name}@${address}:${sshd.port}`,
      hostKeys: knownAt(sshd, address),
      command: { kind: 'shell', script },
      timeouts: { connectMs: 5000, handshakeMs: 10_000, commandMs },
    },
  );
}

/** Ends the server's side of all connections of the account, as a crash there would. */
function cutConnections(): void {
  const sessions = descendantsOf(sshd.pid).filter(({ argv }) => /^sshd: /.test(argv.join(' ')));
  signalProcesses(
    'KILL',
    sessions.map(({ pid }) => pid),
  );
}

/** What of ours lies in the account's home. */
function leftInHome(): string[] {
  return readdirSync(account.home).filter((name) => name.startsWith('.pogo-'));
}

function sleeping(seconds: number): boolean {
  return processTable().some(({ argv }) => argv.join(' ') === `sleep ${seconds}`);
}

async function end(rexec: RexecProcess): Promise<void> {
  expect(await rexec.close()).toBe(0);
}

describe('a connection that breaks in mid-command', () => {
  it('is made again, and the host says how the command was ended', async () => {
    const rexec = await fixture.start(await jobOf('echo before; sleep 81001'));
    rexec.run(0);
    await rexec.until(() => (rexec.output(0).stdout === 'before\n' ? true : undefined));
    cutConnections();
    const outcome = await rexec.outcome(0);
    expect(outcome).toMatchObject({ state: 'killed', reason: 'connection-closed', stdout: { bytes: 7 } });
    expect(outcome.message).toContain('the connection was closed');
    expect(sleeping(81001)).toBe(false);
    await end(rexec);
    expect(leftInHome()).toEqual([]);
  });

  it('finds the outcome of a command that ended before it could be stopped', async () => {
    // Deaf to TERM, and over before KILL comes.
    const rexec = await fixture.start(await jobOf('trap "" TERM HUP; echo before; sleep 0.7; exit 5'));
    rexec.run(0);
    await rexec.until(() => (rexec.output(0).stdout === 'before\n' ? true : undefined));
    cutConnections();
    const outcome = await rexec.outcome(0);
    expect(outcome.state).not.toBe('unknown');
    await end(rexec);
    expect(leftInHome()).toEqual([]);
  });
});

describe('an attempt of a process that is gone', () => {
  it('is settled by another: ended with the connection', async () => {
    const job = await jobOf('sleep 81002');
    const first = await fixture.start(job);
    first.run(0);
    await first.report(0, 'started');
    first.child.kill('SIGKILL');
    await first.exited;
    const second = await fixture.start(job);
    second.settle({ host: 0, attempt: 1, index: first.index });
    expect(await second.outcome(0)).toMatchObject({ state: 'killed', reason: 'connection-closed' });
    expect(sleeping(81002)).toBe(false);
    await end(second);
    expect(leftInHome()).toEqual([]);
  });

  it('is settled by another: succeeded, where the result had come but was not recorded', async () => {
    const job = await jobOf('exit 3');
    const first = await fixture.start(job);
    first.records = false;
    first.run(0);
    expect(await first.outcome(0)).toMatchObject({ state: 'failed', exitCode: 3 });
    expect(leftInHome()).toHaveLength(1);
    first.child.kill('SIGKILL');
    await first.exited;
    const second = await fixture.start(job);
    second.settle({ host: 0, attempt: 1, index: first.index });
    expect(await second.outcome(0)).toMatchObject({ state: 'failed', exitCode: 3 });
    await end(second);
    expect(leftInHome()).toEqual([]);
    // Once it is recorded, the host forgets.
    const third = await fixture.start(job);
    third.settle({ host: 0, attempt: 1, index: first.index });
    const report = await third.report(0, 'unsettled');
    expect(report).toMatchObject({ detail: expect.stringContaining('knows nothing of it') as string });
    await end(third);
  });

  it('cannot be settled where the host cannot be asked', async () => {
    const job = await jobOf('true', '127.0.1.1');
    account.authorize([]);
    const rexec = await fixture.start(job);
    rexec.settle({ host: 0, attempt: 1, index: 1 });
    const report = await rexec.report(0, 'unsettled');
    expect(report).toMatchObject({ detail: expect.stringContaining('refused publickey') as string });
    account.authorize([fixture.key.publicLine]);
    await end(rexec);
  });
});

describe('a result', () => {
  it('lets the stub leave once it is recorded, and the process end', async () => {
    const rexec = await fixture.start(await jobOf('true'));
    rexec.records = false;
    rexec.run(0);
    await rexec.outcome(0);
    expect(leftInHome()).toHaveLength(1);
    rexec.recorded({ host: 0, attempt: 1 });
    await end(rexec);
    expect(leftInHome()).toEqual([]);
  });
});

describe('two attempts on one host', () => {
  it('do not run at once: the second gives up after a while, and names the first', async () => {
    const first = await fixture.start(await jobOf('sleep 81003'));
    first.run(0);
    await first.report(0, 'started');
    const second = await fixture.start({ ...(await jobOf('echo ran')), job: 8 });
    second.runAttempts({ host: 0, attempt: 1, index: first.index + 1 });
    const outcome = await second.outcome(0);
    expect(outcome).toMatchObject({ state: 'unreachable', reason: 'host-busy' });
    expect(outcome.message).toContain('attempt 1 of job 7');
    expect(second.output(0).stdout).toBe('');
    await end(second);
  });

  it("do not stand in each other's way on two hosts that share an account", async () => {
    const first = await fixture.start(await jobOf('sleep 81004'));
    first.run(0);
    await first.report(0, 'started');
    const second = await fixture.start({ ...(await jobOf('echo ran', '127.0.1.2')), job: 8 });
    second.run(0);
    expect(await second.outcome(0)).toMatchObject({ state: 'succeeded' });
    await end(second);
  });

  it('come after a fence only if they are later than it', async () => {
    const job = await jobOf('echo ran', '127.0.1.3');
    const rexec = await fixture.start(job);
    rexec.runAttempts({ host: 0, attempt: 2, index: 5, fence: true });
    expect(await rexec.outcome(0)).toMatchObject({ state: 'succeeded' });
    await end(rexec);
    const earlier = await fixture.start(job);
    earlier.runAttempts({ host: 0, attempt: 1, index: 4 });
    expect(await earlier.outcome(0)).toMatchObject({ state: 'denied', reason: 'fenced' });
    expect(earlier.output(0).stdout).toBe('');
    await end(earlier);
  });
});
