import { isTerminal } from '@pogo/core';
import type { JobHostDocument } from '@pogo/protocol';
import type { OutputSink } from '../render/output-sink.js';
import type { OutputGap, OutputPiece } from './follow-job.js';

/** Leaves out what attempts wrote that had ended before: `pogo log` shows it. */
export class EarlierOutput implements OutputSink {
  readonly #sink: OutputSink;
  /** The last attempt of each host that had ended. */
  readonly #ended: ReadonlyMap<string, number>;
  /** Hosts that have written something since. */
  readonly #again = new Set<string>();

  constructor(sink: OutputSink, before: readonly JobHostDocument[]) {
    this.#sink = sink;
    this.#ended = new Map(
      before.map(({ host, state, attempt }) => [host, isTerminal(state) ? attempt : attempt - 1]),
    );
  }

  async output(piece: OutputPiece): Promise<void> {
    if (piece.attempt <= (this.#ended.get(piece.host) ?? 0)) return;
    this.#again.add(piece.host);
    await this.#sink.output(piece);
  }

  async gap(gap: OutputGap): Promise<void> {
    const earlier =
      gap.host !== undefined && (this.#ended.get(gap.host) ?? 0) > 0 && !this.#again.has(gap.host);
    if (!earlier) await this.#sink.gap(gap);
  }

  end(): Promise<void> {
    return this.#sink.end();
  }
}
