import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Store, openStore } from '@pogo/store';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { StoreUser, bundleStoreUser } from './children/start.js';
import { inNewDirectory } from './directories.js';
import { type FileEvent, syncsBetween, tracedEvents, tracer, unsyncedAnswers } from './system-calls.js';

const run = promisify(execFile);
let bundleDirectory: string;
let bundle: string;

beforeAll(async () => {
  bundleDirectory = await mkdtemp(join(tmpdir(), 'pogo-store-bundle-'));
  bundle = await bundleStoreUser(bundleDirectory);
});

afterAll(() => rm(bundleDirectory, { recursive: true }));

describe('the embedded store', () => {
  it('has everything again after it was closed and reopened', () =>
    inNewDirectory(async (parent) => {
      const url = `embedded:${join(parent, 'a', 'store')}`;
      const body = Uint8Array.of(1, 2, 3);
      const before = await openStore(url);
      for (let index = 0; index < 5; index += 1) {
        await before.log('main').append(index, { writer: 'w', id: `${index}`, body });
      }
      await before.log('main').prune({ before: 2, snapshot: 'snapshots/2', expectedVersion: 0 });
      const pointer = await before.log('main').pointer();
      await before.documents.put('kept', body, null);
      const deleted = await before.documents.put('deleted', body, null);
      await before.documents.delete('deleted', 'any');
      await before.close();

      const after = await openStore(url);
      assert.deepEqual(await after.log('main').pointer(), pointer);
      assert.deepEqual(await after.log('main').read(1, 9), {
        kind: 'pruned',
        floor: 2,
        snapshot: 'snapshots/2',
      });
      const page = await after.log('main').read(2, 9);
      assert.ok(page.kind === 'entries');
      assert.deepEqual(
        page.entries.map(({ index, batch }) => [index, batch]),
        [2, 3, 4].map((index) => [index, { writer: 'w', id: `${index}`, body }]),
      );
      assert.deepEqual(await after.log('main').append(5, { writer: 'w', id: '5', body }), { kind: 'ok' });
      assert.deepEqual((await after.documents.get('kept'))?.value, body);
      assert.equal(await after.documents.get('deleted'), undefined);
      const again = await after.documents.put('deleted', body, null);
      assert.ok(again.kind === 'ok' && deleted.kind === 'ok' && again.version > deleted.version);
      await after.close();
    }));

  it('has everything that was acknowledged before a kill -9', () =>
    inNewDirectory(async (directory) => {
      let killedAt = 0;
      for (const moment of [5, 60]) {
        const child = new StoreUser(bundle, { arguments: ['append', directory, '1000000'] });
        const lines: string[] = [];
        try {
          lines.push(...(await child.linesUntil(`ok ${killedAt + moment}`)));
          child.process.kill('SIGKILL');
          lines.push(...(await child.rest()));
        } finally {
          await child.kill();
        }
        const acknowledged = lines.length;
        const store = await openStore(`embedded:${directory}`);
        const count = await countEntries(store);
        await store.close();
        assert.ok(acknowledged > killedAt + moment);
        assert.ok(count >= acknowledged, `${acknowledged} were acknowledged, ${count} are there`);
        assert.ok(count <= Math.max(acknowledged, killedAt) + 1, 'more than one was in flight');
        killedAt = acknowledged;
      }
    }));

  it('answers an append only after what it wrote to the log was synced, each time', () =>
    inNewDirectory(async (directory) => {
      const events = await trace(directory, ['append', join(directory, 'store'), '25']);
      const answers = events.filter((event) => event.kind === 'said' && event.line.startsWith('ok '));
      assert.equal(answers.length, 25);
      assert.deepEqual(unsyncedAnswers(events), []);
    }));

  it('would be caught answering without a sync: a bare database that writes so is, at every answer', () =>
    inNewDirectory(async (directory) => {
      const events = await trace(directory, ['unsynced', join(directory, 'bare'), '10']);
      assert.deepEqual(
        unsyncedAnswers(events),
        Array.from({ length: 10 }, (_, index) => `ok ${index}: said before a sync`),
      );
    }));

  it('merges what gathers while a write is in flight into one sync', () =>
    inNewDirectory(async (directory) => {
      const events = await trace(directory, ['put', join(directory, 'store'), '200']);
      const syncs = syncsBetween(events, 'begin', 'end');
      // The put in flight, what gathered meanwhile, and the appends that follow those puts.
      assert.ok(syncs >= 2 && syncs <= 5, `${syncs} syncs for 401 writes`);
    }));

  it('goes on once no file may grow and then may again, with everything acknowledged', () =>
    inNewDirectory(async (parent) => {
      const directory = join(parent, 'store');
      const child = new StoreUser(bundle, { arguments: ['append', directory, '1000000'] });
      let acknowledged: number;
      const limitFileSize = (limit: string) =>
        run('prlimit', [`--pid=${child.process.pid}`, `--fsize=${limit}:`]);
      try {
        await child.linesUntil('ok 40');
        // From here on, no write to any file of the child succeeds.
        await limitFileSize('1');
        const doubt = (await child.linesUntil('doubt')).at(-1)!;
        const index = Number(doubt.split(' ')[1]);
        assert.ok(index > 40, doubt);
        assert.match(doubt, /store-unavailable the store in \S+ can't be read or written: .*space left$/);
        child.say('again');
        assert.match(await child.line(), new RegExp(`^doubt ${index} store-unavailable`));
        await limitFileSize('unlimited');
        child.say('again');
        assert.equal(await child.line(), `ok ${index}`);
        await child.linesUntil(`ok ${index + 30}`);
        acknowledged = index + 31;
      } finally {
        await child.kill();
      }
      const store = await openStore(`embedded:${directory}`);
      assert.ok((await countEntries(store)) >= acknowledged);
      await store.close();
    }));

  it('loses nothing when only part of a write reached the disk, and more was written afterwards', () =>
    inNewDirectory(async (parent) => {
      const directory = join(parent, 'store');
      const child = new StoreUser(bundle, { arguments: ['append', directory, '1000000'] });
      let acknowledged: number;
      try {
        // Each file may hold 50 000 bytes, so that a write is cut off in its middle; a new file has space again.
        await child.linesUntil('ok 2');
        await run('prlimit', [`--pid=${child.process.pid}`, '--fsize=50000:']);
        const doubt = (await child.linesUntil('doubt')).at(-1)!;
        const index = Number(doubt.split(' ')[1]);
        await run('prlimit', [`--pid=${child.process.pid}`, '--fsize=unlimited:']);
        child.say('again');
        await child.linesUntil(`ok ${index + 30}`);
        acknowledged = index + 31;
      } finally {
        await child.kill();
      }
      const store = await openStore(`embedded:${directory}`);
      assert.ok((await countEntries(store)) >= acknowledged);
      await store.close();
    }));
});

/** How many entries the log holds, without a hole; each must be the one that the child has written there. */
async function countEntries(store: Store): Promise<number> {
  let next = 0;
  for (;;) {
    const page = await store.log('main').read(next, 100);
    assert.ok(page.kind === 'entries');
    if (page.entries.length === 0) return next;
    for (const { index, batch } of page.entries) {
      assert.equal(index, next);
      assert.deepEqual([batch.writer, batch.id, batch.body.byteLength], ['child', `${index}`, 4096]);
      next += 1;
    }
  }
}

/** What a child did, in order, as strace saw it. */
async function trace(directory: string, childArguments: string[]): Promise<FileEvent[]> {
  const output = join(directory, 'trace');
  const child = new StoreUser(bundle, { arguments: childArguments, wrapper: await tracer(output) });
  try {
    await child.rest();
    await child.end();
  } finally {
    await child.kill();
  }
  assert.equal(child.process.exitCode, 0);
  return tracedEvents(output);
}
