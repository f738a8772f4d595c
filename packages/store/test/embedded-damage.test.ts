/**
 * Any damage to any file of a closed store: opened again it has exactly what was acknowledged, or it is refused with a
 * code, the directory and the next step. Never less, and never something else.
 */
import assert from 'node:assert/strict';
import { cp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Store, StoreError, openStore } from '@pogo/store';
import { type FuzzAnswer, fuzz, SeededRandom } from '@pogo/testkit';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { newMemoryDirectory } from './directories.js';

const cases = 1_000;
const seed = 3_040_001;

let parent: string;
let template: string;
/** Everything that was acknowledged, as text. */
let acknowledged: string;
/** Relative paths of all files, those of LevelDB's own diary left out. */
let files: string[];

beforeAll(async () => {
  parent = await newMemoryDirectory();
  template = join(parent, 'template');
  const random = new SeededRandom(seed);
  // Several openings, so that there are tables on two levels, and a manifest with more than one change.
  let next = 0;
  for (let session = 0; session < 6; session += 1) {
    const store = await openStore(`embedded:${template}`);
    for (let batch = 0; batch < 5; batch += 1) {
      const body = session % 2 === 0 ? random.bytes(1_200) : new Uint8Array(2_000).fill(session);
      assert.equal((await store.log('main').append(next, { writer: 'w', id: `${next}`, body })).kind, 'ok');
      assert.equal((await store.documents.put(`jobs/${next}`, random.bytes(300), null)).kind, 'ok');
      next += 1;
    }
    if (session === 3) await store.log('main').prune({ before: 4, snapshot: 's', expectedVersion: 0 });
    if (session === 4) await store.documents.delete('jobs/2', 'any');
    acknowledged = await contentOf(store);
    await store.close();
  }
  const names = await readdir(template, { recursive: true });
  files = [];
  for (const name of names.toSorted()) {
    if (!(await stat(join(template, name))).isFile()) continue;
    if (!/(^|\/)(LOG|LOG\.old|LOCK)$/.test(name)) files.push(name);
  }
});

afterAll(() => rm(parent, { recursive: true }));

interface Damage {
  file: string;
  kind: 'flip' | 'zeros' | 'noise' | 'cut' | 'removed' | 'moved';
  /** Fractions of the file's length. */
  at: number;
  length: number;
  seed: number;
}

function generate(random: SeededRandom): Damage {
  // Half of the cases are single bits: the hardest to notice.
  const kinds = [
    'flip',
    'flip',
    'flip',
    'flip',
    'flip',
    'zeros',
    'noise',
    'cut',
    'removed',
    'moved',
  ] as const;
  return {
    file: random.pick(files),
    kind: random.pick(kinds),
    at: random.below(1_000_000) / 1_000_000,
    length: random.pick([0.001, 0.01, 0.3]),
    seed: random.below(2 ** 31),
  };
}

async function damage(directory: string, { file, kind, at, length, seed: noise }: Damage): Promise<void> {
  const path = join(directory, file);
  if (kind === 'removed') return rm(path);
  const bytes = await readFile(path);
  const place = Math.floor(at * bytes.byteLength);
  const stretch = bytes.subarray(place, place + Math.ceil(length * bytes.byteLength));
  if (kind === 'flip') bytes[place] = bytes[place]! ^ (1 << (noise % 8));
  if (kind === 'zeros') stretch.fill(0);
  if (kind === 'noise') stretch.set(new SeededRandom(noise).bytes(stretch.byteLength));
  const cut =
    kind === 'moved' ? Buffer.concat([bytes.subarray(0, place), stretch, bytes.subarray(place)]) : bytes;
  await writeFile(path, kind === 'cut' ? bytes.subarray(0, place) : cut);
}

