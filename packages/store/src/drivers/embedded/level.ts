import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { checkTables, checkWriteAheadLogs } from './database-check.js';
import { storeErrorOf } from './level-errors.js';

export type Level = ClassicLevel<string, Uint8Array>;

/** Where LevelDB's own files are, inside a store's directory. */
function levelDirectory(directory: string): string {
  return join(directory, 'level');
}

export interface LevelOptions {
  create: boolean;
  /** Reads every table first, some 250 MB a second. */
  checkTables: boolean;
}

/** Opens the database of the store in `directory`; rejects with a StoreError. */
export async function openLevel(directory: string, options: LevelOptions): Promise<Level> {
  const location = levelDirectory(directory);
  let level: Level | undefined;
  try {
    await checkWriteAheadLogs({ directory, location });
    if (options.checkTables) await checkTables({ directory, location });
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
