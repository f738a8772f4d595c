/**
 * One segment file: a head, a snapshot of everything before it, and what came since.
 *
 * 1. A segment gets its name only when head and snapshot are on the disk: one that has a name is whole that far.
 * 2. The segment with the highest number holds everything; older ones are left over from a crash.
 * 3. What is torn at the end is cut; what is damaged where it was durable once is an error, and nothing is changed.
 */
import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type JournalHead, journalHeadSchema, type JournalRecord, journalRecordSchema } from '@pogo/protocol';
import type { Log } from '../../log.js';
import { decodeFrame, encodeFrame, frameHeaderBytes, wasSynced } from './journal-frame.js';
import { damaged, formatNewer, type JournalFailure } from './journal-failure.js';

/** What of a file is used; a seam for disks that are full. */
export type JournalFile = Pick<
  FileHandle,
  'write' | 'datasync' | 'sync' | 'readFile' | 'truncate' | 'chmod' | 'close'
>;
export type OpenJournalFile = (path: string, flags: string, mode: number) => Promise<JournalFile>;

export type SegmentOutcome =
  | { kind: 'read'; segment: JournalSegment; head: JournalHead; records: JournalRecord[] }
  | { kind: 'failed'; failure: JournalFailure };

/** Bytes of records in one frame of a snapshot, about. */
const snapshotFrameBytes = 256 * 1024;
const namePattern = /^segment-(\d{10})$/;

/** Numbers of the segments there, ascending; leftovers of unfinished ones are removed. */
export async function segmentNumbers(directory: string): Promise<number[]> {
  const numbers: number[] = [];
  for (const name of await readdir(directory)) {
    const match = namePattern.exec(name);
    if (match !== null) numbers.push(Number(match[1]));
    else if (/^segment-\d{10}\.new$/.test(name)) await unlink(join(directory, name));
  }
  return numbers.sort((a, b) => a - b);
}

export class JournalSegment {
  readonly number: number;
  readonly path: string;
  readonly #file: JournalFile;
  /** Bytes of head and snapshot. */
  readonly baseBytes: number;
  #bytes: number;
  #syncedBytes: number;

  private constructor(options: {
    number: number;
    path: string;
    file: JournalFile;
    baseBytes: number;
    bytes: number;
  }) {
    this.number = options.number;
    this.path = options.path;
    this.#file = options.file;
    this.baseBytes = options.baseBytes;
    this.#bytes = options.bytes;
    this.#syncedBytes = options.bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Reads an existing one. @throws what the file system throws. */
  static async read(options: {
    directory: string;
    number: number;
    openFile: OpenJournalFile;
    log: Log;
  }): Promise<SegmentOutcome> {
    const { directory, number, openFile, log } = options;
    const path = join(directory, segmentName(number));
    const file = await openFile(path, 'r+', 0o600);
    const fail = async (failure: JournalFailure): Promise<SegmentOutcome> => {
      await file.close();
      return { kind: 'failed', failure };
    };
    const bytes = await file.readFile();
    const head = readHead(bytes, number);
    if (head === 'damaged') return fail(damaged(path, 'has no sound beginning'));
    if (head === 'newer') return fail(formatNewer(path));
    const baseBytes = head.behind + head.head.snapshotBytes;
    const records: JournalRecord[] = [];
    let position = head.behind;
    while (position < bytes.length) {
      const frame = decodeFrame(bytes, position);
      if (frame === undefined) break;
      const read = journalRecordSchema.array().safeParse(parseJson(frame.payload));
      if (!read.success) return fail(damaged(path, `holds at byte ${position} what no version has written`));
      for (const record of read.data) records.push(record);
      position += frameHeaderBytes + frame.payload.length;
    }
    // (3)
    if (position < baseBytes || (position < bytes.length && wasSynced(bytes, position))) {
      return fail(damaged(path, `is damaged at byte ${position}`));
    }
    if (position < bytes.length) {
      log.warn({ journal: path, cutBytes: bytes.length - position }, 'the torn tail of the journal was cut');
      await file.truncate(position);
    }
    await file.datasync();
    const segment = new JournalSegment({ number, path, file, baseBytes, bytes: position });
    return { kind: 'read', segment, head: head.head, records };
  }

  /** Makes one that begins with these records (1). @throws what the file system throws. */
  static async create(options: {
    directory: string;
    number: number;
    journal: string;
    records: Iterable<JournalRecord>;
    openFile: OpenJournalFile;
  }): Promise<JournalSegment> {
    const { directory, number, journal, records, openFile } = options;
    const path = join(directory, segmentName(number));
    const unfinished = `${path}.new`;
    const snapshot = snapshotFrames(records);
    const snapshotBytes = snapshot.reduce((sum, frame) => sum + frame.length, 0);
    const head: JournalHead = { version: 1, journal, segment: number, snapshotBytes };
    const bytes = Buffer.concat([
      encodeFrame({ syncedBytes: 0, payload: Buffer.from(JSON.stringify(head)) }),
      ...snapshot,
    ]);
    const file = await openFile(unfinished, 'w', 0o600);
    try {
      await file.chmod(0o600);
      await writeAll(file, bytes, 0);
      await file.sync();
      await rename(unfinished, path);
      await syncDirectory(directory);
    } catch (error) {
      await file.close().catch(() => undefined);
      await unlink(unfinished).catch(() => undefined);
      throw error;
    }
    return new JournalSegment({ number, path, file, baseBytes: bytes.length, bytes: bytes.length });
  }

  /** @throws what the file system throws; then nothing more may be appended here. */
  async append(records: readonly JournalRecord[]): Promise<void> {
    const payload = Buffer.from(JSON.stringify(records));
    const bytes = encodeFrame({ syncedBytes: this.#syncedBytes, payload });
    await writeAll(this.#file, bytes, this.#bytes);
    this.#bytes += bytes.length;
  }

  /** What was appended is on the disk then. @throws what the file system throws; then nothing more may be appended here. */
  async sync(): Promise<void> {
    const { bytes } = this;
    await this.#file.datasync();
    this.#syncedBytes = bytes;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Another holds everything now. */
  async remove(): Promise<void> {
    await this.#file.close();
    await unlink(this.path);
  }
}

export function segmentName(number: number): string {
  return `segment-${String(number).padStart(10, '0')}`;
}

function readHead(
  bytes: Buffer,
  number: number,
): { head: JournalHead; behind: number } | 'damaged' | 'newer' {
  const frame = decodeFrame(bytes, 0);
  if (frame === undefined) return 'damaged';
  const value = parseJson(frame.payload);
  const head = journalHeadSchema.safeParse(value);
  if (head.success && head.data.segment === number) {
    return { head: head.data, behind: frameHeaderBytes + frame.payload.length };
  }
  const version = typeof value === 'object' && value !== null && 'version' in value ? value.version : 0;
  return typeof version === 'number' && version > 1 ? 'newer' : 'damaged';
}

function snapshotFrames(records: Iterable<JournalRecord>): Buffer[] {
  const frames: Buffer[] = [];
  let texts: string[] = [];
  let length = 0;
  const finish = () => {
    frames.push(encodeFrame({ syncedBytes: 0, payload: Buffer.from(`[${texts.join(',')}]`) }));
    texts = [];
    length = 0;
  };
  for (const record of records) {
    const text = JSON.stringify(record);
    texts.push(text);
    length += text.length;
    if (length >= snapshotFrameBytes) finish();
  }
  if (texts.length > 0) finish();
  return frames;
}

function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    return undefined;
  }
}

async function writeAll(file: JournalFile, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
