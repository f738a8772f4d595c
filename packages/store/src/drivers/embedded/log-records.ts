/**
 * LevelDB's log format, in which it keeps its write-ahead logs and its manifests.
 *
 * Blocks of 32 KB; in them records of masked CRC-32C (4 bytes), length (2), type (1), payload, all little-endian; no
 * header lies across a block's end. Types: 1 full, 2 first, 3 middle, 4 last fragment.
 */
import { maskedCrc32c } from './crc32c.js';

const blockBytes = 32 * 1024;
const headerBytes = 7;
const fullType = 1;
const firstType = 2;
const lastType = 4;

/** The position of the first bad record that has the beginning of a valid one after it. */
export function damagedAt(log: Uint8Array): number | undefined {
  let at = 0;
  let badAt: number | undefined;
  while (at + headerBytes <= log.byteLength) {
    const blockEnd = endOfBlock(log, at);
    const record = validRecord(log, at, blockEnd);
    if (record !== undefined) {
      // Later fragments may belong to the same torn write, whose pages reach a disk in any order.
      if (badAt !== undefined && (record.type === fullType || record.type === firstType)) return badAt;
      at = behind(record, blockEnd);
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

/** What was written, piece by piece, up to the first piece that isn't whole. */
export function wholePieces(log: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let fragments: Uint8Array[] = [];
  let at = 0;
  while (at + headerBytes <= log.byteLength) {
    const blockEnd = endOfBlock(log, at);
    if (blockEnd - at < headerBytes) {
      at = blockEnd;
      continue;
    }
    const record = validRecord(log, at, blockEnd);
    if (record === undefined) return pieces;
    fragments.push(log.subarray(at + headerBytes, record.end));
    if (record.type === fullType || record.type === lastType) {
      pieces.push(Buffer.concat(fragments));
      fragments = [];
    }
    at = behind(record, blockEnd);
  }
  return pieces;
}

interface FoundRecord {
  type: number;
  end: number;
}

function validRecord(log: Uint8Array, at: number, blockEnd: number): FoundRecord | undefined {
  if (at + headerBytes > blockEnd) return undefined;
  const view = new DataView(log.buffer, log.byteOffset + at, headerBytes);
  const type = view.getUint8(6);
  const end = at + headerBytes + view.getUint16(4, true);
  if (type < fullType || type > lastType || end > blockEnd) return undefined;
  return view.getUint32(0, true) === maskedCrc32c(log.subarray(at + 6, end)) ? { type, end } : undefined;
}

function endOfBlock(log: Uint8Array, at: number): number {
  return Math.min(log.byteLength, (Math.floor(at / blockBytes) + 1) * blockBytes);
}

function behind({ end }: FoundRecord, blockEnd: number): number {
  return blockEnd - end < headerBytes ? blockEnd : end;
}
