/**
 * One subscription to a worker's spool.
 *
 * 1. At most a window's worth of bytes is on its way or waits here: credit goes back only for what the reader has taken,
 *    so a reader that stops reading stops the worker's sending, and nothing else.
 * 2. Frames come in order; the end says whether everything came.
 */
import type { OutputFrame } from '@pogo/protocol';
import type { WorkerSession } from '../workers/worker-session.js';

export interface OutputRequest {
  job: number;
  host?: { index: number; attempt: number; stream: 'stdout' | 'stderr' };
  from: number;
  until?: number;
  follow: boolean;
}

export type OpenedOutput =
  | { kind: 'open'; subscription: OutputSubscription }
  /** The worker holds nothing of the kind. */
  | { kind: 'not-found' }
  /** The connection is over. */
  | { kind: 'gone' };

/** `ended`: the worker has sent all; `gone`: the connection broke first; `closed`: by the reader. */
export type OutputStep =
  { kind: 'frames'; frames: OutputFrame[] } | { kind: 'ended' } | { kind: 'gone' } | { kind: 'closed' };

/** Bytes of payload on their way to one reader. */
const windowBytes = 512 * 1024;
/** Bytes of payload that are handed out together, a frame more or less: each byte is copied several times on its way out. */
const stepBytes = 64 * 1024;

export class OutputSubscription {
  readonly #session: WorkerSession;
  #number = 0;
  #frames: OutputFrame[] = [];
  #queuedBytes = 0;
  /** Taken by the reader, and not yet given back as credit. */
  #owedBytes = 0;
  #over: 'ended' | 'gone' | 'closed' | undefined;
  #wake: (() => void) | undefined;

  private constructor(session: WorkerSession) {
    this.#session = session;
  }

  static async open(session: WorkerSession, request: OutputRequest): Promise<OpenedOutput> {
    const subscription = new OutputSubscription(session);
    const opened = await session.openOutput({ ...request, creditBytes: windowBytes }, (frame) =>
      subscription.#receive(frame),
    );
    if (opened.kind !== 'open') return opened;
    subscription.#number = opened.subscription;
    return { kind: 'open', subscription };
  }

  /** Waits for more. Asking again says that what came before was taken (1). */
  async next(): Promise<OutputStep> {
    if (this.#owedBytes > 0 && this.#over === undefined) {
      this.#session.creditOutput(this.#number, this.#owedBytes);
      this.#owedBytes = 0;
    }
    while (this.#frames.length === 0) {
      if (this.#over !== undefined) return { kind: this.#over };
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    let count = 0;
    let bytes = 0;
    while (count < this.#frames.length && bytes < stepBytes) bytes += this.#frames[count++]!.data.length;
    this.#owedBytes += bytes;
    this.#queuedBytes -= bytes;
    return { kind: 'frames', frames: this.#frames.splice(0, count) };
  }

  /** Nobody reads any more. */
  close(): void {
    if (this.#over === undefined) this.#session.closeOutput(this.#number);
    this.#frames = [];
    this.#finish('closed');
  }

  #receive(frame: OutputFrame | undefined): void {
    if (this.#over !== undefined) return;
    if (frame === undefined) return this.#finish('gone');
    if (frame.kind === 'end') return this.#finish('ended');
    this.#frames.push(frame);
    this.#queuedBytes += frame.data.length;
    if (this.#queuedBytes > windowBytes) {
      this.#session.peer.close(1008, 'more output than there was credit for');
      this.#finish('gone');
    }
    this.#wake?.();
  }

  #finish(how: 'ended' | 'gone' | 'closed'): void {
    this.#over ??= how;
    this.#wake?.();
  }
}
