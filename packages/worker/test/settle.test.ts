/** Hosts are asked what became of attempts that nobody else can tell of (E2, E3, E4). */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '@pogo/lifecycle';
import type { AttemptReport, RexecOrder } from '@pogo/protocol';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import {
  type Cluster,
  programOf,
  removePrograms,
  sealedCredentials,
  specOf,
  startCluster,
  stopClusters,
} from './cluster.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pogo-settle-'));
});
afterEach(async () => {
  await stopClusters();
  await rm(directory, { recursive: true });
});
afterAll(removePrograms);

type SeenOrder = RexecOrder & { pid: number };

/** A cluster, and what its rexecs were told. */
async function start(
  overrides: Parameters<typeof startCluster>[0] = {},
): Promise<Cluster & { orders: () => SeenOrder[] }> {
  const file = join(directory, 'orders');
  const cluster = await startCluster({
    rexec: {
      argv: [process.execPath, await programOf('scripted-rexec.ts')],
      environment: { PATH: process.env['PATH'] ?? '', SCRIPTED_ORDERS: file },
    },
    ...overrides,
  });
  const orders = () =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as SeenOrder);
  return { ...cluster, orders };
}

function byHost(reports: readonly AttemptReport[]): Record<number, AttemptReport> {
  return Object.fromEntries(reports.map((report) => [report.host, report]));
}

test('what a dying rexec held is asked of the hosts by the next one, first of all', async () => {
  const { dispatcher, orders } = await start({ maxConnections: 4 });
  await dispatcher.open(1, {
    0: 'hold',
    1: 'hold',
    2: 'hold',
    3: 'die',
    'settle 0': 'ok',
    'settle 1': 'exit-3',
  });
  await dispatcher.assign(1, [0, 1, 2, 3, 4]);
  const ends = byHost(await dispatcher.ends(5));
  expect(ends[0]).toMatchObject({ outcome: { state: 'succeeded' } });
  expect(ends[1]).toMatchObject({ outcome: { state: 'failed', exitCode: 3 } });
  for (const host of [2, 3]) {
    expect(ends[host]).toMatchObject({
      outcome: {
        state: 'unknown',
        reason: 'rexec-lost',
        message: expect.stringMatching(/SIGKILL.*the host knows nothing of it/) as string,
      },
    });
  }
  expect(ends[4]).toMatchObject({ outcome: { state: 'succeeded' } });
  const [first] = orders();
  const second = orders().filter(({ pid }) => pid !== first?.pid);
  expect(second.map(({ type }) => type).slice(0, 2)).toEqual(['open', 'settle']);
  expect(second[1]).toMatchObject({
    attempts: [0, 1, 2, 3].map((host) => ({ host, attempt: 1, index: 101 })),
  });
  expect(new Set(orders().map(({ pid }) => pid)).size).toBe(2);
});

test('questions hold slots: no more hosts are asked at once than may be connected', async () => {
  const { dispatcher, orders } = await start({ maxConnections: 2 });
  await dispatcher.open(1, { 0: 'hold', 1: 'die', 'settle *': 'ok' });
  await dispatcher.assign(1, [0, 1]);
  await dispatcher.ends(2);
  await dispatcher.settle(1, [10, 11, 12, 13, 14]);
  await dispatcher.ends(7);
  for (const order of orders()) {
    if (order.type === 'settle') expect(order.attempts.length).toBeLessThanOrEqual(2);
  }
});

test('a host that does not answer within 45 s is unknown; its evidence still counts when it comes', async () => {
  // The 45 seconds are over soon, and not before the second rexec listens for the signal.
  const clock: Clock = {
    ...systemClock,
    setTimer: (delayMs, callback) => systemClock.setTimer(delayMs === 45_000 ? 2000 : delayMs, callback),
  };
  const { dispatcher, rexecs } = await start({ clock });
  await dispatcher.open(1, { 0: 'die', 'settle 0': 'late' });
  await dispatcher.assign(1, [0]);
  expect(await dispatcher.ends(1)).toMatchObject([{ outcome: { state: 'unknown', reason: 'rexec-lost' } }]);
  for (const pid of rexecs()) process.kill(pid, 'SIGUSR2');
  expect((await dispatcher.ends(2))[1]).toMatchObject({ host: 0, outcome: { state: 'succeeded' } });
});

test('when the second rexec dies too, what it was asking is unknown at once', async () => {
  const { dispatcher } = await start({ maxConnections: 2 });
  await dispatcher.open(1, { 0: 'exit-3', 'settle 0': 'silent', 1: 'hold', 2: 'exit-3' });
  await dispatcher.assign(1, [0, 1, 2]);
  const ends = byHost(await dispatcher.ends(3));
  for (const host of [0, 1, 2]) expect(ends[host]).toMatchObject({ outcome: { state: 'unknown' } });
  await dispatcher.settle(1, [0]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('unsettled'));
  expect(dispatcher.reports.at(-1)).toMatchObject({
    event: 'unsettled',
    detail: expect.stringContaining('exited with status 3') as string,
  });
});

test('a dispatcher that asks gets evidence, or hears that the host cannot tell', async () => {
  const { dispatcher, orders } = await start();
  expect(await dispatcher.settle(4, [0])).toEqual({ kind: 'unknown-job' });
  await dispatcher.open(4, { 'settle 0': 'ok' });
  expect(await dispatcher.settle(4, [0, 1], 3)).toEqual({ kind: 'taken' });
  await dispatcher.until(() => dispatcher.reports.length === 2);
  const reports = byHost(dispatcher.reports);
  expect(reports[0]).toMatchObject({ attempt: 3, event: 'finished', outcome: { state: 'succeeded' } });
  expect(reports[1]).toMatchObject({
    attempt: 3,
    event: 'unsettled',
    detail: 'the host knows nothing of it',
  });
  // Asked twice at once is asked once; asked again later is asked again.
  await dispatcher.settle(4, [1], 3);
  await dispatcher.until(() => dispatcher.reports.length === 3);
  expect(orders().filter(({ type }) => type === 'settle')).toHaveLength(2);
  dispatcher.term = 5;
  await dispatcher.settle(4, [], 3);
  dispatcher.term = 4;
  expect(await dispatcher.settle(4, [1], 3)).toEqual({ kind: 'stale-term', term: 5 });
});

