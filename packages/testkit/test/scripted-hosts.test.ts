import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  createStubParser,
  encodeAcknowledge,
  encodeTerminate,
  renderSettle,
  type RenderedStub,
  renderStub,
  type StubClaim,
  type StubEvent,
} from '@pogo/stub';
import {
  createNetworkNamespace,
  createTemporaryDirectory,
  type Key,
  createKey,
  type NetworkNamespace,
  type ScriptedAct,
  type ScriptedCommand,
  type ScriptedHosts,
  scriptedOutput,
  type ScriptedMeeting,
  startScriptedHosts,
  type TemporaryDirectory,
  trackLeaks,
  writeKnownHosts,
} from '@pogo/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const leaks = trackLeaks();
const nonce = 'abcdefghijklmnop0123456789';
let namespace: NetworkNamespace;
let directory: TemporaryDirectory;
let key: Key;
let hosts: ScriptedHosts;
let acts: (command: ScriptedCommand) => ScriptedAct;
let meetings: Record<string, ScriptedMeeting>;

beforeAll(async () => {
  namespace = await createNetworkNamespace();
  directory = createTemporaryDirectory();
  key = await createKey({ directory: directory.path });
  hosts = await startScriptedHosts({
    namespace,
    user: 'visitor',
    authorizedKeys: [key.publicLine],
    meet: (address) => meetings[address] ?? 'serve',
    act: (command) => acts(command),
  });
});

beforeEach(() => {
  acts = () => ({});
  meetings = {};
});

afterAll(async () => {
  await hosts?.stop();
  await namespace?.stop();
  directory?.remove();
  await leaks.assertNoLeaks();
});

/** ssh(1) inside the namespace, with the streams of one run. */
function ssh(address: string, commandLine: string) {
  const knownHosts = writeKnownHosts(directory.file(`known-${address}`), {
    hosts: [address],
    port: hosts.port,
    keys: hosts.hostPublicKeys,
  });
  const child = namespace.spawn('ssh', [
    ...['-F', '/dev/null', '-p', String(hosts.port), '-l', 'visitor', '-i', key.privatePath],
    ...['-o', 'IdentitiesOnly=yes', '-o', `UserKnownHostsFile=${knownHosts}`, '-o', 'BatchMode=yes'],
    ...[address, commandLine],
  ]);
  let stderr = '';
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin!.on('error', () => undefined);
  return { child, stderr: () => stderr };
}

interface Run {
  events: StubEvent[];
  stdout: Buffer;
  stderr: Buffer;
  exitCode: number | null;
}

interface RunOptions {
  job?: string;
  attempt?: number;
  timeoutMs?: number;
  claim?: StubClaim;
  told?: Uint8Array;
  acknowledge?: boolean;
  /** The event behind which there is nothing to wait for. */
  last?: 'ended' | 'settled';
}

/** One command on one host, as rexec would hand it over; `told` is written once the stub is ready. */
async function run(address: string, argv: string[], options: RunOptions = {}): Promise<Run> {
  const { job = 'p0000000001', attempt = 1, timeoutMs = 60_000, claim } = options;
  return talk(
    address,
    renderStub({
      nonce,
      command: { kind: 'argv', argv },
      environment: { POGO_JOB_ID: job, POGO_ATTEMPT: String(attempt), POGO_HOST: address },
      timeoutMs,
      ...(claim && { claim }),
    }),
    options,
  );
}

/** Writes a rendered text, and takes what comes, until the host closes. */
async function talk(
  address: string,
  rendered: RenderedStub,
  { told, acknowledge, last = 'ended' }: RunOptions,
): Promise<Run> {
  if (!rendered.ok) throw new Error(rendered.message);
  const { child } = ssh(address, rendered.execLine);
  const parser = createStubParser({ nonce });
  const events: StubEvent[] = [];
  const take = (fresh: StubEvent[]) => {
    events.push(...fresh);
    if (told !== undefined && fresh.some(({ kind }) => kind === 'started')) child.stdin!.write(told);
    if (!fresh.some(({ kind }) => kind === last)) return;
    if (acknowledge === true) child.stdin!.write(encodeAcknowledge());
    child.stdin!.end();
  };
  child.stdout!.on('data', (chunk: Buffer) => take(parser.stdout(chunk)));
  child.stderr!.on('data', (chunk: Buffer) => take(parser.stderr(chunk)));
  child.stdin!.write(rendered.stdin);
  const [exitCode] = (await once(child, 'close')) as [number | null];
  const bytesOf = (kind: 'stdout' | 'stderr') =>
    Buffer.concat(events.flatMap((event) => (event.kind === kind ? [event.bytes] : [])));
  return { events, stdout: bytesOf('stdout'), stderr: bytesOf('stderr'), exitCode };
}

const ended = ({ events }: Run) => events.find((event) => event.kind === 'ended');

