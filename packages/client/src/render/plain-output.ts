/** One host's output as if the command ran here: its bytes on a pipe, neutralised text on a terminal, no prefix. */
import { StringDecoder } from 'node:string_decoder';
import type { OutputGap, OutputPiece } from '../run/follow-job.js';
import { neutralise } from './escape.js';
import type { OutputSink } from './output-sink.js';
import type { Writer } from './writer.js';

export class PlainOutput implements OutputSink {
  readonly #writers: { readonly stdout: Writer; readonly stderr: Writer };
  readonly #terminal: { readonly stdout: boolean; readonly stderr: boolean };
  /** Characters that a piece cut are completed by the next one. */
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };

  constructor(options: {
    stdout: Writer;
    stderr: Writer;
    terminal: { readonly stdout: boolean; readonly stderr: boolean };
  }) {
    this.#writers = options;
    this.#terminal = options.terminal;
  }

  async output({ stream, data }: OutputPiece): Promise<void> {
    const writer = this.#writers[stream];
    if (!this.#terminal[stream]) return writer.write(data);
    await writer.write(terminalText(this.#decoders[stream].write(data)));
  }

  async gap({ detail }: OutputGap): Promise<void> {
    await this.#writers.stderr.write(`pogo: output-gap: ${detail}\n`);
  }

  async end(): Promise<void> {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.#terminal[stream]) await this.#writers[stream].write(neutralise(this.#decoders[stream].end()));
    }
  }
}

/** A carriage return before a line feed is part of the line break. */
function terminalText(text: string): string {
  return neutralise(text.replaceAll('\r\n', '\n'));
}
