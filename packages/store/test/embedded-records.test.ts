import assert from 'node:assert/strict';
import { join } from 'node:path';
import { openStore } from '@pogo/store';
import { ClassicLevel } from 'classic-level';
import { describe, it } from 'vitest';
import { inNewDirectory } from './directories.js';

const entryKey = (index: number) => `log/main/${String(index).padStart(16, '0')}`;

describe('what an embedded store keeps in its database', () => {
  it('no longer has the entries below the floor, once pruning was answered', () =>
    inNewDirectory(async (directory) => {
      await makeStore(directory, { entries: 300, before: 290 });
      await inDatabase(directory, async (database) => {
        const keys = await database.keys({ gte: 'log/', lt: 'log0' }).all();
        assert.deepEqual(
          keys,
          Array.from({ length: 10 }, (_, at) => entryKey(290 + at)),
        );
      });
    }));

  it('is swept at the next start when a crash came between the pointer and the deletion (L5)', () =>
    inNewDirectory(async (directory) => {
      await makeStore(directory, { entries: 8, before: 5 });
      await inDatabase(directory, async (database) => {
        // As good as any: whatever stands below the floor counts as gone.
        const record = await database.get(entryKey(6));
        for (const index of [1, 2, 4]) await database.put(entryKey(index), record!);
      });
      const store = await openStore(`embedded:${directory}`);
      const log = store.log('main');
      assert.deepEqual(await log.read(4, 9), { kind: 'pruned', floor: 5, snapshot: 's5' });
      const late = { writer: 'w', id: '4', body: new Uint8Array() };
      assert.deepEqual(await log.append(4, late), { kind: 'pruned', floor: 5 });
      await store.close();
      await inDatabase(directory, async (database) => {
        assert.deepEqual(await database.keys({ gte: 'log/', lt: 'log0' }).all(), [5, 6, 7].map(entryKey));
      });
    }));

  it('goes on behind the floor when every entry was pruned before the restart', () =>
    inNewDirectory(async (directory) => {
      await makeStore(directory, { entries: 4, before: 4 });
      const store = await openStore(`embedded:${directory}`);
      const batch = { writer: 'w', id: '4', body: new Uint8Array() };
      assert.deepEqual(await store.log('main').append(5, batch), { kind: 'gap', next: 4 });
      assert.deepEqual(await store.log('main').append(4, batch), { kind: 'ok' });
      await store.close();
    }));

  it('is not given out with a hole, nor with an entry in the place of another', () =>
    inNewDirectory(async (directory) => {
      await makeStore(directory, { entries: 6, before: 0 });
      let taken: Uint8Array | undefined;
      await inDatabase(directory, async (database) => {
        taken = await database.get(entryKey(3));
        await database.del(entryKey(3));
      });
      const corrupt = { name: 'StoreError', code: 'store-corrupt' };
      for (const from of [0, 3]) {
        const store = await openStore(`embedded:${directory}`);
        const message = /entry 3 of the log main is missing\. Restore/;
        await assert.rejects(store.log('main').read(from, 9), { ...corrupt, message });
        await assert.rejects(
          store.log('main').append(3, { writer: 'w', id: '3', body: new Uint8Array() }),
          corrupt,
        );
        await store.close();
      }
      await inDatabase(directory, async (database) => {
        await database.put(entryKey(3), taken!);
        await database.put(entryKey(2), taken!);
      });
      const store = await openStore(`embedded:${directory}`);
      await assert.rejects(store.log('main').read(0, 9), corrupt);
      const rest = await store.log('main').read(3, 9);
      assert.equal(rest.kind === 'entries' && rest.entries.length, 3);
      await store.close();
    }));
});

async function makeStore(
  directory: string,
  { entries, before }: { entries: number; before: number },
): Promise<void> {
  const store = await openStore(`embedded:${directory}`);
  const log = store.log('main');
  const appends = Array.from({ length: entries }, (_, index) =>
    log.append(index, { writer: 'w', id: `${index}`, body: Uint8Array.of(index) }),
  );
  for (const outcome of await Promise.all(appends)) assert.equal(outcome.kind, 'ok');
  if (before > 0) {
    assert.equal((await log.prune({ before, snapshot: `s${before}`, expectedVersion: 0 })).kind, 'ok');
  }
  await store.close();
}

async function inDatabase(
  directory: string,
  body: (database: ClassicLevel<string, Uint8Array>) => Promise<void>,
): Promise<void> {
  const encodings = { keyEncoding: 'utf8', valueEncoding: 'view' };
  const database = new ClassicLevel<string, Uint8Array>(join(directory, 'level'), encodings);
  try {
    await body(database);
  } finally {
    await database.close();
  }
}
