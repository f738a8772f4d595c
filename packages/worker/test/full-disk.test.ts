/** A worker whose journal can't be written: nothing begins, nothing is promised, nothing is lost (A4). */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { KeptLog, programOf, removePrograms, startCluster, stopClusters } from './cluster.js';
import { FaultyDisk } from './faulty-disk.js';
import { openFileJournal } from './journal-fixture.js';

let directory = '';
let disk: FaultyDisk;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pogo-full-disk-'));
  disk = new FaultyDisk();
});
afterEach(async () => {
  await stopClusters();
  await rm(directory, { recursive: true });
});
afterAll(removePrograms);

async function start(overrides: Parameters<typeof startCluster>[0] = {}) {
  const journalLog = new KeptLog();
  const journal = await openFileJournal({
    directory: join(directory, 'journal'),
    openFile: disk.openFile,
    log: journalLog,
  });
  return { journal, journalLog, ...(await startCluster({ journal, ...overrides })) };
}

test('while the disk is full nothing is taken, begun or refused; a halt still ends what runs', async () => {
  const { dispatcher, journalLog } = await start({ maxConnections: 1 });
  await dispatcher.open(1, { 0: 'hold' });
  await dispatcher.assign(1, [0, 1, 2]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  disk.fault = { code: 'ENOSPC', roomBytes: 7 };
  let isTaken = false;
  const taken = dispatcher.assign(1, [3]).then(() => (isTaken = true));
  await journalLog.wrote('no room for the journal');
  expect(await dispatcher.order('halt', { job: 1, kill: true })).toEqual({ kind: 'taken' });
  // The end of what ran is told; the refusals of what didn't begin can't be journaled, so they aren't said.
  expect(await dispatcher.ends(1)).toMatchObject([{ host: 0, outcome: { state: 'killed' } }]);
  expect(isTaken).toBe(false);
  expect(dispatcher.reports.filter(({ host }) => host > 0)).toEqual([]);
  disk.fault = undefined;
  await taken;
  const ends = await dispatcher.ends(4);
  expect(
    ends
      .slice(1)
      .map(({ host, event }) => `${host} ${event}`)
      .sort(),
  ).toEqual(['1 refused', '2 refused', '3 refused']);
  await journalLog.wrote('can be written again');
});

test('nothing is dialled before the disk has its beginning', async () => {
  const orders = join(directory, 'orders');
  const seen = () => (existsSync(orders) ? readFileSync(orders, 'utf8') : '');
  const environment = { PATH: process.env['PATH'] ?? '', SCRIPTED_ORDERS: orders };
  const argv = [process.execPath, await programOf('scripted-rexec.ts')];
  const { dispatcher } = await start({ rexec: { argv, environment } });
  await dispatcher.open(1, {});
  let letGo: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  disk.beforeSync = () => gate;
  const taken = dispatcher.assign(1, [0, 1]);
  while (!seen().includes('"open"')) await new Promise((resolve) => setImmediate(resolve));
  // What comes behind the assignment is answered, by worker and rexec alike.
  await dispatcher.order('halt', { job: 9, kill: false });
  await dispatcher.settle(1, [7]);
  await dispatcher.until(() => dispatcher.eventsOf(7).includes('unsettled'));
  expect(seen()).not.toContain('"run"');
  expect(dispatcher.reports.filter(({ host }) => host < 7)).toEqual([]);
  letGo();
  await taken;
  expect(await dispatcher.ends(2)).toHaveLength(2);
});

test('what was ordered while the disk was full begins when there is room', async () => {
  const { dispatcher, journalLog } = await start();
  await dispatcher.open(1, {});
  disk.fault = { code: 'ENOSPC', roomBytes: 0 };
  const taken = dispatcher.assign(1, [0, 1]);
  await journalLog.wrote('no room for the journal');
  expect(dispatcher.reports).toEqual([]);
  disk.fault = undefined;
  expect(await taken).toEqual({ kind: 'taken' });
  for (const end of await dispatcher.ends(2)) expect(end).toMatchObject({ outcome: { state: 'succeeded' } });
});

test('a worker stops while its disk is full, and a later one knows what was durable', async () => {
  const { dispatcher, worker, journalLog } = await start({ maxConnections: 1 });
  await dispatcher.open(1, { 0: 'hold' });
  await dispatcher.assign(1, [0, 1]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  disk.fault = { code: 'ENOSPC', roomBytes: 0 };
  void dispatcher.assign(1, [2]).catch(() => undefined);
  await journalLog.wrote('no room for the journal');
  await worker.stop();
  disk.fault = undefined;
  const journal = await openFileJournal({ directory: join(directory, 'journal') });
  expect(journal.state.begun()).toEqual([{ job: 1, host: 0, attempt: 1 }]);
  expect(journal.state.received()).toEqual([{ job: 1, host: 1, attempt: 1 }]);
  await journal.close();
});
