import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { delay, systemClock } from '@pogo/lifecycle';
import { productVersion, specDigest } from '@pogo/protocol';
import {
  type Account,
  createAccount,
  createKey,
  createTemporaryDirectory,
  type Key,
  processTable,
  type Sshd,
  startSshd,
  type TemporaryDirectory,
} from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltProgram, buildProgram, type JobOptions, RexecProcess } from './rexec-process.js';
import { createSealingKey, seal, type SealingKey } from './seal.js';
import { spec } from './specs.js';

let program: BuiltProgram;
let directory: TemporaryDirectory;
let sshd: Sshd;
let account: Account;
let key: Key;
let sealingKey: SealingKey;
const processes: RexecProcess[] = [];

beforeAll(async () => {
  program = await buildProgram();
  directory = createTemporaryDirectory();
  sealingKey = createSealingKey(directory.file('sealing.key'));
  key = await createKey({ directory: directory.path });
  account = await createAccount({ authorizedKeys: [key.publicLine] });
  sshd = await startSshd();
});

afterAll(async () => {
  await sshd?.stop();
  await account?.remove();
  directory?.remove();
  program?.remove();
});

afterEach(async () => {
  for (const rexec of processes.splice(0)) await rexec.hangUp();
});

/** A job for the one host, logged in with the key. */
async function job(changes: Partial<Parameters<typeof spec>[0]> = {}): Promise<JobOptions> {
  const target = `${account.name}@127.0.0.1:${sshd.port}`;
  const resolved = spec({
    targets: target,
    hostKeys: {
      policy: 'strict',
      known: [{ hosts: `127.0.0.1:${sshd.port}`, keys: [...sshd.hostPublicKeys] }],
    },
    ...changes,
  });
  const privateKey = readFileSync(key.privatePath, 'utf8');
  const credentials = await seal(resolved, { identities: [{ label: 'id', privateKey }] }, [sealingKey]);
  return { spec: resolved, credentials, sealingKey };
}

async function start(options: JobOptions): Promise<RexecProcess> {
  const rexec = new RexecProcess(program);
  processes.push(rexec);
  await rexec.message('ready');
  await rexec.open(options);
  return rexec;
}

