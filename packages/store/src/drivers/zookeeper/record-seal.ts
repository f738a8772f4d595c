/**
 * Nodes carry a sum over their path and their payload: under the instance's store key when there is one (security.md), so
 * that nobody without it can write, alter or move one unnoticed; else it only shows damage. Whoever has a key takes no
 * record without one.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@pogo/protocol';

const sumBytes = 16;
const tags = { plain: 1, keyed: 2 } as const;

export const sealOverheadBytes = 1 + sumBytes;

export class RecordSeal {
  readonly #key: Secret | undefined;

  constructor(key: Secret | undefined) {
    this.#key = key;
  }

  seal(path: string, payload: Uint8Array): Buffer {
    const record = Buffer.allocUnsafe(sealOverheadBytes + payload.byteLength);
    record[0] = this.#key === undefined ? tags.plain : tags.keyed;
    this.#sum(path, payload).copy(record, 1);
    record.set(payload, sealOverheadBytes);
    return record;
  }

  /** The payload; undefined when this isn't what was written there, or not by one with the key. */
  open(path: string, record: Uint8Array): Uint8Array | undefined {
    const expectedTag = this.#key === undefined ? tags.plain : tags.keyed;
    if (record.byteLength < sealOverheadBytes || record[0] !== expectedTag) return undefined;
    const payload = record.subarray(sealOverheadBytes);
    const same = timingSafeEqual(this.#sum(path, payload), record.subarray(1, sealOverheadBytes));
    return same ? payload : undefined;
  }

  #sum(path: string, payload: Uint8Array): Buffer {
    const hash = this.#key === undefined ? createHash('sha256') : createHmac('sha256', this.#key.reveal());
    return hash.update(path).update('\0').update(payload).digest().subarray(0, sumBytes);
  }
}
