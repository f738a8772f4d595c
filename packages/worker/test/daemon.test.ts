import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, expect, test } from 'vitest';
import { credentialsMarker, programOf, removePrograms } from './cluster.js';
import { runCleanups, startDaemon } from './daemon.js';

afterEach(runCleanups);
afterAll(removePrograms);

test('SIGTERM lets what runs end, refuses the rest, and exits with 0; no credential is in the log', async () => {
  const { child, dispatcher, exited, rexecs, log } = await startDaemon('--log-level', 'debug');
  await dispatcher.open(1, { '*': 'hold' });
  await dispatcher.assign(1, [0]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  const [rexec] = rexecs();
  child.kill('SIGTERM');
  while (!log().includes('stopping: nothing more')) await once(child.stderr!, 'data');
  await dispatcher.assign(1, [1]);
  await dispatcher.until(() => dispatcher.eventsOf(1).includes('refused'));
  process.kill(rexec!, 'SIGUSR2');
  expect(await exited).toBe(0);
  expect(dispatcher.eventsOf(0)).toEqual(['begun', 'started', 'finished']);
  expect(() => process.kill(rexec!, 0)).toThrow('ESRCH');
  expect(log()).toContain('"part":"worker"');
  expect(log()).not.toContain(credentialsMarker);
});

test('a second SIGTERM, or SIGINT, ends it at once, and its rexecs with it', async () => {
  for (const [signals, code] of [
    [['SIGTERM', 'SIGTERM'], 1],
    [['SIGINT'], 130],
  ] as const) {
    const { child, dispatcher, exited, rexecs, log } = await startDaemon();
    await dispatcher.open(1, { '*': 'ignore' });
    await dispatcher.assign(1, [0]);
    await dispatcher.until(() => dispatcher.eventsOf(0).includes('begun'));
    const [rexec] = rexecs();
    for (const signal of signals) {
      child.kill(signal);
      while (signals.length > 1 && !log().includes('stopping: nothing more'))
        await once(child.stderr!, 'data');
    }
    expect(await exited).toBe(code);
    expect(() => process.kill(rexec!, 0)).toThrow('ESRCH');
  }
});

test('with --exit-with-parent it ends when stdin does, and its rexecs with it', async () => {
  const { child, dispatcher, exited, rexecs } = await startDaemon('--exit-with-parent');
  await dispatcher.open(1, { '*': 'hold' });
  await dispatcher.assign(1, [0]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  const [rexec] = rexecs();
  child.stdin!.end();
  expect(await exited).toBe(0);
  expect(() => process.kill(rexec!, 0)).toThrow('ESRCH');
});

test('rexec may leave no core, also where the worker may', async () => {
  const { child, dispatcher } = await startDaemon();
  const ownLimit = /Max core file size\s+(\S+)\s+(\S+)/.exec(
    readFileSync(`/proc/${child.pid!}/limits`, 'utf8'),
  );
  expect(ownLimit?.[1]).toBe(ownLimit?.[2]);
  await dispatcher.open(1, { '*': 'surroundings' });
  await dispatcher.assign(1, [0]);
  await dispatcher.ends(1);
  await dispatcher.openOutput({ subscription: 1, job: 1, host: { index: 0, attempt: 1, stream: 'stdout' } });
  const text = Buffer.concat((await dispatcher.output(1)).map((frame) => frame.data)).toString();
  expect(JSON.parse(text)).toMatchObject({ coreLimit: '0' });
});

test('a killed worker leaves no rexec behind', async () => {
  const { child, dispatcher, exited, rexecs } = await startDaemon();
  await dispatcher.open(1, { '*': 'hold' });
  await dispatcher.assign(1, [0]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  const all = rexecs();
  child.kill('SIGKILL');
  await exited;
  for (const pid of all) while (isAlive(pid)) await new Promise((resolve) => setImmediate(resolve));
});

test('200 MB from one host with a reader that reads nothing: memory stays flat, others get all bytes', async () => {
  const bytes = 200 * 1024 * 1024;
  const { child, dispatcher } = await startDaemon();
  await dispatcher.open(1, { 0: { flood: bytes, first: 'first' }, '*': 'ok' });
  await dispatcher.assign(1, [1]);
  await dispatcher.ends(1);
  const before = residentBytes(child.pid!);
  // One reads nothing, one follows everything of host 1.
  expect(await dispatcher.openOutput({ subscription: 1, job: 1, follow: true, creditBytes: 0 })).toBe(true);
  await dispatcher.openOutput({
    subscription: 2,
    job: 1,
    follow: true,
    host: { index: 1, attempt: 1, stream: 'stdout' },
  });
  await dispatcher.assign(1, [0]);
  const ends = await dispatcher.ends(2);
  await dispatcher.order('close', { job: 1 });
  const followed = await dispatcher.output(2);
  expect(Buffer.concat(followed.map((frame) => frame.data)).toString()).toBe('hello 1\n');
  expect(dispatcher.frames.filter((frame) => frame.subscription === 1)).toEqual([]);
  const peak = residentBytes(child.pid!);
  // Reading it all back gives every byte, and costs no memory either.
  const hash = createHash('sha256');
  let length = 0;
  dispatcher.frames.length = 0;
  await dispatcher.openOutput({
    subscription: 3,
    job: 1,
    host: { index: 0, attempt: 1, stream: 'stdout' },
    creditBytes: 1 << 20,
  });
  for (let taken = 0; ;) {
    await dispatcher.until(() => dispatcher.frames.length > taken);
    const frames = dispatcher.frames.splice(taken);
    for (const frame of frames) {
      hash.update(frame.data);
      length += frame.data.length;
      dispatcher.peer!.notify('output.credit', { subscription: 3, bytes: frame.data.length });
    }
    if (frames.some((frame) => frame.kind === 'end')) break;
  }
  const [end] = ends.filter(({ host }) => host === 0);
  expect(end).toMatchObject({ outcome: { stdout: { bytes, sha256: hash.digest('hex') } } });
  expect(length).toBe(bytes);
  expect(peak - before).toBeLessThan(64 * 1024 * 1024);
  expect(residentBytes(child.pid!) - before).toBeLessThan(96 * 1024 * 1024);
}, 120_000);

test.each([
  [['run'], 2, '--config'],
  [['run', '--config', '/nowhere.yaml'], 2, 'config-unreadable'],
  [['run', '--config', 'x', '--dispatcher', 'http://a'], 2, 'wss://HOST:PORT'],
  [['run', '--config', 'x', '--log-level', 'loud'], 2, 'debug, info'],
  [['run', '--config', 'x', '--drain', 'soon'], 2, 'whole seconds'],
  [['run', '--config', 'x', '--nonsense'], 2, '--nonsense'],
  [['--version'], 0, '0.1.0'],
  [['--help'], 0, 'run'],
])('pogo-worker %j exits with %d and says %j', async (given, code, text) => {
  const child = spawn(process.execPath, [await programOf('../src/main.ts'), ...given]);
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  const [exitCode] = (await once(child, 'close')) as [number];
  expect(Buffer.concat(output).toString()).toContain(text);
  expect(exitCode).toBe(code);
});

/** Peak resident size so far. */
function residentBytes(pid: number): number {
  const match = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1]) * 1024;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
