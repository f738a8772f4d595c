import assert from 'node:assert/strict';
import type { Store } from '../store.js';
import type { OnNewStore, TestFramework } from './conformance.js';
import { batchOf, bytesOf, entriesOf, fill, namesOf } from './samples.js';

const closedError = { name: 'StoreError', code: 'store-closed' };

/** Handles: what they share, and what closing one ends. */
export function describeHandles({ describe, it }: TestFramework, onNewStore: OnNewStore): void {
  describe('handles', () => {
    it(
      'see each other’s writes as soon as these are answered',
      onNewStore(async (openHandle) => {
        const [one, other] = await Promise.all([openHandle(), openHandle()]);
        await fill(one.log('main'), 'one', 0, 1);
        await fill(other.log('main'), 'other', 1, 1);
        assert.deepEqual(namesOf(entriesOf(await one.log('main').read(0, 10))), ['0:one/0', '1:other/1']);
        for (const [writer, reader, key] of [
          [one, other, 'key/1'],
          [other, one, 'key/2'],
        ] as const) {
          await writer.documents.put(key, bytesOf('value'), null);
          assert.deepEqual((await reader.documents.get(key))?.value, bytesOf('value'));
          await writer.documents.put(key, bytesOf('new'), 'any');
          assert.ok((await reader.documents.list('key/')).some((listed) => listed.key === key));
          assert.deepEqual((await reader.documents.get(key))?.value, bytesOf('new'));
        }
      }),
    );

    it(
      'end their followers, watchers and campaigns when closed, and leave those of others alone',
      onNewStore(async (openHandle) => {
        const [closing, staying] = await Promise.all([openHandle(), openHandle()]);
        const never = new AbortController().signal;
        await staying.leadership.campaign('main', never);
        const following = closing.log('main').follow(0, never)[Symbol.asyncIterator]().next();
        const watching = closing.documents.watch('a/', never)[Symbol.asyncIterator]();
        await watching.next();
        const changed = watching.next();
        const campaign = closing.leadership.campaign('main', never);
        const others = staying.log('main').follow(0, never)[Symbol.asyncIterator]();
        const seen = others.next();
        await Promise.all([closing.close(), closing.close()]);
        assert.equal((await following).done, true);
        assert.equal((await changed).done, true);
        assert.equal(await campaign, undefined);
        await fill(staying.log('main'), 'w', 0, 1);
        assert.equal(entriesOf((await seen).value).length, 1);
        await others.return?.();
      }),
    );

    it(
      'answer writes that were under way before close resolves',
      onNewStore(async (openHandle) => {
        const [closing, staying] = await Promise.all([openHandle(), openHandle()]);
        let answered = false;
        const appending = closing.log('main').append(0, batchOf('w', '0'));
        void appending.then(() => (answered = true));
        await closing.close();
        assert.equal(answered, true);
        assert.deepEqual(await appending, { kind: 'ok' });
        assert.equal(entriesOf(await staying.log('main').read(0, 1)).length, 1);
      }),
    );

    it(
      'refuse everything but a description once they are closed',
      onNewStore(async (openHandle) => {
        const store = await openHandle();
        const log = store.log('main');
        await store.close();
        const uses: ((from: Store) => Promise<unknown>)[] = [
          () => log.append(0, batchOf('w', '0')),
          () => log.read(0, 1),
          () => log.pointer(),
          () => log.prune({ before: 0, snapshot: 's', expectedVersion: 0 }),
          ({ documents }) => documents.get('a'),
          ({ documents }) => documents.put('a', bytesOf('a'), 'any'),
          ({ documents }) => documents.delete('a', 'any'),
          ({ documents }) => documents.list(''),
          ({ leadership }) => leadership.campaign('main', new AbortController().signal),
        ];
        for (const use of uses) await assert.rejects(use(store), closedError);
        assert.match(store.describe().driver, /^[a-z]+$/);
      }),
    );

    it(
      'refuse indices, namespaces and names that no log has, as the bug of their caller',
      onNewStore(async (openHandle) => {
        const store = await openHandle();
        const log = store.log('main');
        for (const index of [-1, 0.5, Number.NaN, 2 ** 53]) {
          await assert.rejects(async () => log.append(index, batchOf('w', '0')), RangeError);
          await assert.rejects(async () => log.read(index, 1), RangeError);
        }
        await assert.rejects(async () => log.read(0, 0), RangeError);
        for (const name of ['', 'x'.repeat(257)]) {
          await assert.rejects(async () => log.append(0, batchOf(name, '0')), RangeError);
          await assert.rejects(async () => log.append(0, batchOf('w', name)), RangeError);
        }
        const longest = '\u{10ffff}'.repeat(128);
        assert.deepEqual(await log.append(0, batchOf(longest, longest)), { kind: 'ok' });
        assert.deepEqual(namesOf(entriesOf(await log.read(0, 1))), [`0:${longest}/${longest}`]);
        for (const namespace of ['', 'a/b', '..', 'ä']) assert.throws(() => store.log(namespace), RangeError);
      }),
    );
  });
}
