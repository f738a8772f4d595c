/**
 * Looks at LevelDB's write-ahead logs before it opens them. LevelDB itself silently skips what is damaged there, and with
 * it batches that were acknowledged.
 *
 * 1. A bad record with nothing valid after it is the torn end of a write that was never acknowledged: no error.
 * 2. A bad record with a valid one after it is damage: `store-corrupt`, and LevelDB doesn't get to see the file.
 *
 * Format: blocks of 32 KB; in them records of masked CRC-32C (4 bytes), length (2), type (1), payload, all
 * little-endian; no header lies across a block's end. Types: 1 full, 2 first, 3 middle, 4 last fragment.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { maskedCrc32c } from './crc32c.js';
import { corrupt } from './level-errors.js';

const blockBytes = 32 * 1024;
const headerBytes = 7;
const fullType = 1;
const firstType = 2;
const lastType = 4;

/** Looks at the logs in `location`, which belong to the store in `directory`. Rejects with `store-corrupt`. */
export async function checkWriteAheadLogs(where: { directory: string; location: string }): Promise<void> {
  // What can't be listed, LevelDB can't open either, and says why.
  const names = await readdir(where.location).catch(() => []);
  for (const name of names) {
    if (!/^\d+\.log$/.test(name)) continue;
    // Whoever has the store open may delete it at this moment; that the store is open shows later.
    const badAt = damagedAt(await readFile(join(where.location, name)).catch(ignoreMissing));
    if (badAt === undefined) continue;
    throw corrupt(where.directory, `${name} has a bad record at byte ${badAt}, with good ones after it`);
  }
}

function ignoreMissing(error: unknown): Uint8Array {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Uint8Array();
  throw error;
}

/** The position of the first bad record that has the beginning of a valid one after it. */
export function damagedAt(log: Uint8Array): number | undefined {
  let at = 0;
  let badAt: number | undefined;
  while (at + headerBytes <= log.byteLength) {
    const blockEnd = Math.min(log.byteLength, (Math.floor(at / blockBytes) + 1) * blockBytes);
    const record = validRecord(log, at, blockEnd);
    if (record !== undefined) {
      // Later fragments may belong to the same torn write, whose pages reach a disk in any order.
      if (badAt !== undefined && (record.type === fullType || record.type === firstType)) return badAt;
      at = blockEnd - record.end < headerBytes ? blockEnd : record.end;
    } else if (blockEnd - at < headerBytes) {
      at = blockEnd;
    } else {
      // The length can't be trusted: a valid record may begin at any byte after this.
      badAt ??= at;
      at += 1;
    }
  }
  return undefined;
}

function validRecord(
  log: Uint8Array,
  at: number,
  blockEnd: number,
): { type: number; end: number } | undefined {
  if (at + headerBytes > blockEnd) return undefined;
  const view = new DataView(log.buffer, log.byteOffset + at, headerBytes);
  const type = view.getUint8(6);
  const end = at + headerBytes + view.getUint16(4, true);
  if (type < fullType || type > lastType || end > blockEnd) return undefined;
  return view.getUint32(0, true) === maskedCrc32c(log.subarray(at + 6, end)) ? { type, end } : undefined;
}
