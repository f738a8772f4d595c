/**
 * What a spool file is made of: eight bytes that name the format, then records, one behind the other.
 *
 * | bytes | field                                                                            |
 * |-------|----------------------------------------------------------------------------------|
 * | 1     | kind: 0 stdout, 1 stderr, 2 gap on stdout, 3 gap on stderr                        |
 * | 4     | host index                                                                       |
 * | 2     | attempt                                                                          |
 * | 6     | offset of the first byte in the host's stream (for a gap: of the first missing)  |
 * | 6     | length of the payload in bytes (for a gap: how many are missing; no payload)     |
 * | 4     | CRC-32 of the 19 bytes before                                                    |
 *
 * All integers are big-endian.
 */
import { crc32 } from 'node:zlib';

export const spoolMagic = Buffer.from('pogospl1');
export const recordHeaderBytes = 23;
/** Longer payloads are cut into several records. */
export const mostPayloadBytes = 64 * 1024;

export type SpoolStream = 'stdout' | 'stderr';

export interface RecordHeader {
  stream: SpoolStream;
  /** The payload is missing: `length` bytes of the stream were lost. */
  isGap: boolean;
  host: number;
  attempt: number;
  offset: number;
  length: number;
}

export function encodeRecordHeader(record: RecordHeader): Buffer {
  const bytes = Buffer.allocUnsafe(recordHeaderBytes);
  bytes.writeUInt8((record.stream === 'stderr' ? 1 : 0) + (record.isGap ? 2 : 0), 0);
  bytes.writeUInt32BE(record.host, 1);
  bytes.writeUInt16BE(record.attempt, 5);
  bytes.writeUIntBE(record.offset, 7, 6);
  bytes.writeUIntBE(record.length, 13, 6);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 19)), 19);
  return bytes;
}

/** Reads a header at the start of `bytes`; undefined when there isn't a whole and sound one. */
export function decodeRecordHeader(bytes: Buffer): RecordHeader | undefined {
  if (bytes.length < recordHeaderBytes) return undefined;
  const kind = bytes.readUInt8(0);
  if (kind > 3 || crc32(bytes.subarray(0, 19)) !== bytes.readUInt32BE(19)) return undefined;
  return {
    stream: (kind & 1) === 1 ? 'stderr' : 'stdout',
    isGap: (kind & 2) === 2,
    host: bytes.readUInt32BE(1),
    attempt: bytes.readUInt16BE(5),
    offset: bytes.readUIntBE(7, 6),
    length: bytes.readUIntBE(13, 6),
  };
}

/** Bytes that the record takes in the file behind its header. */
export function payloadBytes(record: RecordHeader): number {
  return record.isGap ? 0 : record.length;
}