describe('a command on a host', () => {
  it('runs, and its output and evidence come back', async () => {
    const rexec = await start(await job());
    rexec.run(0);
    const outcome = await rexec.outcome(0);
    expect(outcome).toMatchObject({ state: 'succeeded', exitCode: 0, methodsTried: ['publickey'] });
    expect(outcome.stdout).toEqual({ bytes: 6, sha256: sha256('hello\n') });
    expect(outcome.stderr).toEqual({ bytes: 0, sha256: sha256('') });
    expect(outcome.durationMs).toBeGreaterThan(0);
    expect(rexec.output(0)).toEqual({ stdout: 'hello\n', stderr: '' });
    expect(rexec.reports.map(({ event }) => event)).toEqual(['started', 'finished']);
    expect(rexec.messages.some((message) => message.type === 'authenticated' && message.host === 0)).toBe(
      true,
    );
    expect(await rexec.close()).toBe(0);
    expect(rexec.stderr).toBe('');
  });

  it('gets its arguments byte for byte, and the environment that is promised', async () => {
    const argv = ['printf', '<%s>', '', ' a  b', "it's", '$HOME;`id`&&', 'new\nline', 'grüße \u2028', '*'];
    const rexec = await start(await job({ command: { kind: 'argv', argv } }));
    rexec.run(0);
    expect(await rexec.outcome(0)).toMatchObject({ state: 'succeeded' });
    expect(rexec.output(0).stdout).toBe(
      argv
        .slice(2)
        .map((argument) => `<${argument}>`)
        .join(''),
    );

    const script = 'echo $POGO_JOB_ID $POGO_HOST $POGO_ATTEMPT $POGO_USER $POGO_EXTRA; echo err >&2; exit 3';
    const other = await start(
      await job({ command: { kind: 'shell', script }, environment: { POGO_EXTRA: 'x y' } }),
    );
    other.run(0);
    expect(await other.outcome(0)).toMatchObject({
      state: 'failed',
      reason: 'exit-nonzero',
      exitCode: 3,
      message: `The command on ${shown()} exited with status 3.`,
    });
    expect(other.output(0)).toEqual({ stdout: 'p0000000007 127.0.0.1 1 ada x y\n', stderr: 'err\n' });
  });

  it('is not disturbed by what the start files of the account write', async () => {
    const chatty = await createAccount({ shell: '/bin/bash', authorizedKeys: [key.publicLine] });
    try {
      writeFileSync(`${chatty.home}/.bashrc`, 'echo welcome to this host; echo mind the step >&2\n');
      const rexec = await start(await job({ targets: `${chatty.name}@127.0.0.1:${sshd.port}` }));
      rexec.run(0);
      expect(await rexec.outcome(0)).toMatchObject({ state: 'succeeded' });
      expect(rexec.output(0)).toEqual({ stdout: 'hello\n', stderr: '' });
    } finally {
      await chatty.remove();
    }
  });

  it('that dies of a signal says so', async () => {
    const rexec = await start(await job({ command: { kind: 'shell', script: 'kill -SEGV $$' } }));
    rexec.run(0);
    expect(await rexec.outcome(0)).toMatchObject({ state: 'failed', reason: 'signal', signal: 'SIGSEGV' });
  });

  it('that takes too long is killed, and nothing of it is left', async () => {
    const rexec = await start(
      await job({
        command: { kind: 'shell', script: 'echo begun; sleep 600' },
        timeouts: { connectMs: 5000, handshakeMs: 5000, commandMs: 300 },
      }),
    );
    rexec.run(0);
    expect(await rexec.outcome(0)).toMatchObject({
      state: 'timed-out',
      reason: 'command-timeout',
      message: `The command on ${shown()} ran longer than 0.3 s and was killed.`,
    });
    expect(rexec.output(0).stdout).toBe('begun\n');
    expect(accountProcesses().filter((line) => line.includes('sleep 600'))).toEqual([]);
  });

  it('is killed by a halt with --kill, and the kill is confirmed', async () => {
    const rexec = await start(await job({ command: { kind: 'shell', script: 'echo begun; sleep 601' } }));
    rexec.run(0);
    await rexec.report(0, 'started');
    rexec.order({ type: 'halt', kill: true });
    expect(await rexec.outcome(0)).toMatchObject({ state: 'killed', reason: 'halt-kill' });
    expect(accountProcesses().filter((line) => line.includes('sleep 601'))).toEqual([]);
    rexec.run(0);
    expect(await rexec.report(0, 'refused')).toMatchObject({
      reason: 'the job was halted before the host was dialled',
    });
  });

  it('goes on after a halt without --kill', async () => {
    const script = `until [ -e ${account.home}/go ]; do sleep 0.05; done`;
    const rexec = await start(await job({ command: { kind: 'shell', script } }));
    rexec.run(0);
    await rexec.report(0, 'started');
    rexec.order({ type: 'halt', kill: false });
    writeFileSync(`${account.home}/go`, '');
    expect(await rexec.outcome(0)).toMatchObject({ exitCode: 0 });
  });

  it('ends on the host when the worker is gone', async () => {
    const rexec = await start(await job({ command: { kind: 'shell', script: 'echo begun; sleep 602' } }));
    rexec.run(0);
    await rexec.until(() => (rexec.output(0).stdout === '' ? undefined : true));
    expect(accountProcesses().some((line) => line.includes('sleep 602'))).toBe(true);
    expect(await rexec.hangUp()).toBe(0);
    await gone('sleep 602');
  });

  it('whose connection breaks while it runs is ended there, as the host says when it is asked', async () => {
    const rexec = await start(await job({ command: { kind: 'shell', script: 'echo begun; sleep 603' } }));
    rexec.run(0);
    await rexec.report(0, 'started');
    const sessions = processTable().filter(({ argv }) => argv.join(' ').startsWith(`sshd: ${account.name}`));
    for (const { pid } of sessions) process.kill(pid, 'SIGKILL');
    expect(await rexec.outcome(0)).toMatchObject({
      state: 'killed',
      reason: 'connection-closed',
      message: expect.stringContaining(`The command on ${shown()} was killed there`),
    });
    await gone('sleep 603');
  });

  it('may write much more than the worker takes at once: every byte arrives, and the digest fits', async () => {
    const script = 'head -c 20000000 /dev/urandom | tee /proc/self/fd/2 | cat';
    const rexec = await start(await job({ command: { kind: 'shell', script } }));
    rexec.frames.pause();
    rexec.run(0);
    // The pipe is full long before the end; nobody reads until the command has begun.
    while (!accountProcesses().some((line) => line.includes('tee'))) await delay(systemClock, 20);
    rexec.frames.resume();
    const outcome = await rexec.outcome(0);
    expect(outcome.state).toBe('succeeded');
    for (const stream of ['stdout', 'stderr'] as const) {
      const bytes = rexec.bytes(0, stream);
      expect(bytes.length).toBe(20_000_000);
      expect(outcome[stream]).toEqual({ bytes: bytes.length, sha256: sha256(bytes) });
    }
  });
});

