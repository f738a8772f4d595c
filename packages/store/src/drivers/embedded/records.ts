/**
 * How values lie on disk: a CRC-32 over key and payload, then the payload. LevelDB doesn't check its own sums on every
 * read; with ours, a value that was damaged or that belongs to another key is never taken for a good one.
 * Numbers are big-endian.
 */
import { crc32 } from 'node:zlib';
import type { SnapshotPointer } from '../../log.js';
import { corrupt } from './level-errors.js';

const sumBytes = 4;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function sealRecord(key: string, payload: Uint8Array): Uint8Array {
  const record = new Uint8Array(sumBytes + payload.byteLength);
  new DataView(record.buffer).setUint32(0, crc32(payload, crc32(key)));
  record.set(payload, sumBytes);
  return record;
}

/** The payload; throws `store-corrupt`, naming the store's directory. */
export function openRecord(key: string, record: Uint8Array, directory: string): Uint8Array {
  const payload = new Uint8Array(record.buffer, record.byteOffset, record.byteLength).subarray(sumBytes);
  if (record.byteLength < sumBytes || viewOf(record).getUint32(0) !== crc32(payload, crc32(key))) {
    throw corrupt(directory, `its record ${key} isn't what was written`);
  }
  return payload;
}

/** Floor, version, then the snapshot's name: a pointer is written only once there is one. */
export function encodePointer({
  floor,
  version,
  snapshot,
}: SnapshotPointer & { snapshot: string }): Uint8Array {
  const name = encoder.encode(snapshot);
  const payload = new Uint8Array(16 + name.byteLength);
  viewOf(payload).setBigUint64(0, BigInt(floor));
  viewOf(payload).setBigUint64(8, BigInt(version));
  payload.set(name, 16);
  return payload;
}

export function decodePointer(payload: Uint8Array): SnapshotPointer {
  return {
    floor: Number(viewOf(payload).getBigUint64(0)),
    version: Number(viewOf(payload).getBigUint64(8)),
    snapshot: decoder.decode(payload.subarray(16)),
  };
}

/** A version, then the value, if any. */
export function encodeVersioned(version: number, value: Uint8Array = new Uint8Array()): Uint8Array {
  const payload = new Uint8Array(8 + value.byteLength);
  viewOf(payload).setBigUint64(0, BigInt(version));
  payload.set(value, 8);
  return payload;
}

export function decodeVersioned(payload: Uint8Array): { version: number; value: Uint8Array } {
  return { version: Number(viewOf(payload).getBigUint64(0)), value: payload.subarray(8) };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
