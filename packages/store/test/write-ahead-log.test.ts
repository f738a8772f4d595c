import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LogEntry, StoreError, openStore } from '@pogo/store';
import fastCheck from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';

const bodies = [10, 3_000, 30_000, 70_000, 5, 9_000].map((size, seed) =>
  Uint8Array.from({ length: size }, (_, at) => (at * at * (seed + 3)) >>> 5),
);
const lastRecordBytes = 9_000;

/** A store whose entries are all in its write-ahead log, as a crash would leave it. */
let parent: string;
let template: string;
let logName: string;
let intact: Uint8Array;

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'pogo-store-'));
  const living = join(parent, 'living');
  template = join(parent, 'template');
  const store = await openStore(`embedded:${living}`);
  for (const [index, body] of bodies.entries()) {
    assert.equal((await store.log('main').append(index, { writer: 'w', id: `${index}`, body })).kind, 'ok');
  }
  await cp(living, template, { recursive: true });
  await store.close();
  const name = (await readdir(join(template, 'level'))).find((file) => file.endsWith('.log'));
  assert.ok(name !== undefined);
  logName = join('level', name);
  intact = await readFile(join(template, logName));
});

afterAll(() => rm(parent, { recursive: true }));

describe('an embedded store after a crash or damage to its write-ahead log', () => {
  it('has every entry when nothing was damaged', async () => {
    assert.deepEqual(await openWith(intact), bodies);
  });

  it('opens whatever part of the last write is missing, without that entry and with all before it', () =>
    fastCheck.assert(
      fastCheck.asyncProperty(
        fastCheck.nat({ max: lastRecordBytes }),
        fastCheck.boolean(),
        async (cut, zeros) => {
          const torn = intact.slice(0, intact.byteLength - 1 - cut);
          const log = zeros ? Buffer.concat([torn, new Uint8Array(cut + 1)]) : torn;
          assert.deepEqual(await openWith(log), bodies.slice(0, -1));
        },
      ),
      { numRuns: 20 },
    ));

  it('opens after truncation anywhere with the entries before it, unaltered', () =>
    fastCheck.assert(
      fastCheck.asyncProperty(fastCheck.nat({ max: intact.byteLength }), async (length) => {
        const found = await openWith(intact.slice(0, length));
        assert.ok(found !== 'store-corrupt');
        assert.deepEqual(found, bodies.slice(0, found.length));
      }),
      { numRuns: 20 },
    ));

  it('is refused when a bit has changed in what was acknowledged before the last write', () =>
    fastCheck.assert(
      fastCheck.asyncProperty(
        fastCheck.nat({ max: intact.byteLength - lastRecordBytes - 200 }),
        fastCheck.nat({ max: 7 }),
        async (at, bit) => {
          const damaged = intact.slice();
          damaged[at] = damaged[at]! ^ (1 << bit);
          assert.equal(await openWith(damaged), 'store-corrupt');
        },
      ),
      {
        numRuns: 40,
        examples: [
          [0, 0],
          [4, 3],
          [5, 7],
          [6, 0],
          [32_768, 1],
          [32_773, 6],
        ],
      },
    ));

  it('is refused when a stretch of it was lost', async () => {
    for (const [from, to] of [
      [0, 500],
      [100, 40_000],
      [32_768, 65_536],
      [3_000, 3_007],
    ] as const) {
      const damaged = intact.slice();
      damaged.fill(0, from, to);
      assert.equal(await openWith(damaged), 'store-corrupt', `${from} to ${to}`);
    }
  });
});

/** The bodies found in a copy of the store with this write-ahead log, or the code of the error. */
async function openWith(log: Uint8Array): Promise<Uint8Array[] | string> {
  const directory = await mkdtemp(join(parent, 'copy-'));
  await cp(template, directory, { recursive: true });
  await writeFile(join(directory, logName), log);
  try {
    const store = await openStore(`embedded:${directory}`);
    try {
      const page = await store.log('main').read(0, 100);
      assert.ok(page.kind === 'entries');
      return page.entries.map(({ batch }: LogEntry) => batch.body);
    } finally {
      await store.close();
    }
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  } finally {
    await rm(directory, { recursive: true });
  }
}
