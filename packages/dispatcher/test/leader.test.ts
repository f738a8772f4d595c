import { decideReports, type LogEntry } from '@pogo/core';
import { decodeLogBatch, encodeLogBatch } from '@pogo/protocol';
import { type AppendOutcome, type Batch, type Log, MemoryBacking, type Store, StoreError } from '@pogo/store';
import { describe, expect, it } from 'vitest';
import { makeLeader, type TestLeader } from './support/leader.js';

const types = (entries: readonly LogEntry[]) => entries.map(({ type }) => type);

/** A store whose log does as a test says before the real one is asked. */
function withAppend(
  store: Store,
  append: (real: () => Promise<AppendOutcome>, index: number) => Promise<AppendOutcome>,
): Store {
  const wrap = (log: Log): Log => ({
    append: (index: number, batch: Batch) => append(() => log.append(index, batch), index),
    read: (from, limit) => log.read(from, limit),
    follow: (from, signal) => log.follow(from, signal),
    pointer: () => log.pointer(),
    prune: (request) => log.prune(request),
  });
  return {
    log: (namespace) => wrap(store.log(namespace)),
    documents: store.documents,
    leadership: store.leadership,
    describe: () => store.describe(),
    close: () => store.close(),
  };
}

/** A store whose append at `index` waits until it is released. */
function gateAt(index: number, inner = new MemoryBacking().openHandle()) {
  let release: () => void = () => undefined;
  let announce: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => (announce = resolve));
  const opened = new Promise<void>((resolve) => (release = resolve));
  const appended: number[] = [];
  const store = withAppend(inner, async (real, at) => {
    appended.push(at);
    if (at === index) {
      announce();
      await opened;
    }
    return real();
  });
  return { store, reached, release, appended };
}

async function led(test: TestLeader): Promise<TestLeader> {
  await test.leader.start();
  await test.leader.leading();
  return test;
}

const finish = (test: TestLeader, job: number, hosts: readonly number[]) =>
  test.leader.command((state) => {
    const { entries } = decideReports(
      state,
      'w',
      hosts.map((host) => ({
        job,
        host,
        attempt: 1,
        event: 'finished',
        outcome: { state: 'succeeded', exitCode: 0 },
      })),
    );
    return { entries, answer: undefined };
  });

