import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Store, openStore } from '@pogo/store';
import { systemClock } from '@pogo/lifecycle';
import { type ZooKeeperEnsemble, type ZooKeeperServer, startZooKeeper } from '@pogo/testkit';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { Session } from '../src/drivers/zookeeper/session.js';
import { inNewDirectory } from './directories.js';
import { newChroot } from './zookeeper-fixture.js';

let ensemble: ZooKeeperEnsemble;
beforeAll(async () => {
  ensemble = await startZooKeeper();
}, 150_000);
afterAll(() => ensemble.stop());

/** Somebody else on the same ensemble, without credentials. */
async function asStranger<T>(body: (session: Session) => Promise<T>): Promise<T> {
  const [{ clientPort }] = ensemble.servers as [ZooKeeperServer];
  const session = await Session.open(
    {
      addresses: [{ host: '127.0.0.1', port: clientPort }],
      servers: ensemble.addresses,
      sessionTimeoutMs: 4_000,
      callTimeoutMs: 10_000,
      digest: undefined,
      clock: systemClock,
      random: () => 0,
    },
    10_000,
    new AbortController().signal,
  );
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}

async function withStore(url: string, body: (store: Store) => Promise<void>): Promise<void> {
  const store = await openStore(`zookeeper://${ensemble.addresses}${url}`);
  try {
    await body(store);
  } finally {
    await store.close();
  }
}

const batch = (id: string) => ({ writer: 'w', id, body: new Uint8Array([1]) });

describe('what a ZooKeeper store keeps', () => {
  it('is one node for each entry from the floor on: a late writer leaves no stray in the hole that pruning left', async () => {
    const chroot = newChroot();
    await withStore(chroot, async (store) => {
      const log = store.log('main');
      for (const id of ['0', '1', '2', '3']) await log.append(Number(id), batch(id));
      await log.prune({ before: 3, snapshot: 's', expectedVersion: 0 });
      assert.deepEqual(await log.append(1, batch('late')), { kind: 'pruned', floor: 3 });
      const names = await asStranger((session) => session.children(`${chroot}/log/main/entries`));
      assert.deepEqual(names, ['0000000000000003']);
    });
  });

  it('belongs to the holders of the digest alone, and says so to others that come with another', () =>
    inNewDirectory(async (directory) => {
      const chroot = newChroot();
      const [ours, theirs] = [join(directory, 'ours'), join(directory, 'theirs')];
      await writeFile(ours, 'pogo:one-password\n', { mode: 0o600 });
      await writeFile(theirs, 'pogo:another-password\n', { mode: 0o600 });
      await withStore(`${chroot}?digestFile=${ours}`, async (store) => {
        assert.deepEqual(await store.log('main').append(0, batch('0')), { kind: 'ok' });
        await store.documents.put('jobs/1', new Uint8Array([1]), null);
        assert.ok((await store.leadership.campaign('main', new AbortController().signal)) !== undefined);
      });
      const [entry, document] = [
        `${chroot}/log/main/entries/0000000000000000`,
        `${chroot}/documents/jobs/1~`,
      ];
      await asStranger(async (session) => {
        const nothing = new Uint8Array();
        const attempts: Promise<unknown>[] = [];
        for (const path of [`${chroot}/log`, `${chroot}/documents`, `${chroot}/leadership`])
          attempts.push(session.children(path), session.create(`${path}/stranger`, nothing));
        for (const path of [entry, document, `${chroot}/log/main/pointer`, `${chroot}/format`])
          attempts.push(session.read(path), session.set(path, nothing, -1), session.delete(path, -1));
        for (const attempt of attempts)
          await assert.rejects(attempt, { name: 'StoreError', code: 'store-refused' });
      });
      await assert.rejects(openStore(`zookeeper://${ensemble.addresses}${chroot}?digestFile=${theirs}`), {
        name: 'StoreError',
        code: 'store-refused',
      });
      await withStore(`${chroot}?digestFile=${ours}`, async (store) => {
        const read = await store.log('main').read(0, 10);
        assert.equal(read.kind === 'entries' && read.entries.length, 1);
      });
    }));

  it('is refused when someone without the store key wrote it, altered it or put it elsewhere', () =>
    inNewDirectory(async (directory) => {
      const chroot = newChroot();
      const key = join(directory, 'key');
      await writeFile(key, 'a-long-random-text\n', { mode: 0o600 });
      const corrupt = { name: 'StoreError', code: 'store-corrupt' };
      await withStore(`${chroot}?storeKeyFile=${key}`, async (store) => {
        const log = store.log('main');
        await log.append(0, batch('0'));
        await log.append(1, batch('1'));
        await store.documents.put('key', new Uint8Array([1, 2, 3]), null);
        await asStranger(async (session) => {
          const path = (index: number) => `${chroot}/log/main/entries/${String(index).padStart(16, '0')}`;
          const first = await session.read(path(0));
          await session.set(path(1), first?.data ?? new Uint8Array(), -1);
          const document = await session.read(`${chroot}/documents/key~`);
          const altered = Uint8Array.from(document?.data ?? []);
          altered[altered.byteLength - 1]! ^= 1;
          await session.set(`${chroot}/documents/key~`, altered, -1);
        });
        await assert.rejects(log.read(0, 10), corrupt);
        await assert.rejects(store.documents.get('key'), corrupt);
      });
      await withStore(chroot, (store) => assert.rejects(store.log('main').read(0, 1), corrupt));
    }));
});
