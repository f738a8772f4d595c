/**
 * Takes the output of all hosts to the worker.
 *
 * 1. Nothing is dropped: when the pipe is full, `write` says so, and the host's channel must be paused until
 *    `whenDrained` calls back. What arrives all the same still goes out.
 * 2. A frame has at most {@link frameDataBytes} of data.
 */
import type { RexecLink } from './rexec-link.js';

export const frameDataBytes = 64 * 1024;

export interface OutputPiece {
  readonly host: number;
  readonly attempt: number;
  readonly stream: 'stdout' | 'stderr';
  /** Position of the first byte in the stream. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class OutputRelay {
  readonly #link: RexecLink;
  #full = false;
  #waiting: (() => void)[] = [];

  constructor(link: RexecLink) {
    this.#link = link;
  }

  /** False when the pipe is full. */
  write({ host, attempt, stream, offset, bytes }: OutputPiece): boolean {
    for (let start = 0; start < bytes.length; start += frameDataBytes) {
      const taken = this.#link.output({
        subscription: 0,
        kind: stream,
        host,
        attempt,
        offset: offset + start,
        position: 0,
        data: bytes.subarray(start, start + frameDataBytes),
      });
      this.#sent(taken);
    }
    return !this.#full;
  }

  /** Says that bytes of the host's output were dropped. */
  gap({ host, attempt, bytes }: { host: number; attempt: number; bytes: number }): void {
    this.#sent(
      this.#link.output({
        subscription: 0,
        kind: 'gap',
        host,
        attempt,
        offset: bytes,
        position: 0,
        data: new Uint8Array(),
      }),
    );
  }

  whenDrained(callback: () => void): void {
    if (this.#full) this.#waiting.push(callback);
    else callback();
  }

  #sent(taken: boolean): void {
    if (taken || this.#full) return;
    this.#full = true;
    void this.#link.drained().then(() => this.#drained());
  }

  #drained(): void {
    this.#full = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) callback();
  }
}
