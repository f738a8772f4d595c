/**
 * Counts the groups of writes: in the database with each group, and in the file ACKNOWLEDGED as soon as a group is on the
 * disk, before anybody is answered.
 *
 * 1. The file never says more than the database has had on the disk. A database with fewer groups than it says has lost
 *    acknowledged writes, whichever way: `store-corrupt`.
 * 2. The file itself isn't synced with each group. After a power cut it may say less, and notices less; never more.
 * 3. A file that is missing, empty or damaged says nothing: it loses nothing that was acknowledged.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Level } from './level.js';
import { corrupt, storeErrorOf } from './level-errors.js';
import { decodeVersioned, encodeVersioned, openRecord } from './records.js';

/** The key under which the database keeps its count. */
export const countKey = 'commits';
/** The file's name; it is made only after FORMAT. */
export const countFileName = 'ACKNOWLEDGED';
/** The count, then a CRC-32 of its bytes. */
const fileBytes = 12;

export class CommitCount {
  readonly #directory: string;
  readonly #file: FileHandle;
  #acknowledged: number;
  #loaded: { level: Level; count: number } | undefined;

  private constructor(directory: string, file: FileHandle, acknowledged: number) {
    this.#directory = directory;
    this.#file = file;
    this.#acknowledged = acknowledged;
  }

  /** Opens the file of the store in `directory`, which this process has locked. Rejects with a StoreError. */
  static async open(directory: string): Promise<CommitCount> {
    let file: FileHandle | undefined;
    try {
      file = await open(join(directory, countFileName), constants.O_RDWR | constants.O_CREAT, 0o600);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(fileBytes), 0, fileBytes, 0);
      return new CommitCount(directory, file, decodeCount(buffer.subarray(0, bytesRead)));
    } catch (error) {
      await file?.close();
      throw storeErrorOf(error, directory);
    }
  }

  /** Rejects with `store-corrupt` when the database lacks acknowledged writes (1). */
  async check(level: Level): Promise<void> {
    const { count } = await this.begin(level);
    if (count >= this.#acknowledged) return;
    throw corrupt(
      this.#directory,
      `the last of its writes are missing: it has ${count} of ${this.#acknowledged} that were acknowledged`,
    );
  }

  /** For the stage: a draft of the count in this database. */
  async begin(level: Level): Promise<{ count: number }> {
    if (this.#loaded?.level === level) return { count: this.#loaded.count };
    try {
      const record = await level.get(countKey);
      const count =
        record === undefined ? 0 : decodeVersioned(openRecord(countKey, record, this.#directory)).version;
      return { count };
    } catch (error) {
      throw storeErrorOf(error, this.#directory);
    }
  }

  /** For the stage: the draft is on the disk now. */
  commit(level: Level, { count }: { count: number }): void {
    this.#loaded = { level, count };
  }

  /** Every group up to this one is on the disk, and will be answered. */
  async acknowledge(count: number): Promise<void> {
    if (count <= this.#acknowledged) return;
    this.#acknowledged = count;
    try {
      await this.#file.write(encodeCount(count), 0, fileBytes, 0);
    } catch {
      // The write itself is safe. The file says less from here on, which it may (2).
    }
  }

  async close(): Promise<void> {
    // After this a loss shows even where the power was cut later.
    await this.#file.sync().catch(() => undefined);
    await this.#file.close();
  }
}

/** What the database keeps of the count. */
export const encodeCommits = encodeVersioned;

function encodeCount(count: number): Buffer {
  const bytes = Buffer.alloc(fileBytes);
  bytes.writeBigUInt64BE(BigInt(count));
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
  return bytes;
}

function decodeCount(bytes: Buffer): number {
  if (bytes.byteLength < fileBytes || bytes.readUInt32BE(8) !== crc32(bytes.subarray(0, 8))) return 0;
  return Number(bytes.readBigUInt64BE(0));
}