describe('the process', () => {
  it('says who starts it, when a person does', async () => {
    const child = spawn(process.execPath, [program.file], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect(said).toContain('no-worker: descriptor 3 is no pipe to a worker');
    expect(code).toBe(2);
  });

  it('says that it is ready before anything is asked of it, and ends when the pipe does', async () => {
    const rexec = new RexecProcess(program);
    const { pid } = rexec.child;
    expect(await rexec.message('ready')).toEqual({ type: 'ready', version: productVersion, pid });
    expect(await rexec.hangUp()).toBe(0);
  });

  it('opens no inspector and writes no memory down on a signal', async () => {
    const rexec = await start(await job());
    for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.kill(rexec.child.pid!, signal);
    rexec.run(0);
    expect(await rexec.outcome(0)).toMatchObject({ state: 'succeeded' });
    expect(rexec.stderr).toBe('');
  });

  it('answers an order that it cannot read with a log line, and goes on', async () => {
    const rexec = await start(await job());
    rexec.frames.sendJson({ type: 'run', attempts: 'all' });
    expect(await rexec.message('log')).toMatchObject({ level: 'error' });
    rexec.run(0);
    expect(await rexec.outcome(0)).toMatchObject({ state: 'succeeded' });
  });

  it('refuses hosts of a job that was never opened, and hosts that are not in the sealed list', async () => {
    const rexec = new RexecProcess(program);
    processes.push(rexec);
    const options = await job();
    rexec.run(0);
    await rexec.open(options);
    rexec.run(1);
    expect(await rexec.outcome(1)).toMatchObject({ state: 'denied', reason: 'spec-mismatch' });
  });
});

describe('the seal', () => {
  const deniedWith = async (options: JobOptions) => {
    const rexec = await start(options);
    const before = sshd.log();
    rexec.run(0);
    const outcome = await rexec.outcome(0);
    expect(sshd.log()).toBe(before);
    return outcome;
  };

  it('of another spec is refused, before any host is dialled', async () => {
    const options = await job();
    const other = spec({ ...options.spec, command: { kind: 'shell', script: 'rm -rf /' } });
    expect(await deniedWith({ ...options, spec: other })).toMatchObject({
      state: 'denied',
      reason: 'spec-mismatch',
    });
    const digest = options.digest ?? specDigest(options.spec);
    expect(await deniedWith({ ...options, spec: other, digest })).toMatchObject({ reason: 'spec-mismatch' });
    const aad = Buffer.from(specDigest(other)).toString('base64url');
    expect(
      await deniedWith({ ...options, spec: other, credentials: { ...options.credentials, aad } }),
    ).toMatchObject({ state: 'auth-failed', reason: 'credentials-unusable' });
  });

  it('for another worker is refused', async () => {
    const options = await job();
    expect(await deniedWith({ ...options, kid: 'sha256:other' })).toMatchObject({
      reason: 'credentials-unusable',
      message: "Nothing was sent to any host: the credentials were not sealed for this worker's key.",
    });
    const other = createSealingKey(directory.file('other.key'));
    expect(await deniedWith({ ...options, sealingKey: other })).toMatchObject({
      reason: 'credentials-unusable',
    });
  });

  it('finds its recipient among several', async () => {
    const options = await job();
    const others = ['sha256:a', 'sha256:b'].map((kid) => createSealingKey(directory.file(kid), kid));
    const privateKey = readFileSync(key.privatePath, 'utf8');
    const credentials = await seal(options.spec, { identities: [{ label: 'id', privateKey }] }, [
      others[0]!,
      sealingKey,
      others[1]!,
    ]);
    const rexec = await start({ ...options, credentials });
    rexec.run(0);
    expect(await rexec.outcome(0)).toMatchObject({ state: 'succeeded' });
  });

  it('past its lifetime is refused, and so is one from the future', async () => {
    const options = await job();
    const sealed = (sealedAtMs: number) => seal(options.spec, {}, [sealingKey], { sealedAtMs });
    const tolerance = 5 * 60_000;
    const old = await sealed(Date.now() - options.spec.lifetimeMs - tolerance - 1000);
    const privateKey = readFileSync(key.privatePath, 'utf8');
    const oldWithKey = await seal(options.spec, { identities: [{ label: 'id', privateKey }] }, [sealingKey], {
      sealedAtMs: Date.now() - options.spec.lifetimeMs - tolerance - 1000,
    });
    expect(old).toBeDefined();
    expect(await deniedWith({ ...options, credentials: oldWithKey })).toMatchObject({
      state: 'denied',
      reason: 'credentials-expired',
    });
    const future = await sealed(Date.now() + tolerance + 60_000);
    expect(await deniedWith({ ...options, credentials: future })).toMatchObject({
      state: 'denied',
      reason: 'credentials-expired',
    });
  });
});

function shown(): string {
  return `${account.name}@127.0.0.1:${sshd.port}`;
}

function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function accountProcesses(): string[] {
  return processTable()
    .filter((entry) => entry.uid === account.uid)
    .map((entry) => entry.argv.join(' '));
}

/** Resolves once no process of the account has this in its command line; the test's time limit is the limit. */
async function gone(text: string): Promise<void> {
  while (accountProcesses().some((line) => line.includes(text))) await delay(systemClock, 20);
}