describe('the leader', () => {
  it('takes leadership with its first entry, whose index is its term', async () => {
    const backing = new MemoryBacking();
    const first = await led(makeLeader({ store: backing.openHandle() }));
    await first.accept();
    expect(first.leader.term).toBe(0);
    await first.leader.stop();
    const second = await led(makeLeader({ store: backing.openHandle(), name: 'two' }));
    expect(second.entries[0]).toEqual({ type: 'leadership-taken', dispatcher: 'two' });
    expect(second.leader.term).toBe(2);
    const jobs = await second.leader.read((state) => [...state.jobs.keys()]);
    expect(jobs).toEqual({ kind: 'ok', answer: [1] });
    await second.leader.stop();
    expect(second.clock.pendingTimers).toBe(0);
  });

  it('stops before its first entry is durable, too', async () => {
    const gate = gateAt(0);
    const test = makeLeader({ store: gate.store });
    await test.leader.start();
    await gate.reached;
    const stopped = test.leader.stop();
    gate.release();
    await stopped;
    expect(test.leader.term).toBeUndefined();
  });

  it('appends in one batch what gathered while the last append was under way', async () => {
    const gate = gateAt(1);
    const test = await led(makeLeader({ store: gate.store }));
    const first = test.accept();
    await gate.reached;
    const others = Promise.all([test.accept(), test.accept(), test.accept()]);
    gate.release();
    expect(await first).toBe(1);
    expect(await others).toEqual([2, 3, 4]);
    expect(gate.appended).toEqual([0, 1, 2]);
    await test.leader.stop();
  });

  it('answers nobody, and shows nobody, what is not durable yet', async () => {
    const gate = gateAt(1);
    const test = await led(makeLeader({ store: gate.store }));
    const order: string[] = [];
    const answered = test.accept().then(() => order.push('answered'));
    await gate.reached;
    const read = test.leader
      .read((state) => state.jobs.size)
      .then((outcome) => order.push(`read ${outcome.kind === 'ok' ? outcome.answer : 'lost'}`));
    expect(test.entries).toEqual([{ type: 'leadership-taken', dispatcher: 'one' }]);
    // Whoever could be answered too early has had its turn.
    await new Promise((resolve) => setImmediate(resolve));
    order.push('released');
    gate.release();
    await Promise.all([answered, read]);
    expect(order[0]).toBe('released');
    expect(order.slice(1).sort()).toEqual(['answered', 'read 1']);
    await test.leader.stop();
  });

  it('gives up at a conflict, says so, and goes on from what the log holds', async () => {
    const backing = new MemoryBacking();
    const test = await led(makeLeader({ store: backing.openHandle() }));
    await test.accept();
    // Another leader has appended, and this one doesn't know.
    const foreign = backing.openHandle().log('default');
    const body = encodeLogBatch({
      atMs: 1_000_001,
      entries: [{ type: 'leadership-taken', dispatcher: 'two' }],
    });
    expect(await foreign.append(2, { writer: 'two', id: 'x', body })).toEqual({ kind: 'ok' });
    await expect(test.accept({ key: 'again' })).rejects.toThrow('lost');
    expect(test.leader.lastEnd).toMatchObject({ kind: 'conflict' });
    // Nothing was tried at another index before the log was read again (L3).
    test.clock.advance(10_000);
    await test.until((entries) => types(entries).filter((type) => type === 'leadership-taken').length === 2);
    expect(test.leader.term).toBe(3);
    expect(await test.accept({ key: 'again' })).toBe(2);
    await test.leader.stop();
  });

  it('decides nothing more when it wakes after another one has led, and pruned the log beyond where it stood (L2)', async () => {
    const backing = new MemoryBacking();
    const asleep = gateAt(2, backing.openHandle());
    const test = await led(makeLeader({ store: asleep.store }));
    await test.accept();
    const late = test.accept({ key: 'late' });
    await asleep.reached;
    // The lease went over while it slept, and it has heard nothing of that.
    const lease = { lost: new AbortController().signal, resign: () => Promise.resolve() };
    const { log, documents, describe: told, close } = backing.openHandle();
    const other = await led(
      makeLeader({
        store: {
          log,
          documents,
          describe: told,
          close,
          leadership: { campaign: () => Promise.resolve(lease) },
        },
        name: 'two',
        workers: [{ name: 'w', capacity: 1000, keyIds: ['kid'] }],
      }),
    );
    for (let job = 2; job <= 7; job++) {
      await other.accept({ hosts: 200, key: `other-${job}` });
      await finish(
        other,
        job,
        Array.from({ length: 200 }, (_, host) => host),
      );
    }
    const floor = async () => {
      // A snapshot's text is made in slices, between which others have their turn.
      other.clock.advance(10);
      return (await log('default').pointer()).floor;
    };
    await expect.poll(floor, { timeout: 20_000 }).toBeGreaterThan(2);

    const before = test.entries.length;
    asleep.release();
    await expect(late).rejects.toThrow('lost');
    expect(test.leader.lastEnd).toMatchObject({ kind: 'pruned' });
    expect(test.leader.term).toBeUndefined();
    expect(test.entries).toHaveLength(before);
    await test.leader.stop();
    const jobs = await other.leader.read((state) => state.jobs.size);
    expect(jobs).toEqual({ kind: 'ok', answer: 7 });
    await other.leader.stop();
    const again = await led(makeLeader({ store: backing.openHandle(), name: 'three' }));
    expect(await again.leader.read((state) => state.jobs.size)).toEqual(jobs);
    await again.leader.stop();
  });

  it('resolves doubt by appending the same batch again, at the same index', async () => {
    const store = new MemoryBacking().openHandle();
    const tried: number[] = [];
    const doubtful = withAppend(store, async (real, index) => {
      tried.push(index);
      const outcome = await real();
      // It was written, and the answer was lost.
      return index === 1 && tried.filter((at) => at === 1).length === 1
        ? { kind: 'doubt', error: new StoreError('store-unavailable', 'cut') }
        : outcome;
    });
    const test = await led(makeLeader({ store: doubtful }));
    const accepted = test.accept();
    while (test.clock.pendingTimers === 0) await Promise.resolve();
    test.clock.advance(100);
    expect(await accepted).toBe(1);
    expect(tried).toEqual([0, 1, 1]);
    const { entries } = (await store.log('default').read(0, 10)) as { entries: unknown[] };
    expect(entries).toHaveLength(2);
    await test.leader.stop();
  });

  it('lets go while the store is away, and comes back with it', async () => {
    const store = new MemoryBacking().openHandle();
    let away = false;
    const error = new StoreError('store-unavailable', 'away');
    const test = await led(
      makeLeader({ store: withAppend(store, (real) => (away ? Promise.reject(error) : real())) }),
    );
    away = true;
    let lost = false;
    const refused = test.accept({ key: 'k' }).catch(() => (lost = true));
    while (!lost) {
      test.clock.advance(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await refused;
    expect(test.leader.term).toBeUndefined();
    expect(await test.leader.read(() => 1)).toEqual({ kind: 'lost' });
    away = false;
    const back = test.until(
      (entries) => types(entries).filter((type) => type === 'leadership-taken').length === 2,
    );
    let isBack = false;
    void back.then(() => (isBack = true));
    while (!isBack) {
      test.clock.advance(5000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await test.accept({ key: 'k' })).toBe(1);
    await test.leader.stop();
  });

  it('ends a job that takes too long, to the millisecond of log time, as an entry', async () => {
    const backing = new MemoryBacking();
    const test = await led(makeLeader({ store: backing.openHandle() }));
    await test.accept({ limits: { jobTimeoutMs: 5000 } });
    test.clock.advance(4999);
    await test.leader.read(() => undefined);
    expect(types(test.entries)).not.toContain('halt-requested');
    test.clock.advance(1);
    await test.until((entries) => types(entries).includes('halt-requested'));
    expect(test.entries.find(({ type }) => type === 'halt-requested')).toMatchObject({
      cause: 'job-timeout',
      kill: true,
    });
    const log = await backing.openHandle().log('default').read(0, 100);
    const batches = log.kind === 'entries' ? log.entries.map(({ batch }) => decodeLogBatch(batch.body)) : [];
    const halted = batches.find(({ entries }) => types(entries).includes('halt-requested'));
    expect(halted?.atMs).toBe(1_000_000 + 5000);
    await finish(test, 1, [0, 1]);
    expect(test.entries.at(-1)).toEqual({ type: 'job-ended', job: 1, state: 'halted' });
    await test.leader.stop();
  });

  it('keeps log time from going back, whatever the wall clock does', async () => {
    const backing = new MemoryBacking();
    const first = await led(makeLeader({ store: backing.openHandle() }));
    first.clock.advance(60_000);
    await first.accept();
    await first.leader.stop();
    const { ManualClock } = await import('@pogo/lifecycle');
    const behind = new ManualClock({ wallStartMs: 5000 });
    const second = await led(makeLeader({ store: backing.openHandle(), clock: behind }));
    expect(second.leader.nowMs()).toBe(1_060_000);
    behind.advance(7);
    expect(second.leader.nowMs()).toBe(1_060_007);
    await second.leader.stop();
  });

  it('has whoever asks a little early wait until it leads, and no longer than they like', async () => {
    const backing = new MemoryBacking();
    const first = await led(makeLeader({ store: backing.openHandle() }));
    const second = makeLeader({ store: backing.openHandle(), name: 'two' });
    await second.leader.start();
    const { signal } = new AbortController();
    const impatient = second.leader.soon(100, signal);
    second.clock.advance(100);
    await impatient;
    expect(second.leader.term).toBeUndefined();
    const patient = second.leader.soon(5000, signal);
    await first.leader.stop();
    await patient;
    expect(second.leader.term).toBeDefined();
    await second.leader.soon(5000, signal);
    await second.leader.stop();
  });

  it('splits what is too much for one batch', async () => {
    const backing = new MemoryBacking();
    const hosts = 4000;
    const test = await led(
      makeLeader({
        store: backing.openHandle(),
        workers: [{ name: 'w', capacity: hosts, keyIds: ['kid'] }],
      }),
    );
    await test.accept({ hosts });
    await test.leader.command((state) => {
      const reports = Array.from({ length: hosts }, (_, host) => ({
        job: 1,
        host,
        attempt: 1,
        event: 'finished' as const,
        outcome: { state: 'failed' as const, reason: 'exit-nonzero' as const, message: 'é"\\'.repeat(60) },
      }));
      return { entries: decideReports(state, 'w', reports).entries, answer: undefined };
    });
    expect(test.entries.at(-1)).toMatchObject({ type: 'job-ended', state: 'failed' });
    await test.leader.stop();
    const again = await led(makeLeader({ store: backing.openHandle() }));
    const outcome = await again.leader.read((state) => state.jobs.get(1)!.counts.failed);
    expect(outcome).toEqual({ kind: 'ok', answer: hosts });
    await again.leader.stop();
    expect(test.failures).toEqual([]);
  });

  it('is as it was after its snapshot was loaded', async () => {
    const backing = new MemoryBacking();
    const test = await led(
      makeLeader({
        store: backing.openHandle(),
        workers: [{ name: 'w', capacity: 1000, keyIds: ['kid'] }],
      }),
    );
    for (let job = 1; job <= 6; job++) {
      await test.accept({ hosts: 200 });
      await finish(
        test,
        job,
        Array.from({ length: job === 6 ? 50 : 200 }, (_, host) => host),
      );
    }
    const before = await test.leader.read((state) =>
      JSON.stringify([...state.jobs.values()].map(({ counts }) => counts)),
    );
    await test.leader.stop();
    const { floor } = await backing.openHandle().log('default').pointer();
    expect(floor).toBeGreaterThan(0);
    const again = await led(makeLeader({ store: backing.openHandle() }));
    expect(
      await again.leader.read((state) =>
        JSON.stringify([...state.jobs.values()].map(({ counts }) => counts)),
      ),
    ).toEqual(before);
    await again.leader.stop();
  });
});
