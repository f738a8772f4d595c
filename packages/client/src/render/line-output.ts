/**
 * Many hosts on one terminal or pipe: whole lines, each with its host's name.
 *
 * 1. Lines of different hosts never mix; stdout and stderr of a host stay apart, each on its own.
 * 2. On a pipe the bytes of a line are as they came; on a terminal they are neutralised.
 * 3. A line longer than {@link maxLineBytes} is cut into several, between characters, so that memory is bounded.
 * 4. What a host writes without a line feed at its end is written at the end of its output, with one.
 */
import type { OutputGap, OutputPiece } from '../run/follow-job.js';
import { neutralise } from './escape.js';
import type { OutputSink } from './output-sink.js';
import type { Writer } from './writer.js';

export const maxLineBytes = 64 * 1024;

export interface LineOutputOptions {
  readonly stdout: Writer;
  readonly stderr: Writer;
  /** Whether a terminal shows it, by stream. */
  readonly terminal: { readonly stdout: boolean; readonly stderr: boolean };
  /** What stands before each line of a host. */
  prefix(host: string, stream: 'stdout' | 'stderr'): string;
  /** Around every write: makes room for it on a terminal with a live line. */
  readonly aside?: ((write: () => Promise<void>) => Promise<void>) | undefined;
}

const lineFeed = Buffer.from('\n');

export class LineOutput implements OutputSink {
  readonly #options: LineOutputOptions;
  /** Unfinished lines by host and stream. */
  readonly #pending = new Map<string, { host: string; stream: 'stdout' | 'stderr'; bytes: Buffer }>();

  constructor(options: LineOutputOptions) {
    this.#options = options;
  }

  async output({ host, attempt, stream, data }: OutputPiece): Promise<void> {
    const key = `${host}\0${attempt}\0${stream}`;
    const before = this.#pending.get(key)?.bytes;
    let rest = before === undefined || before.length === 0 ? data : Buffer.concat([before, data]);
    const lines: Buffer[] = [];
    for (;;) {
      const end = rest.indexOf(10);
      const length = end >= 0 ? end : rest.length;
      if (length >= maxLineBytes && (end < 0 || length > maxLineBytes)) {
        const cut = characterBoundary(rest, maxLineBytes);
        lines.push(rest.subarray(0, cut));
        rest = rest.subarray(cut);
      } else if (end >= 0) {
        lines.push(rest.subarray(0, end));
        rest = rest.subarray(end + 1);
      } else break;
    }
    if (rest.length === 0) this.#pending.delete(key);
    else this.#pending.set(key, { host, stream, bytes: Buffer.from(rest) });
    if (lines.length > 0) await this.#write(host, stream, lines);
  }

  async gap({ host, detail }: OutputGap): Promise<void> {
    await this.#aside(() =>
      this.#options.stderr.write(`pogo: output-gap: ${host === undefined ? '' : `${host}: `}${detail}\n`),
    );
  }

  async end(): Promise<void> {
    for (const { host, stream, bytes } of this.#pending.values()) await this.#write(host, stream, [bytes]);
    this.#pending.clear();
  }

  async #write(host: string, stream: 'stdout' | 'stderr', lines: readonly Buffer[]): Promise<void> {
    const prefix = this.#options.prefix(host, stream);
    const writer = this.#options[stream];
    if (this.#options.terminal[stream]) {
      const text = lines
        .map((line) => `${prefix}${neutralise(withoutReturn(line).toString('utf8'))}\n`)
        .join('');
      await this.#aside(() => writer.write(text));
    } else {
      const before = Buffer.from(prefix);
      await this.#aside(() => writer.write(Buffer.concat(lines.flatMap((line) => [before, line, lineFeed]))));
    }
  }

  #aside(write: () => Promise<void>): Promise<void> {
    return this.#options.aside?.(write) ?? write();
  }
}

/** Without the carriage return of a line that ends in CR LF. */
function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === 13 ? line.subarray(0, -1) : line;
}

/** The largest length up to `length`, which is at least 4, at which no UTF-8 character is cut. */
export function characterBoundary(bytes: Uint8Array, length: number): number {
  for (let back = 0; back < 4 && back < length; back++) {
    const byte = bytes[length - back];
    if (byte === undefined || (byte & 0xc0) !== 0x80) return length - back;
  }
  return length;
}
