import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkerFigures } from './gauges.js';

/** What the spool takes, and how much room is left for it; undefined where it can't be looked at. Looks at each file. */
export async function spoolUsage(directory: string): Promise<WorkerFigures['spool']> {
  try {
    const names = (await readdir(directory)).filter((name) => name.endsWith('.spool'));
    let bytes = 0;
    for (const name of names) bytes += await sizeOf(join(directory, name));
    const { bavail, blocks, bsize } = await statfs(directory);
    return { files: names.length, bytes, freeBytes: bavail * bsize, fileSystemBytes: blocks * bsize };
  } catch {
    return undefined;
  }
}

/** It may have been removed meanwhile. */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}
