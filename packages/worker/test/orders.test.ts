import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { Dispatcher, removePrograms, startCluster, stopClusters } from './cluster.js';
import type { OpenFile } from '../src/spool-file.js';
import { withWrite } from './slow-disk.js';

afterEach(() => stopClusters());
afterAll(removePrograms);

const hosts = (count: number) => Array.from({ length: count }, (_, index) => index);

test('a job of many hosts runs, and each attempt is begun, started and finished, in that order', async () => {
  const { dispatcher } = await startCluster();
  expect(dispatcher.hellos).toMatchObject([
    { pools: ['default'], capacity: 100, recipient: { worker: 'w1' }, held: [] },
  ]);
  expect(await dispatcher.open(7, { '*': 'ok', 3: { exit: 5 } })).toEqual({ kind: 'taken' });
  expect(await dispatcher.assign(7, hosts(200))).toEqual({ kind: 'taken' });
  const ends = await dispatcher.ends(200);
  for (const host of hosts(200)) expect(dispatcher.eventsOf(host)).toEqual(['begun', 'started', 'finished']);
  expect(ends.find(({ host }) => host === 3)).toMatchObject({ outcome: { state: 'failed', exitCode: 5 } });
  expect(await dispatcher.order('close', { job: 7 })).toEqual({ kind: 'taken' });
  expect(await dispatcher.order('close', { job: 7 })).toEqual({ kind: 'unknown-job' });
});

test('a host that waits until it is dialled again keeps nobody else from being dialled', async () => {
  const { dispatcher } = await startCluster({ maxHandshakes: 1, maxConnections: 3 });
  await dispatcher.open(1, { '*': 'ok', 0: 'dial-again', 1: 'dial-again' });
  await dispatcher.assign(1, hosts(5));
  const ends = await dispatcher.ends(3);
  expect(ends.map(({ host }) => host).sort()).toEqual([2, 3, 4]);
});

test('an order that comes twice is done once', async () => {
  const { dispatcher } = await startCluster();
  await dispatcher.open(1, {});
  await dispatcher.open(1, {});
  await dispatcher.assign(1, [0, 1]);
  await dispatcher.assign(1, [1, 2]);
  await dispatcher.ends(3);
  // Also when its reports are acknowledged, and when the job was closed and opened again.
  await dispatcher.assign(1, [0, 1, 2, 3]);
  await dispatcher.ends(4);
  await dispatcher.order('close', { job: 1 });
  await dispatcher.open(1, {});
  await dispatcher.assign(1, [0, 1, 2, 3, 4]);
  await dispatcher.assign(1, [2], 2);
  await dispatcher.ends(6);
  const ended = dispatcher.reports.filter(({ event }) => event === 'finished');
  expect(ended.map(({ host, attempt }) => `${host}/${attempt}`).sort()).toEqual([
    '0/1',
    '1/1',
    '2/1',
    '2/2',
    '3/1',
    '4/1',
  ]);
});

test('orders of an older term, and for jobs that were never opened, are refused and do nothing', async () => {
  const dispatcher = new Dispatcher();
  dispatcher.term = 9;
  await dispatcher.start();
  await startCluster({ dispatcher });
  await dispatcher.open(1, {});
  dispatcher.term = 8;
  expect(await dispatcher.assign(1, [0])).toEqual({ kind: 'stale-term', term: 9 });
  expect(await dispatcher.open(2, {})).toEqual({ kind: 'stale-term', term: 9 });
  expect(await dispatcher.order('halt', { job: 1, kill: true })).toEqual({ kind: 'stale-term', term: 9 });
  expect(await dispatcher.order('close', { job: 1 })).toEqual({ kind: 'stale-term', term: 9 });
  dispatcher.term = 9;
  expect(await dispatcher.assign(2, [0])).toEqual({ kind: 'unknown-job' });
  await dispatcher.assign(1, [5]);
  await dispatcher.ends(1);
  expect(new Set(dispatcher.reports.map(({ host }) => host))).toEqual(new Set([5]));
});

test('a dispatcher that takes its term anew still gets the reports, and what it acknowledged before is forgotten', async () => {
  const { dispatcher } = await startCluster();
  await dispatcher.open(1, {});
  await dispatcher.assign(1, [0]);
  await dispatcher.ends(1);
  await dispatcher.open(2, {});
  for (const [host, ends] of [2, 3, 4].entries()) {
    dispatcher.term++;
    expect(await dispatcher.assign(2, [host])).toEqual({ kind: 'taken' });
    await dispatcher.ends(ends);
  }
  expect(dispatcher.hellos).toHaveLength(1);
  // No dispatcher does that, and no worker needs to know it for ever: A2 stands in the way of the earlier order itself.
  await dispatcher.assign(1, [0]);
  await dispatcher.ends(5);
  dispatcher.term -= 3;
  expect(await dispatcher.assign(1, [0])).toMatchObject({ kind: 'stale-term' });
});

test('halt refuses what has not begun and lets the rest end; with kill it ends too', async () => {
  const { dispatcher } = await startCluster({ maxConnections: 3 });
  await dispatcher.open(1, { 0: 'hold', 1: 'hold', 2: 'wait' });
  await dispatcher.assign(1, hosts(10));
  await dispatcher.until(() => dispatcher.reports.filter(({ event }) => event === 'started').length === 2);
  await dispatcher.order('halt', { job: 1, kill: false });
  const refused = await dispatcher.ends(8);
  expect(refused.map(({ host, event }) => `${host} ${event}`).sort()).toEqual(
    [2, 3, 4, 5, 6, 7, 8, 9].map((host) => `${host} refused`),
  );
  await dispatcher.assign(1, [10]);
  expect((await dispatcher.ends(9)).at(-1)).toMatchObject({ host: 10, event: 'refused' });
  await dispatcher.order('halt', { job: 1, kill: true });
  const ends = await dispatcher.ends(11);
  expect(ends.slice(9)).toMatchObject([{ outcome: { state: 'killed' } }, { outcome: { state: 'killed' } }]);
});

test('an end is reported only once the output before it can be read', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'pogo-slow-spool-'));
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  let writes = 0;
  const openFile: OpenFile = async (path, flags, mode) =>
    withWrite(await open(path, flags, mode), async (write) => {
      // The first names the format, the second is output.
      if (++writes > 1) await held;
      return write();
    });
  const { dispatcher } = await startCluster({
    spool: { directory, retentionMs: 1000, maxBytesPerHost: 1024 ** 3, openFile },
  });
  await dispatcher.open(1, {});
  await dispatcher.assign(1, [0]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  // A second host is refused in the meantime: had the first been reported, it would have come by now.
  await dispatcher.order('halt', { job: 1, kill: false });
  await dispatcher.assign(1, [1]);
  await dispatcher.until(() => dispatcher.eventsOf(1).includes('refused'));
  await dispatcher.assign(1, [2]);
  await dispatcher.until(() => dispatcher.eventsOf(2).includes('refused'));
  expect(dispatcher.eventsOf(0)).toEqual(['begun', 'started']);
  letGo();
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('finished'));
  await rm(directory, { recursive: true });
});

test('three refused passwords are told to the dispatcher', async () => {
  const { dispatcher } = await startCluster();
  await dispatcher.open(4, { 0: 'password-refused' });
  await dispatcher.assign(4, [0]);
  await dispatcher.until(() => dispatcher.calls.some(({ passwordRefused }) => passwordRefused.includes(4)));
});
