/** What a crash or damage leaves of the write-ahead log, at every byte of its last record. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LogEntry, StoreError, openStore } from '@pogo/store';
import fastCheck from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { newMemoryDirectory } from './directories.js';

const blockBytes = 32 * 1024;
/** Bytes that LevelDB puts around the body of entry 0 … 9 of the log `main`, and of what comes with it. */
const overheadBytes = 100;
const lastBodyBytes = 200;
/** The last record begins shortly before the end of a block, and goes on in the next one. */
const bodies = [10, 3_000, 30_000, 70_000, 5].map(body);
const beforeLast =
  bodies.reduce((sum, { byteLength }) => sum + byteLength, 0) + overheadBytes * bodies.length;
bodies.push(body(4 * blockBytes - beforeLast - 2 * overheadBytes, bodies.length));
bodies.push(body(lastBodyBytes, bodies.length));

function body(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * at * (seed + 3)) >>> 5);
}

/** A store whose entries are all in its write-ahead log, as a crash would leave it. */
let parent: string;
let template: string;
let logName: string;
let intact: Uint8Array;
/** How long the log was before the last append. */
let lastAt: number;
/** The file ACKNOWLEDGED before the last append was answered, and after. */
let acknowledged: { before: Uint8Array; after: Uint8Array };

beforeAll(async () => {
  parent = await newMemoryDirectory();
  const living = join(parent, 'living');
  template = join(parent, 'template');
  const store = await openStore(`embedded:${living}`);
  const append = async (index: number) => {
    const batch = { writer: 'w', id: `${index}`, body: bodies[index]! };
    assert.equal((await store.log('main').append(index, batch)).kind, 'ok');
  };
  for (let index = 0; index < bodies.length - 1; index += 1) await append(index);
  const name = (await readdir(join(living, 'level'))).find((file) => file.endsWith('.log'));
  assert.ok(name !== undefined);
  logName = join('level', name);
  lastAt = (await readFile(join(living, logName))).byteLength;
  const before = await readFile(join(living, 'ACKNOWLEDGED'));
  await append(bodies.length - 1);
  acknowledged = { before, after: await readFile(join(living, 'ACKNOWLEDGED')) };
  await cp(living, template, { recursive: true });
  await store.close();
  intact = await readFile(join(template, logName));
});

afterAll(() => rm(parent, { recursive: true }));

describe('an embedded store after a crash or damage to its write-ahead log', () => {
  it('has every entry when nothing was damaged', async () => {
    assert.deepEqual(await openWith(intact, acknowledged.after), bodies);
    const lastBlock = Math.floor((intact.byteLength - 1) / blockBytes);
    assert.equal(
      Math.floor(lastAt / blockBytes),
      lastBlock - 1,
      'the last record lies across the end of a block',
    );
  });

  it('opens whatever is missing of a write that was never answered, at each of its bytes, with all before it', async () => {
    for (let length = lastAt; length < intact.byteLength; length += 1) {
      const torn = intact.slice(0, length);
      assert.deepEqual(await openWith(torn, acknowledged.before), bodies.slice(0, -1), `cut at ${length}`);
    }
    // As a disk may leave it: the length is there, the last pages aren't.
    for (let length = lastAt; length < intact.byteLength - 1; length += 17) {
      const zeros = Buffer.concat([intact.slice(0, length), new Uint8Array(intact.byteLength - length)]);
      assert.deepEqual(
        await openWith(zeros, acknowledged.before),
        bodies.slice(0, -1),
        `zeros from ${length}`,
      );
    }
    assert.deepEqual(await openWith(intact, acknowledged.before), bodies, 'whole, and not yet answered');
  });

  it('is refused when any byte is missing of a write that was answered', async () => {
    for (let length = lastAt; length < intact.byteLength; length += 1)
      assert.equal(
        await openWith(intact.slice(0, length), acknowledged.after),
        'store-corrupt',
        `cut at ${length}`,
      );
  });

  it('opens after truncation anywhere, by a power cut that took ACKNOWLEDGED too, with the entries before it', () =>
    fastCheck.assert(
      fastCheck.asyncProperty(fastCheck.nat({ max: intact.byteLength }), async (length) => {
        const found = await openWith(intact.slice(0, length), new Uint8Array());
        assert.ok(found !== 'store-corrupt');
        assert.deepEqual(found, bodies.slice(0, found.length));
      }),
      { numRuns: 40, examples: [[blockBytes - 1], [blockBytes], [blockBytes + 1], [2 * blockBytes + 7]] },
    ));

  it('is refused when a bit has changed anywhere in what was answered', () =>
    fastCheck.assert(
      fastCheck.asyncProperty(
        fastCheck.nat({ max: intact.byteLength - 1 }),
        fastCheck.nat({ max: 7 }),
        async (at, bit) => {
          const damaged = intact.slice();
          damaged[at] = damaged[at]! ^ (1 << bit);
          const found = await openWith(damaged, acknowledged.after);
          // The few bytes behind the last record of a block belong to nobody.
          if (found !== 'store-corrupt') assert.deepEqual(found, bodies);
          if (found !== 'store-corrupt') assert.ok(at % blockBytes > blockBytes - 7, `byte ${at}`);
        },
      ),
      {
        numRuns: 60,
        examples: [
          [0, 0],
          [4, 3],
          [5, 7],
          [6, 0],
          [32_768, 1],
          [32_773, 6],
          ...[0, 4, 5, 6, 7, 150].map((offset): [number, number] => [lastAt + offset, 5]),
        ],
      },
    ));

  it('is refused when a stretch of it was lost', async () => {
    for (const [from, to] of [
      [0, 500],
      [100, 40_000],
      [32_768, 65_536],
      [3_000, 3_007],
      [lastAt, intact.byteLength],
    ] as const) {
      const damaged = intact.slice();
      damaged.fill(0, from, to);
      assert.equal(await openWith(damaged, acknowledged.after), 'store-corrupt', `${from} to ${to}`);
    }
  });
});

/** The bodies found in a copy of the store with these files, or the code of the error. */
async function openWith(log: Uint8Array, answered: Uint8Array): Promise<Uint8Array[] | string> {
  const directory = await mkdtemp(join(parent, 'copy-'));
  await cp(template, directory, { recursive: true });
  await writeFile(join(directory, logName), log);
  await writeFile(join(directory, 'ACKNOWLEDGED'), answered);
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
