/**
 * The file FORMAT says that a directory is a store, and in which version of our format.
 *
 * 1. It is written last at creation, before anything is acknowledged: where it is missing, nothing was lost yet.
 * 2. Where it is there, the database must be there as well: LevelDB alone would quietly begin an empty one.
 * 3. Where anything was acknowledged (ACKNOWLEDGED is there), it must be there.
 */
import { mkdir, open, readFile, readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StoreError } from '../../store-error.js';
import { countFileName } from './commit-count.js';
import { corrupt, storeErrorOf } from './level-errors.js';

export const formatVersion = 1;
const fileName = 'FORMAT';
const temporaryName = 'FORMAT.new';

/** Whether the directory holds a store that this version can read, or may become one. Rejects with a StoreError. */
export async function inspectDirectory(directory: string): Promise<'store' | 'new'> {
  const names = await readdir(directory).catch((error: unknown): string[] => {
    if (isMissing(error)) return [];
    throw storeErrorOf(error, directory);
  });
  if (!names.includes(fileName)) {
    if (names.includes(countFileName)) throw corrupt(directory, `its file ${fileName} is missing`);
    const stranger = names.find((name) => name !== 'level' && name !== temporaryName);
    if (stranger === undefined) return 'new';
    throw new StoreError(
      'store-unsupported',
      `${directory} is not a store, and it holds other files (${stranger}): use an empty or a new directory`,
    );
  }
  const text = await readFile(join(directory, fileName), 'utf8').catch((error: unknown) => {
    throw storeErrorOf(error, directory);
  });
  const found = /^pogo-store (\d{1,9})\n$/.exec(text)?.[1];
  if (found === undefined) throw corrupt(directory, `its file ${fileName} is not one of ours`);
  if (Number(found) > formatVersion) {
    throw new StoreError(
      'store-format-newer',
      `the store in ${directory} has format ${found}, and this version reads up to ${formatVersion}: ` +
        'use the newer version that wrote it, or another directory',
    );
  }
  return 'store';
}

/** Makes the directory, readable by its owner alone, and durable. */
export async function makeDirectory(directory: string): Promise<void> {
  try {
    const firstMade = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (firstMade === undefined) return;
    for (let made = directory; made.length >= firstMade.length; made = dirname(made)) {
      await syncDirectory(dirname(made));
    }
  } catch (error) {
    throw storeErrorOf(error, directory);
  }
}

export async function writeFormat(directory: string): Promise<void> {
  const temporary = join(directory, temporaryName);
  try {
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.writeFile(`pogo-store ${formatVersion}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(directory, fileName));
    await syncDirectory(directory);
  } catch (error) {
    throw storeErrorOf(error, directory);
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
