import { type Clock, systemClock } from '@pogo/lifecycle';
import { type FinalReport, type JobAttempt, MemoryJournal } from '@pogo/worker';
import { afterAll, afterEach, expect, test } from 'vitest';
import { removePrograms, startCluster, stopClusters } from './cluster.js';

afterEach(() => stopClusters());
afterAll(removePrograms);

/** The real clock, whose durations can be made to jump. */
function jumpingClock(): Clock & { jump(ms: number): void } {
  let ahead = 0;
  return {
    wallMs: () => systemClock.wallMs(),
    monotonicMs: () => systemClock.monotonicMs() + ahead,
    setTimer: (delayMs, callback) => systemClock.setTimer(delayMs, callback),
    jump: (ms) => (ahead += ms),
  };
}

class WatchedJournal extends MemoryJournal {
  readonly begunHosts: number[] = [];
  readonly sawResult: Promise<void>;
  #resolve: () => void = () => undefined;

  constructor() {
    super();
    this.sawResult = new Promise((resolve) => (this.#resolve = resolve));
  }

  override begun(attempts: readonly JobAttempt[]): Promise<boolean> {
    this.begunHosts.push(...attempts.map(({ host }) => host));
    return super.begun(attempts);
  }

  override finished(reports: readonly FinalReport[]): Promise<boolean> {
    this.#resolve();
    return super.finished(reports);
  }
}

test('reports wait for a dispatcher that went away, and its return is greeted with what is held', async () => {
  const { dispatcher, log, rexecs } = await startCluster();
  await dispatcher.open(3, { '*': 'hold' });
  await dispatcher.assign(3, [0, 1]);
  await dispatcher.until(() => dispatcher.reports.length === 4);
  await dispatcher.stop();
  await log.wrote('the link to a dispatcher is down');
  process.kill(rexecs()[0]!, 'SIGUSR2');
  await dispatcher.start();
  expect(await dispatcher.ends(2)).toMatchObject([
    { outcome: { state: 'succeeded' } },
    { outcome: { state: 'succeeded' } },
  ]);
  expect(dispatcher.hellos).toHaveLength(2);
  expect(dispatcher.hellos[1]).toMatchObject({
    incarnation: dispatcher.hellos[0]!.incarnation,
    held: [
      { job: 3, host: 0, attempt: 1 },
      { job: 3, host: 1, attempt: 1 },
    ],
  });
});

test('reports that a dispatcher does not take, or never answers, are sent again until they are', async () => {
  const { dispatcher, log } = await startCluster();
  dispatcher.answer = 'fail';
  await dispatcher.open(1, {});
  await dispatcher.assign(1, [0]);
  await log.wrote('reports were not taken');
  dispatcher.answer = 'acknowledge';
  await dispatcher.ends(1);
  dispatcher.answer = 'hang';
  const calls = dispatcher.calls.length;
  await dispatcher.assign(1, [1]);
  await dispatcher.until(() => dispatcher.calls.length > calls);
  dispatcher.answer = 'acknowledge';
  await dispatcher.stop();
  await dispatcher.start();
  await dispatcher.ends(2);
  expect(dispatcher.eventsOf(1)).toEqual(['begun', 'started', 'finished']);
});

test('what gathers while a report is under way travels in one call', async () => {
  const { dispatcher } = await startCluster();
  await dispatcher.open(1, {});
  await dispatcher.assign(
    1,
    Array.from({ length: 300 }, (_, index) => index),
  );
  await dispatcher.ends(300);
  expect(dispatcher.reports).toHaveLength(900);
  expect(dispatcher.calls.length).toBeLessThan(300);
});

test('without contact for 10 s nothing new begins; it goes on when a dispatcher is back', async () => {
  const clock = jumpingClock();
  const journal = new WatchedJournal();
  const { dispatcher, log, rexecs } = await startCluster({ clock, journal, maxConnections: 1 });
  await dispatcher.open(1, { 0: 'hold' });
  await dispatcher.assign(1, [0, 1]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  await dispatcher.stop();
  await log.wrote('the link to a dispatcher is down');
  clock.jump(10_000);
  process.kill(rexecs()[0]!, 'SIGUSR2');
  // Host 0 ends, and frees the only slot.
  await journal.sawResult;
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  expect(journal.begunHosts).toEqual([0]);
  await dispatcher.start();
  await dispatcher.ends(2);
  expect(journal.begunHosts).toEqual([0, 1]);
});

test('a loss of contact of less than 10 s stops nothing', async () => {
  const clock = jumpingClock();
  const { dispatcher, log, rexecs } = await startCluster({ clock, maxConnections: 1 });
  await dispatcher.open(1, { 0: 'hold' });
  await dispatcher.assign(1, [0, 1]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  await dispatcher.stop();
  await log.wrote('the link to a dispatcher is down');
  process.kill(rexecs()[0]!, 'SIGUSR2');
  await dispatcher.start();
  const ends = await dispatcher.ends(2);
  expect(ends.map(({ host }) => host)).toEqual([0, 1]);
});

test('a draining worker refuses what has not begun, waits for the rest, and has its reports taken', async () => {
  const { dispatcher, worker, rexecs } = await startCluster({ maxConnections: 2 });
  await dispatcher.open(1, { 0: 'hold', 1: 'hold' });
  await dispatcher.assign(1, [0, 1, 2, 3]);
  await dispatcher.until(() => dispatcher.reports.filter(({ event }) => event === 'started').length === 2);
  const drained = worker.drain(60_000);
  expect((await dispatcher.ends(2)).map(({ host, event }) => `${host} ${event}`)).toEqual([
    '2 refused',
    '3 refused',
  ]);
  await dispatcher.assign(1, [4]);
  await dispatcher.open(2, {});
  await dispatcher.assign(2, [0]);
  expect((await dispatcher.ends(4)).slice(2)).toMatchObject([{ event: 'refused' }, { event: 'refused' }]);
  process.kill(rexecs()[0]!, 'SIGUSR2');
  await drained;
  expect((await dispatcher.ends(6)).slice(4)).toMatchObject([
    { outcome: { state: 'succeeded' } },
    { outcome: { state: 'succeeded' } },
  ]);
});

test('a draining worker kills what runs beyond the limit, and what does not die becomes unknown', async () => {
  // The five seconds that kills may take are over at once.
  const clock: Clock = {
    ...systemClock,
    setTimer: (delayMs, callback) => systemClock.setTimer(delayMs === 5000 ? 20 : delayMs, callback),
  };
  const { dispatcher, worker } = await startCluster({ clock });
  await dispatcher.open(1, { 0: 'hold', 1: 'dial' });
  await dispatcher.assign(1, [0, 1]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  await worker.drain(1);
  expect(await dispatcher.ends(2)).toMatchObject([
    { host: 0, outcome: { state: 'killed' } },
    { host: 1, outcome: { state: 'unknown', reason: 'rexec-lost' } },
  ]);
});
