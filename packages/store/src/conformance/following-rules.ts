import assert from 'node:assert/strict';
import type { Log, ReadOutcome } from '../log.js';
import type { OnNewStore, TestFramework } from './conformance.js';
import { batchOf, entriesOf, fill, namesOf } from './samples.js';

/** Following the log (L2, L5). */
export function describeFollowing({ describe, it }: TestFramework, onNewStore: OnNewStore): void {
  describe('following', () => {
    it(
      'sees every batch once, in order, those written before and those written meanwhile by another handle',
      onNewStore(async (openHandle) => {
        const [reader, writer] = await Promise.all([openHandle(), openHandle()]);
        await fill(writer.log('main'), 'w', 0, 300);
        const following = collect(reader.log('main'), 0, 600);
        await fill(writer.log('main'), 'w', 300, 300);
        assert.deepEqual(
          await following,
          Array.from({ length: 600 }, (_, index) => `${index}:w/${index}`),
        );
      }),
    );

    it(
      'gives several followers the same, each from its own index',
      onNewStore(async (openHandle) => {
        const store = await openHandle();
        const log = store.log('main');
        const followings = [0, 0, 7, 12].map((from) => collect(log, from, 20));
        await fill(log, 'w', 0, 20);
        const all = Array.from({ length: 20 }, (_, index) => `${index}:w/${index}`);
        assert.deepEqual(await Promise.all(followings), [all, all, all.slice(7), all.slice(12)]);
      }),
    );

    it(
      'never yields an empty outcome, and waits for an index that lies ahead',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        await fill(log, 'w', 0, 1);
        const iterator = log.follow(3, new AbortController().signal)[Symbol.asyncIterator]();
        const first = iterator.next();
        await fill(log, 'w', 1, 3);
        assert.deepEqual(namesOf(entriesOf((await first).value)), ['3:w/3']);
        await iterator.return?.();
      }),
    );

    it(
      'lets a slow follower read on from where it stands',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        await fill(log, 'w', 0, 1);
        const iterator = log.follow(0, new AbortController().signal)[Symbol.asyncIterator]();
        assert.deepEqual(namesOf(entriesOf((await iterator.next()).value)), ['0:w/0']);
        await fill(log, 'w', 1, 700);
        let next = 1;
        while (next < 701) {
          for (const { index } of entriesOf((await iterator.next()).value)) assert.equal(index, next++);
        }
        await iterator.return?.();
      }),
    );

    it(
      'says pruned and ends when its first index is below the floor',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        await fill(log, 'w', 0, 5);
        await log.prune({ before: 3, snapshot: 's3', expectedVersion: 0 });
        const seen: ReadOutcome[] = [];
        for await (const outcome of log.follow(1, new AbortController().signal)) seen.push(outcome);
        assert.deepEqual(seen, [{ kind: 'pruned', floor: 3, snapshot: 's3' }]);
      }),
    );

    it(
      'says pruned and ends when the floor overtakes a slow follower, which can go on from the floor',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        await fill(log, 'w', 0, 2);
        const iterator = log.follow(0, new AbortController().signal)[Symbol.asyncIterator]();
        await iterator.next();
        await fill(log, 'w', 2, 4);
        await log.prune({ before: 5, snapshot: 's5', expectedVersion: 0 });
        assert.deepEqual((await iterator.next()).value, { kind: 'pruned', floor: 5, snapshot: 's5' });
        assert.equal((await iterator.next()).done, true);
        assert.deepEqual(await collect(log, 5, 6), ['5:w/5']);
      }),
    );

    it(
      'gives a follower on another handle every entry or pruned, in order, while appends and prunings come fast',
      onNewStore(async (openHandle) => {
        const [reader, writer] = await Promise.all([openHandle(), openHandle()]);
        const following = followThroughPrunings(reader.log('main'), 60);
        const log = writer.log('main');
        for (let round = 0; round < 6; round += 1) {
          await fill(log, 'w', 10 * round, 10);
          const { version } = await log.pointer();
          const before = 10 * round + 8;
          const pruned = await log.prune({ before, snapshot: `s${before}`, expectedVersion: version });
          assert.equal(pruned.kind, 'ok');
        }
        await following;
      }),
    );

    it(
      'does not disturb a follower when only what it has seen is pruned',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        await fill(log, 'w', 0, 3);
        const iterator = log.follow(0, new AbortController().signal)[Symbol.asyncIterator]();
        await iterator.next();
        const waiting = iterator.next();
        await log.prune({ before: 3, snapshot: 's3', expectedVersion: 0 });
        await log.append(3, batchOf('w', '3'));
        assert.deepEqual(namesOf(entriesOf((await waiting).value)), ['3:w/3']);
        await iterator.return?.();
      }),
    );

    it(
      'ends without an error when its signal aborts, while it waits and before it begins',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        const aborter = new AbortController();
        const waiting = log.follow(0, aborter.signal)[Symbol.asyncIterator]().next();
        await fill(log, 'w', 0, 1);
        await waiting;
        const later = log.follow(1, aborter.signal)[Symbol.asyncIterator]().next();
        aborter.abort();
        assert.equal((await later).done, true);
        assert.equal((await log.follow(0, aborter.signal)[Symbol.asyncIterator]().next()).done, true);
      }),
    );
  });
}

/** Follows from `from` until the entry before `until` has come. */
async function collect(log: Log, from: number, until: number): Promise<string[]> {
  const aborter = new AbortController();
  const names: string[] = [];
  for await (const outcome of log.follow(from, aborter.signal)) {
    const entries = entriesOf(outcome);
    assert.ok(entries.length > 0, 'an outcome without entries');
    names.push(...namesOf(entries));
    if (outcome.kind === 'entries' && outcome.next >= until) aborter.abort();
  }
  return names;
}

/** Follows from the start until the entry before `until` has come, and from the floor on after each `pruned`, as dispatchers do. */
async function followThroughPrunings(log: Log, until: number): Promise<void> {
  let next = 0;
  while (next < until) {
    const aborter = new AbortController();
    let pruned = false;
    for await (const outcome of log.follow(next, aborter.signal)) {
      assert.equal(pruned, false, 'something came after pruned');
      if (outcome.kind === 'pruned') {
        assert.ok(outcome.floor > next, 'pruned, and nothing was');
        assert.equal(outcome.snapshot, `s${outcome.floor}`);
        next = outcome.floor;
        pruned = true;
      } else {
        for (const { index } of outcome.entries) assert.equal(index, next++);
        if (next >= until) aborter.abort();
      }
    }
  }
}
