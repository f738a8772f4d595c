/**
 * The output of one job on this worker, in one append-only file, in the order in which it came.
 *
 * 1. Nothing waits in memory beyond what is on its way to the disk; above a limit the writer's source is told to pause.
 * 2. What can be read is what was written: `end` moves only after the disk took the bytes.
 * 3. Output that the disk doesn't take is counted and said as a gap, in its place or, if even that can't be written,
 *    when the reader comes to the end. The job goes on.
 * 4. A tail that was torn by a crash is cut when the file is opened.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Clock, delay } from '@pogo/lifecycle';
import type { OutputFrame } from '@pogo/protocol';
import type { Log } from './log.js';
import { type OpenFile, recoverSpool, type SpoolFile } from './spool-file.js';
import { behind, SpoolIndex, streamNumber } from './spool-index.js';
import {
  encodeRecordHeader,
  mostPayloadBytes,
  type RecordHeader,
  recordHeaderBytes,
  spoolMagic,
} from './spool-record.js';

/** Bytes on their way to the disk at which the source is paused, and below which it goes on (1). */
const pressureBytes = { full: 1024 * 1024, low: 256 * 1024 } as const;
/** Between two small writes. */
const writeDistanceMs = 10;
/** Of a larger write nothing is kept for readers. */
const mostTailBytes = 256 * 1024;

interface Pending {
  record: RecordHeader;
  data: Uint8Array;
}

export interface JobSpoolOptions {
  path: string;
  openFile?: OpenFile | undefined;
  clock: Clock;
  log: Log;
}

export class JobSpool {
  readonly #options: JobSpoolOptions;
  readonly index = new SpoolIndex();
  #file: SpoolFile | undefined;
  #opening: Promise<void> = Promise.resolve();
  #end = spoolMagic.length;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #isFull = false;
  #pressure: (isFull: boolean) => void = () => undefined;
  #isWriting = false;
  /** Records appended, and of these: written or lost. */
  #appended = 0;
  #settled = 0;
  #flushWaiters: { records: number; resolve: () => void }[] = [];
  #lastWriteMs = -Infinity;
  #resting = new AbortController();
  /** What was written last: live readers find it here. */
  #tail: { at: number; bytes: Buffer } | undefined;
  #closing: Promise<void> | undefined;
  #isComplete = false;
  /** Lost bytes that the file doesn't tell yet, one gap for each stream (3). */
  readonly #gaps = new Map<number, RecordHeader>();
  #failing = false;
  #waiting: (() => void)[] = [];

  private constructor(options: JobSpoolOptions) {
    this.#options = options;
  }

