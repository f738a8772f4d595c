import assert from 'node:assert/strict';
import { maxBatchBytes } from '../log.js';
import type { OnNewStore, TestFramework } from './conformance.js';
import { batchOf, entriesOf, fill, namesOf, textOf } from './samples.js';

/** Append, read and prune, one step after another (L1-L5, L7). */
export function describeLog({ describe, it }: TestFramework, onNewStore: OnNewStore): void {
  describe('log', () => {
    it(
      'reads what was appended, in order, from any index',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        await fill(log, 'a', 0, 5);
        assert.deepEqual(namesOf(entriesOf(await log.read(0, 100))), [
          '0:a/0',
          '1:a/1',
          '2:a/2',
          '3:a/3',
          '4:a/4',
        ]);
        const page = await log.read(1, 2);
        assert.deepEqual(namesOf(entriesOf(page)), ['1:a/1', '2:a/2']);
        assert.equal(page.kind === 'entries' && page.next, 3);
        assert.equal(textOf(entriesOf(page)[0]!.batch.body), 'a/1');
      }),
    );

    it(
      'answers no entries at its end and beyond',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        assert.deepEqual(await log.read(0, 10), { kind: 'entries', entries: [], next: 0 });
        await fill(log, 'a', 0, 1);
        assert.deepEqual(await log.read(1, 10), { kind: 'entries', entries: [], next: 1 });
        assert.deepEqual(await log.read(7, 10), { kind: 'entries', entries: [], next: 7 });
      }),
    );

    it(
      'keeps bodies byte for byte, empty, binary and as large as allowed',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        const bodies = [
          new Uint8Array(),
          Uint8Array.from({ length: 256 }, (_, byte) => byte),
          new Uint8Array(maxBatchBytes).fill(0xa5),
        ];
        for (const [index, body] of bodies.entries()) {
          assert.deepEqual(await log.append(index, { writer: 'wörter', id: `№${index}`, body }), {
            kind: 'ok',
          });
        }
        const entries = entriesOf(await log.read(0, 10));
        assert.deepEqual(
          entries.map(({ batch }) => batch.body),
          bodies,
        );
        assert.deepEqual(namesOf(entries), ['0:wörter/№0', '1:wörter/№1', '2:wörter/№2']);
      }),
    );

    it(
      'refuses a body that is too large, and writes nothing of it',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        const body = new Uint8Array(maxBatchBytes + 1);
        const outcome = await log.append(0, { writer: 'a', id: '0', body });
        assert.deepEqual(outcome, { kind: 'too-large', limitBytes: maxBatchBytes });
        assert.deepEqual(entriesOf(await log.read(0, 10)), []);
      }),
    );

    it(
      'pages through more than fits into one answer, without holes',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        const body = new Uint8Array(maxBatchBytes);
        for (let index = 0; index < 12; index += 1)
          await log.append(index, { writer: 'a', id: `${index}`, body });
        const seen: number[] = [];
        for (let from = 0; from < 12;) {
          const page = await log.read(from, 12);
          assert.ok(entriesOf(page).length > 0);
          seen.push(...entriesOf(page).map(({ index }) => index));
          from = page.kind === 'entries' ? page.next : 12;
        }
        assert.deepEqual(
          seen,
          Array.from({ length: 12 }, (_, index) => index),
        );
        assert.ok(entriesOf(await log.read(0, 12)).length < 12, 'one answer held 6 MB');
      }),
    );

    it(
      'answers a conflict, naming who was first, and keeps what stands there (L2)',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        await log.append(0, batchOf('a', 'first'));
        const conflict = { kind: 'conflict', found: { writer: 'a', id: 'first' } };
        assert.deepEqual(await log.append(0, batchOf('b', 'first')), conflict);
        assert.deepEqual(await log.append(0, batchOf('a', 'second')), conflict);
        assert.deepEqual(namesOf(entriesOf(await log.read(0, 10))), ['0:a/first']);
      }),
    );

    it(
      'answers ok again to the same batch at the same index, which resolves doubt (L3)',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        await log.append(0, batchOf('a', 'x', 'as written first'));
        await fill(log, 'b', 1, 2);
        assert.deepEqual(await log.append(0, batchOf('a', 'x', 'as repeated')), { kind: 'ok' });
        const entries = entriesOf(await log.read(0, 10));
        assert.deepEqual(namesOf(entries), ['0:a/x', '1:b/1', '2:b/2']);
        assert.equal(textOf(entries[0]!.batch.body), 'as written first');
      }),
    );

    it(
      'has exactly one winner when several append at one index at once (L2)',
      onNewStore(async (openHandle) => {
        const stores = await Promise.all([openHandle(), openHandle(), openHandle()]);
        for (let index = 0; index < 20; index += 1) {
          const outcomes = await Promise.all(
            stores.map((store, at) => store.log('main').append(index, batchOf(`w${at}`, `${index}`))),
          );
          const winners = outcomes.flatMap((outcome, at) => (outcome.kind === 'ok' ? [at] : []));
          assert.equal(winners.length, 1, JSON.stringify(outcomes));
          const found = { writer: `w${winners[0]}`, id: `${index}` };
          for (const outcome of outcomes) {
            if (outcome.kind !== 'ok') assert.deepEqual(outcome, { kind: 'conflict', found });
          }
          const [entry] = entriesOf(await stores[0]!.log('main').read(index, 1));
          assert.equal(entry?.batch.writer, found.writer);
        }
      }),
    );

    it(
      'appends in the order of the calls when a writer does not wait for the answers',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        const calls = Array.from({ length: 50 }, (_, index) => log.append(index, batchOf('a', `${index}`)));
        for (const outcome of await Promise.all(calls)) assert.deepEqual(outcome, { kind: 'ok' });
        assert.equal(entriesOf(await log.read(0, 100)).length, 50);
      }),
    );

    it(
      'answers a gap to whoever skips an index, and writes nothing',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        await fill(log, 'a', 0, 2);
        assert.deepEqual(await log.append(3, batchOf('a', '3')), { kind: 'gap', next: 2 });
        assert.equal(entriesOf(await log.read(0, 10)).length, 2);
        await fill(log, 'a', 2, 1);
      }),
    );

    it(
      'keeps the logs of namespaces apart, also where one name begins with another',
      onNewStore(async (openHandle) => {
        const store = await openHandle();
        await fill(store.log('east'), 'a', 0, 3);
        await fill(store.log('east-2'), 'b', 0, 1);
        await store.log('east').prune({ before: 2, snapshot: 's', expectedVersion: 0 });
        assert.deepEqual(namesOf(entriesOf(await store.log('east').read(2, 10))), ['2:a/2']);
        assert.deepEqual(namesOf(entriesOf(await store.log('east-2').read(0, 10))), ['0:b/0']);
        assert.deepEqual(await store.log('east-2').pointer(), { floor: 0, snapshot: null, version: 0 });
        assert.deepEqual(entriesOf(await store.log('eas').read(0, 10)), []);
      }),
    );
  });

  describe('pruning', () => {
    it(
      'moves the pointer, and answers pruned below the floor, to reading and appending alike (L2, L5)',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        await fill(log, 'a', 0, 6);
        const { version } = await log.pointer();
        const outcome = await log.prune({ before: 4, snapshot: 'snapshots/4', expectedVersion: version });
        assert.equal(outcome.kind, 'ok');
        const pointer = await log.pointer();
        assert.deepEqual({ ...pointer, version: 0 }, { floor: 4, snapshot: 'snapshots/4', version: 0 });
        assert.equal(outcome.kind === 'ok' && outcome.version, pointer.version);
        assert.notEqual(pointer.version, version);
        for (const index of [0, 3]) {
          assert.deepEqual(await log.read(index, 10), { kind: 'pruned', floor: 4, snapshot: 'snapshots/4' });
          assert.deepEqual(await log.append(index, batchOf('b', 'late')), { kind: 'pruned', floor: 4 });
        }
        assert.deepEqual(namesOf(entriesOf(await log.read(4, 10))), ['4:a/4', '5:a/5']);
        await fill(log, 'a', 6, 1);
      }),
    );

    it(
      'answers pruned, not ok, to the repeat of a batch that was in the log and went with it (L2)',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        await fill(log, 'a', 0, 3);
        await log.prune({ before: 2, snapshot: 's', expectedVersion: 0 });
        assert.deepEqual(await log.append(0, batchOf('a', '0')), { kind: 'pruned', floor: 2 });
        assert.deepEqual(await log.append(2, batchOf('a', '2')), { kind: 'ok' });
      }),
    );

    it(
      'goes on at the same index after everything was pruned',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        await fill(log, 'a', 0, 3);
        await log.prune({ before: 3, snapshot: 's', expectedVersion: 0 });
        assert.deepEqual(await log.read(3, 10), { kind: 'entries', entries: [], next: 3 });
        assert.deepEqual(await log.append(4, batchOf('a', '4')), { kind: 'gap', next: 3 });
        await fill(log, 'a', 3, 2);
        assert.deepEqual(namesOf(entriesOf(await log.read(3, 10))), ['3:a/3', '4:a/4']);
      }),
    );

    it(
      'moves the pointer for one of several at once, and tells the others where it is (L5)',
      onNewStore(async (openHandle) => {
        const logs = (await Promise.all([openHandle(), openHandle()])).map((store) => store.log('main'));
        await fill(logs[0]!, 'a', 0, 6);
        const outcomes = await Promise.all(
          logs.map((log, at) => log.prune({ before: 3 + at, snapshot: `s${at}`, expectedVersion: 0 })),
        );
        const winner = outcomes.findIndex((outcome) => outcome.kind === 'ok');
        const pointer = await logs[0]!.pointer();
        assert.equal(pointer.snapshot, `s${winner}`);
        assert.deepEqual(outcomes[1 - winner], { kind: 'conflict', pointer });
      }),
    );

    it(
      'never moves the floor back, nor beyond the end of the log',
      onNewStore(async (openHandle) => {
        const log = (await openHandle()).log('main');
        await fill(log, 'a', 0, 4);
        await log.prune({ before: 3, snapshot: 's3', expectedVersion: 0 });
        const pointer = await log.pointer();
        const { version } = pointer;
        const back = await log.prune({ before: 2, snapshot: 's2', expectedVersion: version });
        assert.deepEqual(back, { kind: 'conflict', pointer });
        const beyond = await log.prune({ before: 5, snapshot: 's5', expectedVersion: version });
        assert.deepEqual(beyond, { kind: 'gap', next: 4 });
        assert.deepEqual(await log.pointer(), pointer);
      }),
    );
  });
}