describe('scripted hosts', () => {
  it('are as many as there are addresses, each with an act of its own', async () => {
    acts = ({ address }) => ({ stdoutBytes: 100, exitCode: Number(address.split('.')[3]) });
    const runs = await Promise.all(['127.0.1.3', '127.0.40.250'].map((address) => run(address, ['true'])));
    expect(runs.map((each) => ended(each)?.exit)).toEqual([
      { kind: 'exited', exitCode: 3, ambiguous: false },
      { kind: 'exited', exitCode: 250, ambiguous: false },
    ]);
    expect(runs[0]!.events.map(({ kind }) => kind)).toEqual(['ready', 'started', 'stdout', 'ended']);
    expect(runs[0]!.stdout).toEqual(scriptedOutput(100));
  });

  it('get the words of the command as they were, hostile ones too', async () => {
    const words = ['/bin/echo', "it's", "'", '', ' a  b\n', '$(x)`y`"z"\\', '-n', 'ñ\u20ac', 'exit 0\n}\n'];
    const seen: ScriptedCommand[] = [];
    acts = (command) => {
      seen.push(command);
      return {};
    };
    await run('127.0.1.1', words, { job: 'p0000000002', attempt: 7 });
    await run('127.0.1.1', ['--version'], { job: 'p0000000002', attempt: 8 });
    expect(seen).toEqual([
      { address: '127.0.1.1', job: 'p0000000002', attempt: 7, words },
      { address: '127.0.1.1', job: 'p0000000002', attempt: 8, words: ['--version'] },
    ]);
  });

  it('write as much as they are told to on both streams at once', async () => {
    acts = () => ({ stdoutBytes: 9_000_001, stderrBytes: 7_000_003 });
    const result = await run('127.0.1.1', ['flood']);
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(digest(result.stdout)).toBe(digest(scriptedOutput(9_000_001)));
    expect(digest(result.stderr)).toBe(digest(scriptedOutput(7_000_003)));
    expect(ended(result)?.exit).toMatchObject({ exitCode: 0 });
  });

  it('count what began, every time', async () => {
    const job = 'p0000000003';
    await run('127.0.1.1', ['true'], { job });
    await run('127.0.1.2', ['true'], { job });
    await run('127.0.1.2', ['true'], { job });
    await run('127.0.1.2', ['true'], { job, attempt: 2 });
    expect(Object.fromEntries(hosts.begun(job))).toEqual({ '127.0.1.1': [1], '127.0.1.2': [1, 1, 2] });
    hosts.forget(job);
    expect(hosts.begun(job).size).toBe(0);
  });

  it('run until they are told to end, or their time is over', async () => {
    acts = () => ({ end: 'hang' });
    const halted = await run('127.0.1.1', ['sleep'], { told: encodeTerminate() });
    expect(ended(halted)).toMatchObject({ killed: true, killConfirmed: true, stopCause: 'terminate' });
    const late = await run('127.0.1.1', ['sleep'], { timeoutMs: 50 });
    expect(ended(late)).toMatchObject({ timedOut: true, killConfirmed: true });
  });

  it('reset the connection in mid-command when that is their act', async () => {
    acts = () => ({ stdoutBytes: 10, end: 'reset' });
    const result = await run('127.0.1.1', ['true'], { job: 'p0000000004' });
    expect(result.exitCode).toBe(255);
    expect(ended(result)).toBeUndefined();
    expect(hosts.begun('p0000000004').get('127.0.1.1')).toEqual([1]);
  });

  it('keep the end of a claimed attempt until it is acknowledged', async () => {
    const claim: StubClaim = { lockKey: '0123456789abcdef', index: 12, job: 5, attempt: 1, nowMs: 1.7e12 };
    const ask = (acknowledge: boolean) =>
      talk('127.0.1.9', renderSettle({ nonce, ...claim }), { acknowledge, last: 'settled' });
    const settled = ({ events }: Run) => events.find((event) => event.kind === 'settled');
    acts = () => ({ exitCode: 9 });

    expect(settled(await ask(true))).toMatchObject({ job: 5, attempt: 1, found: 'none' });
    const taken = await run('127.0.1.9', ['true'], { claim, acknowledge: true });
    expect(taken.events.find(({ kind }) => kind === 'started')).toMatchObject({ lock: 'held' });
    expect(settled(await ask(true))).toMatchObject({ found: 'none' });

    await run('127.0.1.9', ['true'], { claim });
    expect(settled(await ask(false))).toMatchObject({ found: 'outcome', ended: { exit: { exitCode: 9 } } });
    const next = await run('127.0.1.9', ['true'], {
      claim: { ...claim, index: 13, attempt: 2 },
      acknowledge: true,
    });
    expect(next.events.map(({ kind }) => kind)).toEqual(['ready', 'settled', 'started', 'ended']);
    expect(settled(await ask(true))).toMatchObject({ found: 'none' });

    acts = () => ({ end: 'reset' });
    await run('127.0.1.9', ['true'], { claim });
    expect(settled(await ask(true))).toMatchObject({ ended: { stopCause: 'closed', killConfirmed: true } });
  });

  it('refuse, reset and say nothing where they are meant to, and run nothing then', async () => {
    meetings = { '127.0.1.1': 'refuse-login', '127.0.1.2': 'reset' };
    for (const [address, complaint] of [
      ['127.0.1.1', /Permission denied/],
      ['127.0.1.2', /reset|closed/],
    ] as const) {
      const { child, stderr } = ssh(address, 'true');
      const [exitCode] = (await once(child, 'close')) as [number];
      expect(exitCode).toBe(255);
      expect(stderr()).toMatch(complaint);
    }
  });

  it('say so when they are given something that they only pretend to understand', async () => {
    const { child, stderr } = ssh('127.0.1.1', 'exec /bin/sh -s');
    child.stdin!.write('{\necho hello\nexit 0\n}\n');
    const [exitCode] = (await once(child, 'close')) as [number];
    expect(exitCode).toBe(127);
    expect(stderr()).toContain('scripted host: ');
  });
});
