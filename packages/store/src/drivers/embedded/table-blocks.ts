/**
 * Checks a table file of LevelDB byte by byte. LevelDB opened as here doesn't compare the sums of what it reads: a damaged
 * index or filter hides records without an error, and a damaged compressed block may end the process.
 *
 * Format: blocks, each followed by its type (1 byte: 0 plain, 1 compressed) and a masked CRC-32C of both (4 bytes,
 * little-endian); the last two are metaindex and index. Then a footer of 48 bytes: where these two are (varints of
 * offset and size), zeros, and a magic number. Only the index knows where blocks end, and it may be compressed; they
 * are found by their sums instead.
 */
import { crc32cTable, maskCrc32c } from './crc32c.js';
import { VarintReader } from './varint-reader.js';

const footerBytes = 48;
const trailerBytes = 5;
const magic = Buffer.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);

interface Block {
  offset: number;
  /** Without the trailer. */
  sizeBytes: number;
}

/** Where the first damage is, as a byte position; undefined when every byte is as it was written. */
export function damagedTableAt(table: Uint8Array): number | undefined {
  const footerAt = table.byteLength - footerBytes;
  if (footerAt < 0) return 0;
  const found = findBlocks(table, footerAt);
  if (!Array.isArray(found)) return found.damagedAt;
  return isFooter(table.subarray(footerAt), found.slice(-2)) ? undefined : footerAt;
}

function findBlocks(table: Uint8Array, end: number): Block[] | { damagedAt: number } {
  const blocks: Block[] = [];
  let offset = 0;
  /** From here on the block at `offset` is searched for its end. */
  let from = 0;
  let mayGoBack = true;
  while (offset < end) {
    const sizeBytes = sizeOfBlock(table, { offset, from, end });
    if (sizeBytes !== undefined) {
      blocks.push({ offset, sizeBytes });
      from = offset += sizeBytes + trailerBytes;
      continue;
    }
    // Once in billions a sum fits within a block by chance: then the end that was found last was none.
    const last = blocks.pop();
    if (last === undefined || !mayGoBack) return { damagedAt: offset };
    mayGoBack = false;
    const damagedAt = offset;
    offset = last.offset;
    from = last.offset + last.sizeBytes + 1;
    if (sizeOfBlock(table, { offset, from, end }) === undefined) return { damagedAt };
  }
  return blocks;
}

/** The size of the block at `offset`, if it ends at `from` or later, and before `end`. */
function sizeOfBlock(
  table: Uint8Array,
  { offset, from, end }: { offset: number; from: number; end: number },
): number | undefined {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  let sum = 0xffffffff;
  for (let at = offset; at + trailerBytes <= end; at += 1) {
    const byte = table[at]!;
    // With this byte as the block's type, or as one more of its bytes: the sum goes on alike.
    sum = crc32cTable[(sum ^ byte) & 0xff]! ^ (sum >>> 8);
    if (byte > 1 || at < from) continue;
    if (view.getUint32(at + 1, true) === maskCrc32c((sum ^ 0xffffffff) >>> 0)) return at - offset;
  }
  return undefined;
}

function isFooter(footer: Uint8Array, expected: readonly Block[]): boolean {
  const reader = new VarintReader(footer);
  for (const { offset, sizeBytes } of expected) {
    if (reader.number() !== offset || reader.number() !== sizeBytes) return false;
  }
  const magicAt = footerBytes - magic.byteLength;
  const padding = footer.subarray(reader.position, magicAt);
  return (
    expected.length === 2 && padding.every((byte) => byte === 0) && magic.equals(footer.subarray(magicAt))
  );
}
