import assert from 'node:assert/strict';
import { type DocumentSummary, type Documents, type PutOutcome, maxDocumentBytes } from '../documents.js';
import type { OnNewStore, TestFramework } from './conformance.js';
import { bytesOf, textOf } from './samples.js';

/** Versioned documents: compare-and-set, listing, watching. */
export function describeDocuments({ describe, it }: TestFramework, onNewStore: OnNewStore): void {
  describe('documents', () => {
    it(
      'reads what was put, byte for byte, and nothing where nothing is',
      onNewStore(async (openHandle) => {
        const { documents } = await openHandle();
        assert.equal(await documents.get('jobs/1'), undefined);
        for (const value of [new Uint8Array(), Uint8Array.from({ length: 256 }, (_, byte) => byte)]) {
          const version = await put(documents, 'jobs/1', value);
          assert.deepEqual(await documents.get('jobs/1'), { value, version });
        }
      }),
    );

    it(
      'takes a value as large as allowed and refuses one that is larger',
      onNewStore(async (openHandle) => {
        const { documents } = await openHandle();
        const value = new Uint8Array(maxDocumentBytes).fill(7);
        await put(documents, 'large', value);
        assert.deepEqual((await documents.get('large'))?.value, value);
        const outcome = await documents.put('larger', new Uint8Array(maxDocumentBytes + 1), 'any');
        assert.deepEqual(outcome, { kind: 'too-large', limitBytes: maxDocumentBytes });
        assert.equal(await documents.get('larger'), undefined);
      }),
    );

    it(
      'writes only on the version that the writer has seen',
      onNewStore(async (openHandle) => {
        const { documents } = await openHandle();
        const first = await put(documents, 'key', bytesOf('first'), null);
        assert.deepEqual(await documents.put('key', bytesOf('again'), null), {
          kind: 'conflict',
          version: first,
        });
        const second = await put(documents, 'key', bytesOf('second'), first);
        assert.notEqual(second, first);
        const stale = await documents.put('key', bytesOf('stale'), first);
        assert.deepEqual(stale, { kind: 'conflict', version: second });
        assert.equal(textOf((await documents.get('key'))!.value), 'second');
        const absent = await documents.put('other', bytesOf('x'), first);
        assert.deepEqual(absent, { kind: 'conflict', version: null });
        const third = await put(documents, 'key', bytesOf('third'), 'any');
        assert.deepEqual(await documents.get('key'), { value: bytesOf('third'), version: third });
      }),
    );

    it(
      'has exactly one winner when several write on one version at once',
      onNewStore(async (openHandle) => {
        const stores = await Promise.all([openHandle(), openHandle(), openHandle()]);
        let version: number | null = null;
        for (let round = 0; round < 10; round += 1) {
          const expected: number | null = version;
          const outcomes: PutOutcome[] = await Promise.all(
            stores.map(({ documents }, at) => documents.put('key', bytesOf(`${round}/${at}`), expected)),
          );
          const winners = outcomes.flatMap((outcome, at) => (outcome.kind === 'ok' ? [at] : []));
          assert.equal(winners.length, 1, JSON.stringify(outcomes));
          const found = (await stores[0]!.documents.get('key'))!;
          assert.equal(textOf(found.value), `${round}/${winners[0]}`);
          version = found.version;
          for (const outcome of outcomes) {
            if (outcome.kind !== 'ok') assert.deepEqual(outcome, { kind: 'conflict', version });
          }
        }
      }),
    );

    it(
      'deletes on the right version only, and never uses a version of a key again',
      onNewStore(async (openHandle) => {
        const { documents } = await openHandle();
        const first = await put(documents, 'key', bytesOf('first'), null);
        const second = await put(documents, 'key', bytesOf('second'), first);
        assert.deepEqual(await documents.delete('key', first), { kind: 'conflict', version: second });
        assert.deepEqual(await documents.delete('key', second), { kind: 'ok' });
        assert.equal(await documents.get('key'), undefined);
        assert.deepEqual(await documents.delete('key', 'any'), { kind: 'ok' });
        assert.deepEqual(await documents.delete('key', second), { kind: 'conflict', version: null });
        const third = await put(documents, 'key', bytesOf('third'), null);
        assert.ok(third !== first && third !== second, 'a version came back');
        const stale = await documents.put('key', bytesOf('stale'), second);
        assert.deepEqual(stale, { kind: 'conflict', version: third });
      }),
    );

    it(
      'lists what is below a prefix, at any depth, sorted, and nothing beside it',
      onNewStore(async (openHandle) => {
        const { documents } = await openHandle();
        const keys = ['jobs/2', 'jobs/1', 'jobs/1/spec', 'jobs', 'jobs-old/1', 'jobs0', 'keys/a'];
        for (const key of keys) await put(documents, key, bytesOf(key));
        assert.deepEqual(keysOf(await documents.list('jobs/')), ['jobs/1', 'jobs/1/spec', 'jobs/2']);
        assert.deepEqual(keysOf(await documents.list('')), keys.toSorted());
        assert.deepEqual(await documents.list('nothing/'), []);
        const [summary] = await documents.list('keys/');
        assert.equal(summary?.version, (await documents.get('keys/a'))?.version);
        await documents.delete('jobs/1', 'any');
        assert.deepEqual(keysOf(await documents.list('jobs/')), ['jobs/1/spec', 'jobs/2']);
      }),
    );

    it(
      'takes every key of the grammar and refuses others as the bug of their caller',
      onNewStore(async (openHandle) => {
        const { documents } = await openHandle();
        for (const key of ['a', 'A.b_c-d@e+f=g/0', '...', 'x'.repeat(256)]) {
          await put(documents, key, bytesOf(key));
          assert.equal(textOf((await documents.get(key))!.value), key);
        }
        for (const key of ['', '/', '/a', 'a/', 'a//b', '.', 'a/../b', 'a b', 'ä', 'a\0', 'x'.repeat(257)]) {
          await assert.rejects(async () => documents.get(key), RangeError, key);
          await assert.rejects(async () => documents.put(key, bytesOf(''), 'any'), RangeError, key);
        }
        await assert.rejects(async () => documents.list('a'), RangeError);
      }),
    );
  });

  describe('watching documents', () => {
    it(
      'shows the listing at once, and again after changes by another handle',
      onNewStore(async (openHandle) => {
        const [watcher, writer] = await Promise.all([openHandle(), openHandle()]);
        await put(writer.documents, 'ns/a', bytesOf('a'));
        const watching = watcher.documents.watch('ns/', new AbortController().signal)[Symbol.asyncIterator]();
        const shown = async () => keysOf((await watching.next()).value);
        assert.deepEqual(await shown(), ['ns/a']);

        let next = shown();
        await put(writer.documents, 'ns/b', bytesOf('b'));
        assert.deepEqual(await next, ['ns/a', 'ns/b']);

        const changed = watching.next();
        const version = await put(writer.documents, 'ns/a', bytesOf('a2'));
        const listing: DocumentSummary[] = (await changed).value;
        assert.deepEqual(listing[0], { key: 'ns/a', version });

        next = shown();
        await writer.documents.delete('ns/a', 'any');
        assert.deepEqual(await next, ['ns/b']);
        await watching.return?.();
      }),
    );

    it(
      'shows nothing new for changes elsewhere, and the last state to a slow consumer',
      onNewStore(async (openHandle) => {
        const { documents } = await openHandle();
        const watching = documents.watch('ns/', new AbortController().signal)[Symbol.asyncIterator]();
        assert.deepEqual((await watching.next()).value, []);
        const next = watching.next();
        await put(documents, 'other/a', bytesOf('a'));
        await put(documents, 'ns/a', bytesOf('a'));
        assert.deepEqual(keysOf((await next).value), ['ns/a']);
        let version = 0;
        for (let round = 0; round < 100; round += 1)
          version = await put(documents, 'ns/a', bytesOf(`${round}`));
        assert.deepEqual((await watching.next()).value, [{ key: 'ns/a', version }]);
        await watching.return?.();
      }),
    );

    it(
      'ends without an error when its signal aborts',
      onNewStore(async (openHandle) => {
        const { documents } = await openHandle();
        const aborter = new AbortController();
        const watching = documents.watch('', aborter.signal)[Symbol.asyncIterator]();
        await watching.next();
        const waiting = watching.next();
        aborter.abort();
        assert.equal((await waiting).done, true);
      }),
    );
  });
}

/** Puts, and returns the new version. */
async function put(
  documents: Documents,
  key: string,
  value: Uint8Array,
  expected: number | null | 'any' = 'any',
): Promise<number> {
  const outcome = await documents.put(key, value, expected);
  assert.equal(outcome.kind, 'ok', JSON.stringify(outcome));
  return outcome.kind === 'ok' ? outcome.version : 0;
}

function keysOf(listing: readonly DocumentSummary[]): string[] {
  return listing.map(({ key }) => key);
}