test('what runs here is not asked about: it is reported anyway', async () => {
  const { dispatcher, orders, rexecs } = await start();
  await dispatcher.open(1, { 0: 'hold' });
  await dispatcher.assign(1, [0]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  await dispatcher.settle(1, [0]);
  for (const pid of rexecs()) process.kill(pid, 'SIGUSR2');
  expect(await dispatcher.ends(1)).toMatchObject([{ outcome: { state: 'succeeded' } }]);
  expect(orders().some(({ type }) => type === 'settle')).toBe(false);
});

test('rexec hears of every result that is journaled, and gets index and fence of every attempt', async () => {
  const { dispatcher, orders } = await start();
  await dispatcher.open(1, {});
  await dispatcher.order('assign', {
    job: 1,
    attempts: [
      { host: 0, attempt: 2, index: 77, fence: true },
      { host: 1, attempt: 1, index: 78 },
    ],
  });
  await dispatcher.ends(2);
  const recorded = () => orders().flatMap((order) => (order.type === 'recorded' ? order.attempts : []));
  while (recorded().length < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(recorded().sort((a, b) => a.host - b.host)).toEqual([
    { host: 0, attempt: 2 },
    { host: 1, attempt: 1 },
  ]);
  expect(orders().find(({ type }) => type === 'run')).toMatchObject({
    attempts: [
      { host: 0, attempt: 2, index: 77, fence: true },
      { host: 1, attempt: 1, index: 78, fence: false },
    ],
  });
});

test('rexec is told the limits of this worker', async () => {
  const { dispatcher, orders } = await start({
    allowAgentForwarding: true,
    spool: { directory: join(directory, 'spool'), retentionMs: 1000, maxBytesPerHost: 4321 },
  });
  await dispatcher.open(1, {});
  await dispatcher.assign(1, [0]);
  await dispatcher.ends(1);
  expect(orders()[0]).toMatchObject({ type: 'open', outputLimitBytes: 4321, allowAgentForwarding: true });
});

test('a gap that rexec names is kept in the spool, and shown to every reader with its bytes', async () => {
  const { dispatcher } = await start();
  await dispatcher.open(1, { '*': { cut: 5000 } });
  await dispatcher.assign(1, [0, 1]);
  expect(await dispatcher.ends(2)).toMatchObject([{ outcome: { outputCutBytes: 5000 } }, {}]);
  const host = { index: 0, attempt: 1, stream: 'stdout' } as const;
  for (const [subscription, of, gaps] of [
    [1, {}, 2],
    [2, { host }, 1],
  ] as const) {
    await dispatcher.openOutput({ subscription, job: 1, ...of });
    const frames = await dispatcher.output(subscription);
    expect(frames.filter(({ kind }) => kind === 'gap').map(({ offset }) => offset)).toEqual(
      Array<number>(gaps).fill(5000),
    );
  }
});

test('a greeting names the jobs whose credentials are held, and what a dispatcher has lost it gets back (V2)', async () => {
  const { dispatcher, log } = await start();
  expect(dispatcher.hellos[0]).toMatchObject({ credentials: [], journal: 'memory' });
  await dispatcher.open(1, {});
  await dispatcher.open(2, {});
  await dispatcher.open(3, {});
  await dispatcher.order('close', { job: 3 });
  await dispatcher.stop();
  await log.wrote('the link to a dispatcher is down');
  dispatcher.wanted = [2, 3];
  await dispatcher.start();
  await dispatcher.until(() => dispatcher.returned.length > 0);
  expect(dispatcher.hellos[1]?.credentials).toEqual([1, 2]);
  await log.wrote('given back to a dispatcher');
  expect(dispatcher.returned).toMatchObject([{ job: 2, credentials: { tag: 't' } }]);
  expect(dispatcher.returned[0]?.digest).toMatch(/^sha256:/);
});

test('renewed credentials are for what begins afterwards; what runs goes on, and its end is heard', async () => {
  const { dispatcher, orders, rexecs } = await start();
  await dispatcher.open(1, { 0: 'hold' });
  await dispatcher.assign(1, [0]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  const spec = specOf({ 0: 'hold' });
  // The same once more changes nothing.
  await dispatcher.openSpec(1, spec, sealedCredentials);
  await dispatcher.openSpec(1, spec, { ...sealedCredentials, ciphertext: 'renewed' });
  await dispatcher.assign(1, [1]);
  expect(await dispatcher.ends(1)).toMatchObject([{ host: 1, outcome: { state: 'succeeded' } }]);
  const opened = orders().filter((order) => order.type === 'open');
  expect(opened.map(({ credentials }) => credentials.ciphertext)).toEqual([
    sealedCredentials.ciphertext,
    'renewed',
  ]);
  for (const pid of rexecs()) process.kill(pid, 'SIGUSR2');
  expect((await dispatcher.ends(2))[1]).toMatchObject({ host: 0, outcome: { state: 'succeeded' } });
  dispatcher.wanted = [1];
  await dispatcher.stop();
  await dispatcher.start();
  await dispatcher.until(() => dispatcher.returned.length > 0);
  expect(dispatcher.returned[0]?.credentials.ciphertext).toBe('renewed');
});
