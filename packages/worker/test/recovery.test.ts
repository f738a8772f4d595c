import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ManualClock } from '@pogo/lifecycle';
import { MemoryJournal } from '@pogo/worker';
import { afterAll, afterEach, expect, test } from 'vitest';
import { AttemptBook } from '../src/attempt-book.js';
import { Outbox } from '../src/outbox.js';
import { startTimeOf } from '../src/process-identity.js';
import { recover } from '../src/recovery.js';
import { Dispatcher, KeptLog, removePrograms, startCluster, stopClusters } from './cluster.js';
import { attempts, finished } from './journal-fixture.js';

afterEach(() => stopClusters());
afterAll(removePrograms);

function outboxOf(journal: MemoryJournal): Outbox {
  const book = AttemptBook.from(journal.state);
  return new Outbox({ book, journal, clock: new ManualClock(), random: () => 0, log: new KeptLog() });
}

test('a process that only has the number of a former rexec is neither waited for nor killed', async () => {
  const journal = new MemoryJournal();
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  const pid = child.pid!;
  await journal.rexecStarted({ pid, startTime: 'another boot/1' });
  await journal.begun(attempts(1, [0]));
  const killed: number[] = [];
  const log = new KeptLog();
  const endProcess = (process: number) => killed.push(process);
  await recover({ journal, outbox: outboxOf(journal), clock: new ManualClock(), log, endProcess });
  expect(killed).toEqual([]);
  expect(journal.state.rexecs).toEqual([]);
  expect(journal.state.outgoing()).toMatchObject([{ outcome: { state: 'unknown' } }]);
  child.stdin.end();
  await once(child, 'exit');
});

test('a former rexec that does not end is killed once its five seconds are over, and nothing is said before that', async () => {
  const journal = new MemoryJournal();
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  const exited = once(child, 'exit');
  const pid = child.pid!;
  await journal.rexecStarted({ pid, startTime: startTimeOf(pid)! });
  await journal.begun(attempts(1, [0]));
  const clock = new ManualClock();
  const killed: number[] = [];
  const recovering = recover({
    journal,
    outbox: outboxOf(journal),
    clock,
    log: new KeptLog(),
    endProcess: (process) => {
      killed.push(process);
      child.kill('SIGKILL');
    },
  });
  for (let waitedMs = 0; waitedMs < 4_980; waitedMs += 20) {
    clock.advance(20);
    await Promise.resolve();
    await Promise.resolve();
  }
  expect(killed).toEqual([]);
  expect(journal.state.begun()).toHaveLength(1);
  while (killed.length === 0) {
    clock.advance(20);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await exited;
  while (clock.pendingTimers > 0) {
    clock.advance(20);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await recovering;
  expect(killed).toEqual([pid]);
  expect(journal.state.begun()).toEqual([]);
});

test('a worker over a journal with everything in it says each thing once, and remembers what was acknowledged', async () => {
  const before = new MemoryJournal({ id: 'j1' });
  await before.term(4, 0);
  await before.received(attempts(1, [0, 1, 2, 3, 4]));
  await before.begun(attempts(1, [1, 2, 3]));
  const result = finished({ job: 1, host: 2, attempt: 1 });
  await before.finished([result]);
  const acknowledged = finished({ job: 1, host: 3, attempt: 1 });
  await before.finished([acknowledged]);
  before.acknowledged([acknowledged]);
  await before.refused(attempts(1, [4]), 'halted');
  const journal = before.reopened();
  const dispatcher = new Dispatcher();
  dispatcher.term = 4;
  await dispatcher.start();
  await startCluster({ journal, dispatcher });
  expect(dispatcher.hellos[0]).toMatchObject({ journal: 'j1', held: attempts(1, [0, 1, 2, 4]) });
  const ends = await dispatcher.ends(4);
  expect(Object.fromEntries(ends.map((end) => [end.host, end]))).toMatchObject({
    0: { event: 'refused', reason: expect.stringContaining('restarted') as string },
    1: { outcome: { state: 'unknown', reason: 'rexec-lost' } },
    2: result,
    4: { event: 'refused', reason: 'halted' },
  });
  await dispatcher.open(1, {});
  await dispatcher.assign(1, [0, 1, 2, 3, 4, 5]);
  expect((await dispatcher.ends(5))[4]).toMatchObject({ host: 5, outcome: { state: 'succeeded' } });
  expect(dispatcher.reports.filter(({ event }) => event === 'begun').map(({ host }) => host)).toEqual([5]);
});