/** Accepted: everything is there. Rejected: the store was refused, as it should be. */
async function outcomeOf(what: Damage): Promise<FuzzAnswer> {
  const directory = join(parent, 'damaged');
  await cp(template, directory, { recursive: true });
  try {
    await damage(directory, what);
    const store = await openStore(`embedded:${directory}`);
    try {
      return (await contentOf(store)) === acknowledged ? 'accepted' : { fault: 'silently something else' };
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const isClear =
      error.message.includes(directory) &&
      /Restore the directory|use the newer|use an empty/.test(error.message);
    const code = ['store-corrupt', 'store-format-newer'].includes(error.code);
    return isClear && code ? 'rejected' : { fault: `${error.code}: ${error.message}` };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Pointer, entries and documents. */
async function contentOf(store: Store): Promise<string> {
  const pointer = await store.log('main').pointer();
  const page = await store.log('main').read(pointer.floor, 1_000);
  assert.ok(page.kind === 'entries');
  const entries = page.entries.map(({ index, batch }) => [
    index,
    batch.id,
    Buffer.from(batch.body).toString('base64'),
  ]);
  const summaries = await store.documents.list('');
  const documents = [];
  for (const { key, version } of summaries) {
    const found = await store.documents.get(key);
    documents.push([key, version, found?.version, found && Buffer.from(found.value).toString('base64')]);
  }
  return JSON.stringify({ pointer, entries, documents });
}

describe('an embedded store with a damaged file', () => {
  it('has files of every kind to damage', () => {
    const kinds = [/^ACKNOWLEDGED$/, /^FORMAT$/, /CURRENT$/, /MANIFEST-/, /\.log$/, /\.ldb$/];
    for (const kind of kinds)
      assert.ok(
        files.some((file) => kind.test(file)),
        `${kind} of ${files.join(' ')}`,
      );
  });

  it(`has everything that was acknowledged, or is refused, after each of ${cases} damages`, async () => {
    const report = await fuzz({ name: 'damage to a store', cases, seed, generate, check: outcomeOf });
    console.log(report.text);
    assert.ok(report.accepted > cases / 50, report.text);
    assert.ok(report.rejected > cases / 3, report.text);
  });

  it('is refused with the name of the file when it is one that can be named', async () => {
    for (const file of files) {
      if (file === 'ACKNOWLEDGED') continue;
      const directory = join(parent, 'named');
      await cp(template, directory, { recursive: true });
      const bytes = await readFile(join(directory, file));
      bytes[Math.floor(bytes.byteLength / 3)]! ^= 1;
      await writeFile(join(directory, file), bytes);
      await assert.rejects(openStore(`embedded:${directory}`), (error) => {
        assert.ok(error instanceof StoreError, String(error));
        assert.ok(error.message.includes(file.replace('level/', '')), error.message);
        return true;
      });
      await rm(directory, { recursive: true });
    }
  });

  it('is refused when a change at the end of a manifest is gone, and with it a whole log that it had made obsolete', async () => {
    const directory = join(parent, 'large');
    const store = await openStore(`embedded:${directory}`);
    const body = new SeededRandom(seed).bytes(256 * 1024);
    const level = join(directory, 'level');
    const name = (await readdir(level)).find((file) => file.startsWith('MANIFEST-'))!;
    const sizes = new Set<number>();
    // Until two logs have become tables, each a change in the manifest.
    for (let index = 0; sizes.size < 3 && index < 200; index += 1) {
      const outcome = await store.log('main').append(index, { writer: 'w', id: `${index}`, body });
      assert.equal(outcome.kind, 'ok');
      sizes.add((await stat(join(level, name))).size);
    }
    await store.close();
    const manifest = await readFile(join(level, name));
    const refused: string[] = [];
    for (let length = manifest.byteLength - 1; length > 0; length -= 7) {
      const copy = join(parent, 'shortened');
      await cp(directory, copy, { recursive: true });
      await writeFile(join(copy, 'level', name), manifest.subarray(0, length));
      await assert.rejects(openStore(`embedded:${copy}`), (error) => {
        assert.ok(error instanceof StoreError && error.code === 'store-corrupt', String(error));
        refused.push(error.message);
        return true;
      });
      await rm(copy, { recursive: true });
    }
    assert.ok(
      refused.some((message) => /names \d+\.log, which is not there/.test(message)),
      refused[0],
    );
    await rm(directory, { recursive: true });
  });
});
