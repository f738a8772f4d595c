import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { storeErrorOf } from './level-errors.js';
import { checkWriteAheadLogs } from './write-ahead-log.js';

export type Level = ClassicLevel<string, Uint8Array>;

/** Where LevelDB's own files are, inside a store's directory. */
function levelDirectory(directory: string): string {
  return join(directory, 'level');
}

/** Opens the database of the store in `directory`; rejects with a StoreError. */
export async function openLevel(directory: string, options: { create: boolean }): Promise<Level> {
  const location = levelDirectory(directory);
  let level: Level | undefined;
  try {
    await checkWriteAheadLogs({ directory, location });
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
