/**
 * What a journal segment is made of: frames, one behind the other. All integers are big-endian.
 *
 * | bytes | field                                                                              |
 * |-------|------------------------------------------------------------------------------------|
 * | 4     | `PJF1`                                                                             |
 * | 4     | length of the payload in bytes                                                     |
 * | 6     | bytes of the segment that were on the disk for good when this frame was written    |
 * | 4     | CRC-32 of the 14 bytes before, and of the payload                                  |
 * |       | payload: JSON                                                                      |
 *
 * The third field tells a torn tail from damage: what lies below it in a sound later frame was durable once.
 */
import { crc32 } from 'node:zlib';

const mark = Buffer.from('PJF1');
const checkedBytes = 14;
export const frameHeaderBytes = 18;

export interface JournalFrame {
  syncedBytes: number;
  payload: Buffer;
}

export function encodeFrame({ syncedBytes, payload }: JournalFrame): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeaderBytes + payload.length);
  mark.copy(bytes);
  bytes.writeUInt32BE(payload.length, 4);
  bytes.writeUIntBE(syncedBytes, 8, 6);
  bytes.writeUInt32BE(checksum(bytes, payload), checkedBytes);
  payload.copy(bytes, frameHeaderBytes);
  return bytes;
}

/** The frame that begins there; undefined when there isn't a whole and sound one. */
export function decodeFrame(bytes: Buffer, position: number): JournalFrame | undefined {
  const header = bytes.subarray(position, position + frameHeaderBytes);
  if (header.length < frameHeaderBytes || !header.subarray(0, mark.length).equals(mark)) return undefined;
  const start = position + frameHeaderBytes;
  const payload = bytes.subarray(start, start + header.readUInt32BE(4));
  if (payload.length < header.readUInt32BE(4)) return undefined;
  if (checksum(header, payload) !== header.readUInt32BE(checkedBytes)) return undefined;
  return { syncedBytes: header.readUIntBE(8, 6), payload };
}

/** Whether a sound frame behind `position` says that what is there was durable. */
export function wasSynced(bytes: Buffer, position: number): boolean {
  for (let at = bytes.indexOf(mark, position + 1); at >= 0; at = bytes.indexOf(mark, at + 1)) {
    const frame = decodeFrame(bytes, at);
    if (frame !== undefined && frame.syncedBytes > position) return true;
  }
  return false;
}

function checksum(header: Buffer, payload: Buffer): number {
  return crc32(payload, crc32(header.subarray(0, checkedBytes)));
}
