/**
 * Sends one subscription's output from the spool to a peer.
 *
 * 1. Never more payload than the reader gave credit for, and nothing while the connection is congested: a reader that
 *    reads nothing costs a cursor, not memory, and slows nobody.
 * 2. Every byte once and in order, and gaps by name; `end` last, and only when all was sent.
 */
import type { OpenOutputParams } from '@pogo/protocol';
import { encodeOutputFrame, type OutputFrame } from '@pogo/protocol';
import type { Peer } from '@pogo/wire';
import type { JobSpool } from './job-spool.js';
import { SpoolCursor, type SpoolPiece } from './spool-cursor.js';
import type { RecordHeader } from './spool-record.js';

/** Bytes on the connection at which a follower waits. */
const congestedBytes = 1024 * 1024;

type Receiver = Pick<Peer, 'sendBinary' | 'bufferedBytes' | 'drained'>;

export class OutputFollower {
  readonly #options: { peer: Receiver; spool: JobSpool; order: OpenOutputParams };
  readonly #cursor: SpoolCursor;
  readonly #until: number;
  #credit: number;
  #stopped = false;
  #wake: () => void = () => undefined;

  constructor(options: { peer: Receiver; spool: JobSpool; order: OpenOutputParams }) {
    const { host, from, until, creditBytes } = options.order;
    this.#options = options;
    this.#credit = creditBytes;
    this.#until = (host === undefined ? undefined : until) ?? Infinity;
    const stream = host && { host: host.index, attempt: host.attempt, stream: host.stream };
    this.#cursor = new SpoolCursor(options.spool, { from, stream });
  }

  addCredit(bytes: number): void {
    this.#credit += bytes;
    this.#wake();
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** Runs until all was sent, or it is stopped. */
  async run(): Promise<void> {
    const { spool, order } = this.#options;
    while (!this.#stopped) {
      const { isComplete, end } = spool;
      const piece = await this.#cursor.next();
      if (piece === undefined) {
        if (isComplete || !order.follow) return this.#finish();
        if (spool.end === end) await this.#wait(spool.changed());
      } else if (piece.offset >= this.#until) {
        return this.#finish();
      } else {
        await this.#send(piece);
      }
    }
  }

  async #send({ record, offset, data, position }: SpoolPiece): Promise<void> {
    if (record.isGap) {
      this.#frame('gap', record, record.length, position);
      return;
    }
    const length = Math.min(data.length, this.#until - offset);
    for (let sent = 0; sent < length && !this.#stopped;) {
      if (this.#credit <= 0) {
        await this.#wait();
        continue;
      }
      const part = data.subarray(sent, Math.min(length, sent + this.#credit));
      this.#credit -= part.length;
      this.#frame(record.stream, record, offset + sent, position + sent + part.length, part);
      sent += part.length;
      if (this.#options.peer.bufferedBytes > congestedBytes) await this.#options.peer.drained();
    }
  }

  #finish(): void {
    if (this.#stopped) return;
    const { order, spool } = this.#options;
    for (const gap of spool.untoldGaps) {
      const isOurs =
        order.host === undefined ||
        (gap.host === order.host.index &&
          gap.attempt === order.host.attempt &&
          gap.stream === order.host.stream);
      if (isOurs) this.#frame('gap', gap, gap.length, spool.end);
    }
    this.#frame('end', { host: 0, attempt: 0 }, 0, this.#cursor.position);
  }

  #frame(
    kind: OutputFrame['kind'],
    { host, attempt }: Pick<RecordHeader, 'host' | 'attempt'>,
    offset: number,
    position: number,
    data: Uint8Array = new Uint8Array(),
  ): void {
    const { subscription } = this.#options.order;
    this.#options.peer.sendBinary(
      encodeOutputFrame({ subscription, kind, host, attempt, offset, position, data }),
    );
  }

  /** Until credit or `event` comes, or it is stopped. */
  #wait(event?: Promise<void>): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      void event?.then(resolve);
    });
  }
}
