import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { MemoryBacking, StoreError, openStore } from '@pogo/store';
import { describe, it } from 'vitest';
import { inNewDirectory } from './directories.js';

describe('opening a store by URL', () => {
  it('gives a new, empty store in memory each time', async () => {
    const [one, other] = await Promise.all([openStore('memory:'), openStore('memory:')]);
    assert.deepEqual(one.describe(), { driver: 'memory', location: 'memory:', formatVersion: 1 });
    await one.documents.put('key', new Uint8Array(), null);
    assert.equal(await other.documents.get('key'), undefined);
    await Promise.all([one.close(), other.close()]);
  });

  it('gives the embedded store of a directory', () =>
    inNewDirectory(async (directory) => {
      const store = await openStore(`embedded:${directory}`);
      assert.deepEqual(store.describe(), {
        driver: 'embedded',
        location: resolve(directory),
        formatVersion: 1,
      });
      await store.close();
    }));

  it('says what it can’t open, and what to use instead', async () => {
    const cases: [string, RegExp][] = [
      ['redis://somewhere', /no store driver called "redis"/],
      ['', /no store driver called ""/],
      ['/var/lib/pogo', /no store driver called "\/var\/lib\/pogo"/],
      ['embedded:', /embedded: needs a directory/],
      ['memory:shared', /memory: takes no location/],
    ];
    for (const [url, cause] of cases) {
      await assert.rejects(openStore(url), (error) => {
        assert.ok(error instanceof StoreError);
        assert.equal(error.code, 'store-unsupported');
        assert.match(error.message, cause);
        assert.match(
          error.message,
          /Use memory:, embedded:DIRECTORY or zookeeper:\/\/HOST:PORT,…\/CHROOT\.$/,
        );
        return true;
      });
    }
  });
});

describe('a lease of the memory store', () => {
  it('is lost when it expires, and the next candidate has its turn', async () => {
    const backing = new MemoryBacking();
    const [one, other] = [backing.openHandle(), backing.openHandle()];
    const never = new AbortController().signal;
    const lease = await one.leadership.campaign('main', never);
    const next = other.leadership.campaign('main', never);
    backing.expireLease('main');
    assert.ok(lease?.lost.aborted);
    const successor = await next;
    assert.ok(successor !== undefined && !successor.lost.aborted);
    await lease.resign();
    assert.ok(!successor.lost.aborted);
    await Promise.all([one.close(), other.close()]);
    assert.ok(successor.lost.aborted);
  });
});
