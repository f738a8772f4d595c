/**
 * Looks at LevelDB's files before it opens them, since it passes over much of what may be wrong with them in silence.
 *
 * 1. A write-ahead log or manifest whose end is torn is what a crash leaves of a write that was never acknowledged: no error.
 * 2. Any other damage that LevelDB might not report is `store-corrupt`, with the file's name, and LevelDB doesn't get to see it.
 * 3. Whoever has the store open may change it meanwhile. That isn't damage, and shows when LevelDB locks the directory:
 *    missing tables are left to LevelDB, and another missing file counts only when what names it is still the same.
 *
 * A newest write-ahead log that is gone, or its end, shows in {@link CommitCount}.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { corrupt, storeErrorOf } from './level-errors.js';
import { damagedAt } from './log-records.js';
import { databaseFiles } from './manifest.js';
import { damagedTableAt } from './table-blocks.js';

export interface DatabasePlace {
  /** The store's directory, for messages. */
  directory: string;
  /** The database's own, within it. */
  location: string;
}

/** Rejects with `store-corrupt`. */
export async function checkWriteAheadLogs(place: DatabasePlace): Promise<void> {
  // What can't be listed, LevelDB can't open either, and says why.
  const names = await readdir(place.location).catch(() => []);
  for (const name of names) {
    if (!/^\d+\.log$/.test(name)) continue;
    const badAt = damagedAt((await contentOf(place, name)) ?? new Uint8Array());
    if (badAt !== undefined) throw corrupt(place.directory, `${name} ${goodOnesAfter(badAt)}`);
  }
}

/** CURRENT, the manifest that it names, and every file that makes up the database. Rejects with `store-corrupt`. */
export async function checkTables(place: DatabasePlace): Promise<void> {
  const current = await contentOf(place, 'CURRENT');
  if (current === undefined) return;
  const name = /^(MANIFEST-\d+)\n$/.exec(Buffer.from(current).toString('latin1'))?.[1];
  if (name === undefined) throw corrupt(place.directory, 'its file CURRENT names no manifest');
  const manifest = await contentOf(place, name);
  if (manifest === undefined) {
    if (!(await isStill(place, 'CURRENT', current))) return;
    throw corrupt(place.directory, `its file CURRENT names ${name}, which is not there`);
  }
  const badAt = damagedAt(manifest);
  if (badAt !== undefined) throw corrupt(place.directory, `${name} ${goodOnesAfter(badAt)}`);
  const files = databaseFiles(manifest);
  if (files === undefined) throw corrupt(place.directory, `${name} is not one of a database`);
  const log = fileOf(files.logNumber, 'log');
  // LevelDB takes such a log for one that was empty. A change that is torn off the manifest's end looks like this, too.
  if (
    files.logNumber > 0 &&
    (await contentOf(place, log)) === undefined &&
    (await isStill(place, name, manifest))
  )
    throw corrupt(place.directory, `${name} names ${log}, which is not there`);
  for (const { number, sizeBytes } of files.tables) {
    const file = fileOf(number, 'ldb');
    const table = await contentOf(place, file);
    if (table === undefined) continue;
    if (table.byteLength !== sizeBytes) {
      throw corrupt(place.directory, `${file} has ${table.byteLength} bytes, and ${sizeBytes} were written`);
    }
    const tableBadAt = damagedTableAt(table);
    if (tableBadAt !== undefined) {
      throw corrupt(place.directory, `${file} isn't what was written, in the block at byte ${tableBadAt}`);
    }
  }
}

function fileOf(number: number, extension: 'log' | 'ldb'): string {
  return `${String(number).padStart(6, '0')}.${extension}`;
}

async function isStill(place: DatabasePlace, name: string, content: Uint8Array): Promise<boolean> {
  const now = await contentOf(place, name);
  return now !== undefined && Buffer.compare(now, content) === 0;
}

function goodOnesAfter(badAt: number): string {
  return `has a bad record at byte ${badAt}, with good ones after it`;
}

async function contentOf(
  { directory, location }: DatabasePlace,
  name: string,
): Promise<Uint8Array | undefined> {
  try {
    return await readFile(join(location, name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw storeErrorOf(error, directory);
  }
}
