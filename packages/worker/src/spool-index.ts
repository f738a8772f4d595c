import {
  payloadBytes,
  type RecordHeader,
  recordHeaderBytes,
  spoolMagic,
  type SpoolStream,
} from './spool-record.js';

/** One stream of one attempt. */
export interface StreamKey {
  host: number;
  attempt: number;
  stream: SpoolStream;
}

interface StreamMarks {
  /** Length of the stream so far, gaps included. */
  bytes: number;
  /** Pairs: an offset in the stream, and the position of the record that holds it. Ascending. */
  marks: number[];
}

/** Bytes between two marks of a stream, and of the file: what a reader scans at most to find its place. */
const markEachBytes = 256 * 1024;

/** Where things are in one spool file: sparse, a few numbers a stream. */
export class SpoolIndex {
  /** Positions of records, ascending. */
  readonly #positions: number[] = [];
  readonly #streams = new Map<number, StreamMarks>();

  add(position: number, record: RecordHeader): void {
    const last = this.#positions.at(-1);
    if (last === undefined || position - last >= markEachBytes) this.#positions.push(position);
    const key = streamNumber(record);
    let stream = this.#streams.get(key);
    if (stream === undefined) this.#streams.set(key, (stream = { bytes: 0, marks: [] }));
    const lastMarked = stream.marks.at(-2);
    if (lastMarked === undefined || record.offset - lastMarked >= markEachBytes) {
      stream.marks.push(record.offset, position);
    }
    stream.bytes = record.offset + record.length;
  }

  /** A record at or before `position` from which scanning finds it. */
  recordBefore(position: number): number {
    let low = 0;
    let high = this.#positions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#positions[middle]! <= position) low = middle + 1;
      else high = middle;
    }
    return this.#positions[low - 1] ?? spoolMagic.length;
  }

  /** A record at or before the one that holds this byte of the stream; undefined when the stream has no record yet. */
  recordBeforeOffset(key: StreamKey, offset: number): number | undefined {
    const marks = this.#streams.get(streamNumber(key))?.marks;
    if (marks === undefined) return undefined;
    let found = marks[1];
    for (let index = 0; index < marks.length && marks[index]! <= offset; index += 2) found = marks[index + 1];
    return found;
  }

  /** Length of the stream so far. */
  streamBytes(key: StreamKey): number {
    return this.#streams.get(streamNumber(key))?.bytes ?? 0;
  }
}

/** Position behind a record. */
export function behind(position: number, record: RecordHeader): number {
  return position + recordHeaderBytes + payloadBytes(record);
}

/** One number per stream of an attempt. */
export function streamNumber(key: StreamKey): number {
  return (key.attempt * 2 ** 32 + key.host) * 2 + (key.stream === 'stderr' ? 1 : 0);
}
