import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { StoreError } from '../../store-error.js';
import { checkWriteAheadLogs } from './write-ahead-log.js';

export type Level = ClassicLevel<string, Uint8Array>;

/** Where LevelDB's own files are, inside a store's directory. */
export function levelDirectory(directory: string): string {
  return join(directory, 'level');
}

/** Opens the database of the store in `directory`; rejects with a StoreError. */
export async function openLevel(directory: string, options: { create: boolean }): Promise<Level> {
  const location = levelDirectory(directory);
  let level: Level | undefined;
  try {
    await checkWriteAheadLogs(location);
    // Not earlier: the constructor itself begins to open the database.
    level = new ClassicLevel<string, Uint8Array>(location, {
      createIfMissing: options.create,
      keyEncoding: 'utf8',
      valueEncoding: 'view',
    });
    await level.open();
    return level;
  } catch (error) {
    await level?.close().catch(() => undefined);
    throw storeErrorOf(error, directory);
  }
}

/** What an error of LevelDB or of the file system means to whoever uses the store in `directory`. */
export function storeErrorOf(error: unknown, directory: string): StoreError {
  if (error instanceof StoreError) return error;
  const { code, message } = rootOf(error);
  const options = { cause: error };
  if (code === 'LEVEL_LOCKED') return locked(directory, 'another', options);
  if (code === 'LEVEL_CORRUPTION' || message.includes('create_if_missing'))
    return corrupt(directory, message, options);
  return new StoreError(
    'store-unavailable',
    `the store in ${directory} can't be read or written: ${message}. ` +
      'Check that the directory may be written and that its disk works and has space left',
    options,
  );
}

export function locked(directory: string, which: 'this' | 'another', options?: ErrorOptions): StoreError {
  return new StoreError(
    'store-locked',
    `the store in ${directory} is open in ${which} process: stop what uses it there, or use another directory`,
    options,
  );
}

export function corrupt(directory: string, cause: string, options?: ErrorOptions): StoreError {
  return new StoreError(
    'store-corrupt',
    `the store in ${directory} is damaged: ${cause}. Restore the directory from a backup, or use another one`,
    options,
  );
}

/** The innermost cause, which knows the reason. */
function rootOf(error: unknown): { code: string | undefined; message: string } {
  if (!(error instanceof Error)) return { code: undefined, message: String(error) };
  if (error.cause !== undefined) return rootOf(error.cause);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { code, message: error.message };
}
