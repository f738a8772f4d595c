import type { JobSpool } from './job-spool.js';
import { behind, type StreamKey } from './spool-index.js';
import { decodeRecordHeader, type RecordHeader, recordHeaderBytes, spoolMagic } from './spool-record.js';

/** What a cursor came to: a record, or the part of it that lies behind where it was told to begin. */
export interface SpoolPiece {
  record: RecordHeader;
  /** Offset of the piece's first byte in the host's stream. */
  offset: number;
  data: Buffer;
  /** Position of the piece's first byte in the file (of a gap: behind its record). */
  position: number;
}

/** Read at once; pieces are views into it. */
const windowBytes = 128 * 1024;

/**
 * Reads a spool in the order in which it was written, all of it or one stream of it, as far as it goes at the moment.
 * Any position may be given to begin with: it is looked up, never trusted to be the start of a record.
 */
export class SpoolCursor {
  readonly #spool: JobSpool;
  readonly #stream: StreamKey | undefined;
  /** Of the file, or with a stream of the stream: what lies before isn't given. */
  readonly #from: number;
  /** Start of the next record; undefined while its stream has none. */
  #next: number | undefined;
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;

  constructor(spool: JobSpool, options: { from: number; stream?: StreamKey | undefined }) {
    this.#spool = spool;
    this.#stream = options.stream;
    this.#from = options.from;
    if (options.stream === undefined) this.#next = spool.index.recordBefore(options.from);
  }

  /** Position from which a whole-spool reader would go on. */
  get position(): number {
    return this.#next ?? spoolMagic.length;
  }

  /** The next piece; undefined at the end of what is written. */
  async next(): Promise<SpoolPiece | undefined> {
    for (;;) {
      if (this.#stream !== undefined)
        this.#next ??= this.#spool.index.recordBeforeOffset(this.#stream, this.#from);
      if (this.#next === undefined || this.#next >= this.#spool.end) return undefined;
      const at = this.#next;
      const record = decodeRecordHeader(await this.#bytes(at, recordHeaderBytes));
      if (record === undefined) throw new Error(`the spool is damaged at ${at}`);
      this.#next = behind(at, record);
      const piece = this.#isWanted(record) ? await this.#piece(at, record) : undefined;
      if (piece !== undefined) return piece;
    }
  }

  #isWanted(record: RecordHeader): boolean {
    const stream = this.#stream;
    return (
      stream === undefined ||
      (record.host === stream.host && record.attempt === stream.attempt && record.stream === stream.stream)
    );
  }

  async #piece(at: number, record: RecordHeader): Promise<SpoolPiece | undefined> {
    const start = at + recordHeaderBytes;
    const end = behind(at, record);
    if (record.isGap) {
      const isBefore =
        this.#stream === undefined ? end <= this.#from : record.offset + record.length <= this.#from;
      return isBefore ? undefined : { record, offset: record.offset, data: Buffer.alloc(0), position: end };
    }
    const known = this.#stream === undefined ? this.#from - start : this.#from - record.offset;
    const skip = Math.max(0, known);
    if (skip >= record.length) return undefined;
    const data = await this.#bytes(start + skip, record.length - skip);
    if (data.length < record.length - skip) throw new Error(`the spool is damaged at ${at}`);
    return { record, offset: record.offset + skip, data, position: start + skip };
  }

  async #bytes(position: number, length: number): Promise<Buffer> {
    const from = position - this.#windowAt;
    if (from < 0 || from + length > this.#window.length) {
      this.#window = await this.#spool.read(position, Math.max(length, windowBytes));
      this.#windowAt = position;
      return this.#window.subarray(0, length);
    }
    return this.#window.subarray(from, from + length);
  }
}
