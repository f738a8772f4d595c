/**
 * Length-prefixed frames over a duplex pipe, between a worker and one rexec: four bytes of length (big-endian), one
 * byte of kind, the payload. Kind 0 is JSON, kind 1 an output frame (protocol, output-frames.ts).
 *
 * 1. Whatever bytes arrive, nothing throws: a frame that is too long, of no known kind, or not parsable ends the
 *    pipe with an error.
 * 2. A frame is delivered once and in order; after `pause()` none is, until `resume()`.
 * 3. `closed` is called exactly once.
 */
import type { Duplex } from 'node:stream';
import { decodeOutputFrame, encodeOutputFrame, type OutputFrame } from '@pogo/protocol';
import { linkLimits } from './limits.js';
import { TurnGathering } from './turn-gathering.js';

export interface PipeFramesHandlers {
  json(value: unknown): void;
  /** `data` is a view into what was read: valid for good, not to be written to. */
  output(frame: OutputFrame): void;
  /** The pipe is over; with an error unless the other side ended it in an orderly way. */
  closed(error?: Error): void;
}

const headerBytes = 5;
const kinds = { json: 0, output: 1 } as const;

export class PipeFrames {
  readonly #stream: Duplex;
  readonly #handlers: PipeFramesHandlers;
  readonly #maxFrameBytes: number;
  readonly #gathering: TurnGathering;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #expected: { kind: number; bytes: number } | undefined;
  #paused = false;
  #closed = false;
  #error: Error | undefined;
  #waiting: (() => void)[] = [];

  constructor(stream: Duplex, handlers: PipeFramesHandlers, options: { maxFrameBytes?: number } = {}) {
    this.#stream = stream;
    this.#handlers = handlers;
    this.#maxFrameBytes = options.maxFrameBytes ?? linkLimits.maxFrameBytes;
    this.#gathering = new TurnGathering(stream);
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('drain', () => this.#wake());
    stream.on('error', (error: Error) => {
      this.#error ??= error;
    });
    stream.on('close', () => this.#finish());
    stream.on('end', () => {
      if (this.#expected !== undefined || this.#bufferedBytes > 0) {
        this.#error ??= new Error('the pipe ended within a frame');
      }
    });
  }

  /** False when the pipe is full: wait for `drained()` before sending more. */
  sendJson(value: unknown): boolean {
    return this.#send(kinds.json, Buffer.from(JSON.stringify(value)));
  }

  /** False when the pipe is full: wait for `drained()` before sending more. */
  sendOutput(frame: OutputFrame): boolean {
    return this.#send(kinds.output, encodeOutputFrame(frame));
  }

  /** Resolves once the pipe takes more, or is over. */
  drained(): Promise<void> {
    if (this.#closed || !this.#stream.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Stops delivering; the other side feels it once the buffers between are full. */
  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#deliver();
    if (!this.#paused) this.#stream.resume();
  }

  /** No more frames from this side; what was sent still goes out. */
  end(): void {
    this.#stream.end();
  }

  /** @throws {RangeError} when it doesn't fit into a frame. */
  #send(kind: number, payload: Uint8Array): boolean {
    if (payload.length > this.#maxFrameBytes) {
      throw new RangeError(`a frame of ${payload.length} bytes; at most ${this.#maxFrameBytes} fit`);
    }
    if (this.#closed || !this.#stream.writable) return true;
    const header = Buffer.allocUnsafe(headerBytes);
    header.writeUInt32BE(payload.length, 0);
    header.writeUInt8(kind, 4);
    this.#gathering.begin();
    this.#stream.write(header);
    return this.#stream.write(payload);
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    this.#deliver();
  }

  #deliver(): void {
    while (!this.#paused && this.#error === undefined) {
      if (this.#expected === undefined) {
        if (this.#bufferedBytes < headerBytes) return;
        const header = this.#read(headerBytes);
        this.#expected = { bytes: header.readUInt32BE(0), kind: header.readUInt8(4) };
        if (this.#expected.bytes > this.#maxFrameBytes) {
          this.#fail(
            `a frame of ${this.#expected.bytes} bytes came; at most ${this.#maxFrameBytes} are taken`,
          );
          return;
        }
      }
      if (this.#bufferedBytes < this.#expected.bytes) return;
      const { kind, bytes } = this.#expected;
      this.#expected = undefined;
      this.#dispatch(kind, this.#read(bytes));
    }
  }

  #dispatch(kind: number, payload: Buffer): void {
    if (kind === kinds.output) {
      const frame = decodeOutputFrame(payload);
      if (frame === undefined) this.#fail('a malformed output frame came');
      else this.#handlers.output(frame);
      return;
    }
    if (kind !== kinds.json) return this.#fail(`a frame of unknown kind ${kind} came`);
    let value: unknown;
    try {
      value = JSON.parse(payload.toString('utf8'));
    } catch {
      return this.#fail('a frame that is not JSON came');
    }
    this.#handlers.json(value);
  }

  /** Exactly `bytes` of what has come; a view where they lie in one chunk. */
  #read(bytes: number): Buffer {
    this.#bufferedBytes -= bytes;
    const first = this.#chunks[0];
    if (bytes === 0 || first === undefined) return Buffer.alloc(0);
    if (first.length > bytes) {
      this.#chunks[0] = first.subarray(bytes);
      return first.subarray(0, bytes);
    }
    const parts: Buffer[] = [];
    let missing = bytes;
    let used = 0;
    for (; missing > 0; used++) {
      const chunk = this.#chunks[used]!;
      if (chunk.length > missing) {
        parts.push(chunk.subarray(0, missing));
        this.#chunks[used] = chunk.subarray(missing);
        break;
      }
      parts.push(chunk);
      missing -= chunk.length;
    }
    this.#chunks.splice(0, used);
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts, bytes);
  }

  #fail(message: string): void {
    this.#error ??= new Error(message);
    this.#stream.destroy();
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#chunks = [];
    this.#wake();
    this.#handlers.closed(this.#error);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
