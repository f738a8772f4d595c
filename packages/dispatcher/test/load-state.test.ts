import { createState, snapshotState } from '@pogo/core';
import { type Documents, type Log, MemoryBacking, putLarge } from '@pogo/store';
import { expect, it } from 'vitest';
import { loadState } from '../src/leader/load-state.js';
import { referredIn } from './support/leader.js';

const folder = 'snapshots/';
const sourcesIn = (documents: Documents) => ({ documents, referred: referredIn(documents), firstJob: 1 });

/** A log with one batch below a snapshot whose state has that term. */
async function storeWithSnapshot(term: number): Promise<{ log: Log; documents: Documents; digest: string }> {
  const store = new MemoryBacking().openHandle();
  const log = store.log('default');
  for (const index of [0, 1]) {
    const body = Buffer.from(JSON.stringify({ version: 1, index, atMs: 1, entries: [] }));
    await log.append(index, { writer: 'd', id: String(index), body });
  }
  const digest = await write(store.documents, term);
  await log.prune({ before: 1, snapshot: digest, expectedVersion: 0 });
  return { log, documents: store.documents, digest };
}

async function write(documents: Documents, term: number): Promise<string> {
  const value = Buffer.from(JSON.stringify(snapshotState({ ...createState(), term, nextIndex: 1 })));
  const { digest } = await putLarge(documents, { folder, value, uniqueName: `u${term}` });
  return digest;
}

it('loads the newer snapshot when another leader replaces the one that it was about to read', async () => {
  const { log, documents, digest } = await storeWithSnapshot(0);
  let isReplaced = false;
  const racing: Documents = {
    ...documents,
    get: async (key) => {
      if (!isReplaced && key.endsWith(digest)) {
        isReplaced = true;
        const newer = await write(documents, 7);
        await log.prune({ before: 1, snapshot: newer, expectedVersion: 1 });
        await documents.delete(key, 'any');
      }
      return documents.get(key);
    },
  };
  expect((await loadState(log, sourcesIn(racing))).term).toBe(7);
});

it('says that the store is damaged when the snapshot that the log points to is missing for good', async () => {
  const { log, documents, digest } = await storeWithSnapshot(0);
  await documents.delete(`${folder}${digest}`, 'any');
  await expect(loadState(log, sourcesIn(documents))).rejects.toMatchObject({
    code: 'store-corrupt',
  });
});