  /**
   * For a job's own output: takes it at once, and opens the file meanwhile, going on behind what an earlier opening of
   * the job left. If that fails, the output is lost (3).
   */
  static forWriting(options: JobSpoolOptions): JobSpool {
    const spool = new JobSpool(options);
    spool.#opening = spool.#open(constants.O_RDWR | constants.O_CREAT).catch((error: unknown) => {
      spool.#tellFailure(error as Error);
    });
    return spool;
  }

  /**
   * To read what was left of a job; undefined when there is nothing.
   *
   * @throws what the file system throws otherwise.
   */
  static async forReading(options: JobSpoolOptions): Promise<JobSpool | undefined> {
    const spool = new JobSpool(options);
    try {
      await spool.#open(constants.O_RDWR);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    spool.#isComplete = true;
    return spool;
  }

  /** Resolves once the file was opened, or can't be. */
  opened(): Promise<void> {
    return this.#opening;
  }

  /** Position behind the last record that can be read (2). */
  get end(): number {
    return this.#end;
  }

  /** Nothing more will come. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Lost bytes that the file itself doesn't tell (3). */
  get untoldGaps(): RecordHeader[] {
    return [...this.#gaps.values()];
  }

  onPressure(pressure: (isFull: boolean) => void): void {
    this.#pressure = pressure;
  }

  append(frame: OutputFrame): void {
    if (this.#closing !== undefined || frame.kind === 'end') return;
    const { host, attempt } = frame;
    if (frame.kind === 'gap') {
      const key = { host, attempt, stream: 'stdout' } as const;
      const offset = this.index.streamBytes(key);
      this.#push({ ...key, isGap: true, offset, length: frame.offset }, new Uint8Array());
    } else {
      for (let at = 0; at < frame.data.length; at += mostPayloadBytes) {
        const data = frame.data.subarray(at, at + mostPayloadBytes);
        const offset = frame.offset + at;
        this.#push({ stream: frame.kind, isGap: false, host, attempt, offset, length: data.length }, data);
      }
    }
    if (!this.#isWriting) void this.#write();
  }

  /**
   * Resolves once everything that was appended so far is in the file, or known to be lost; with `hurry` without waiting
   * for more to be written with it.
   */
  flushed({ hurry }: { hurry: boolean }): Promise<void> {
    if (hurry) this.#resting.abort();
    if (this.#settled === this.#appended) return Promise.resolve();
    return new Promise((resolve) => this.#flushWaiters.push({ records: this.#appended, resolve }));
  }

  /** Resolves when more can be read, or nothing more will come. */
  changed(): Promise<void> {
    if (this.#isComplete) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** At most `bytes` from there; fewer at the end. What is returned must not be written to. */
  async read(position: number, bytes: number): Promise<Buffer> {
    const tail = this.#tail;
    if (tail !== undefined && position >= tail.at) {
      return tail.bytes.subarray(position - tail.at, position - tail.at + bytes);
    }
    const length = Math.min(bytes, this.#end - position);
    const buffer = Buffer.allocUnsafe(Math.max(0, length));
    let filled = 0;
    while (filled < buffer.length && this.#file !== undefined) {
      const { bytesRead } = await this.#file.read(buffer, filled, buffer.length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }

  /** No more output comes: readers at the end are told so. Marks the file with the time, for its retention. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.flushed({ hurry: true });
      if (this.#gaps.size > 0) await this.#write();
      this.#isComplete = true;
      this.#wake();
      const seconds = this.#options.clock.wallMs() / 1000;
      this.#tail = undefined;
      await this.#file?.utimes(seconds, seconds).catch(() => undefined);
    })();
    return this.#closing;
  }

  /** The file isn't used any more, by nobody. */
  async release(): Promise<void> {
    await this.flushed({ hurry: true });
    this.#isComplete = true;
    this.#wake();
    await this.#file?.close();
  }

  #push(record: RecordHeader, data: Uint8Array): void {
    this.#pending.push({ record, data });
    this.#appended++;
    this.#pendingBytes += data.length + recordHeaderBytes;
    if (!this.#isFull && this.#pendingBytes > pressureBytes.full) {
      this.#isFull = true;
      this.#pressure(true);
    }
  }

  /** Writes what gathers, batch after batch, until nothing is left. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    await this.#opening;
    while (this.#pending.length > 0) {
      await this.#gather();
      const batch = this.#pending;
      this.#pending = [];
      this.#pendingBytes = 0;
      await this.#writeBatch(batch);
      this.#settled += batch.length;
      if (this.#isFull && this.#pendingBytes < pressureBytes.low) {
        this.#isFull = false;
        this.#pressure(false);
      }
      this.#wake();
    }
    this.#isWriting = false;
  }

  /** Small writes keep a little distance: each costs more than its bytes do. Large ones, and the last, don't wait. */
  async #gather(): Promise<void> {
    const { clock } = this.#options;
    const restMs = this.#lastWriteMs + writeDistanceMs - clock.monotonicMs();
    if (restMs > 0 && this.#pendingBytes < pressureBytes.low && this.#closing === undefined) {
      this.#resting = new AbortController();
      await delay(clock, restMs, this.#resting.signal);
    } else {
      await Promise.resolve();
    }
    this.#lastWriteMs = clock.monotonicMs();
  }

  async #writeBatch(batch: readonly Pending[]): Promise<void> {
    const gaps = this.untoldGaps.map((record): Pending => ({ record, data: new Uint8Array() }));
    const all = [...gaps, ...batch];
    const bytes = Buffer.concat(all.flatMap(({ record, data }) => [encodeRecordHeader(record), data]));
    try {
      if (this.#file === undefined) throw new Error('the file could not be opened');
      for (let written = 0; written < bytes.length;) {
        const { bytesWritten } = await this.#file.write(
          bytes,
          written,
          bytes.length - written,
          this.#end + written,
        );
        written += bytesWritten;
      }
    } catch (error) {
      await this.#lose(batch, error as Error);
      return;
    }
    this.#gaps.clear();
    this.#failing = false;
    this.#tail = bytes.length <= mostTailBytes ? { at: this.#end, bytes } : undefined;
    for (const { record } of all) {
      this.index.add(this.#end, record);
      this.#end = behind(this.#end, record);
    }
  }

  /** (3) */
  async #lose(batch: readonly Pending[], error: Error): Promise<void> {
    this.#tellFailure(error);
    for (const { record } of batch) {
      const key = streamNumber(record);
      const known = this.#gaps.get(key);
      if (known === undefined) this.#gaps.set(key, { ...record, isGap: true });
      else known.length = record.offset + record.length - known.offset;
    }
    await this.#file?.truncate(this.#end).catch(() => undefined);
  }

  /** Once, until it works again. */
  #tellFailure(error: Error): void {
    const { log, path } = this.#options;
    if (!this.#failing)
      log.error({ spool: path, error: error.message }, 'output cannot be spooled and is lost');
    this.#failing = true;
  }

  async #open(flags: number): Promise<void> {
    const { path, openFile = open } = this.#options;
    const file = await openFile(path, flags, 0o600);
    try {
      this.#end = await recoverSpool(file, this.index, this.#options);
      this.#file = file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  #wake(): void {
    this.#flushWaiters = this.#flushWaiters.filter(({ records, resolve }) => {
      if (records > this.#settled) return true;
      resolve();
      return false;
    });
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
