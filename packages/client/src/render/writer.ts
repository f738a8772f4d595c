import type { Writable } from 'node:stream';
import { type ExitCode, exitCodes, failed, type Result, success } from '../failure.js';
import { errorCode, systemErrorText } from '../system-error.js';

/**
 * Writes to stdout or stderr at the pace of its reader.
 *
 * 1. A write that the stream can't take yet is waited for.
 * 2. A reader that went away (`| head`) is no error, a full disk is one: `closed` aborts, what is written later is
 *    dropped, and {@link Writer.result} says which it was.
 */
export class Writer {
  readonly #stream: Writable;
  readonly #closed = new AbortController();
  #draining: Promise<void> | undefined;
  #error: Error | undefined;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', (error) => {
      this.#error ??= error;
      this.#closed.abort();
    });
  }

  /** Aborts when the reader has gone. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** The exit code, unless not everything could be written: then what that means. */
  result(exitCode: ExitCode): Result<ExitCode> {
    if (this.#error === undefined) return success(exitCode);
    if (errorCode(this.#error) === 'EPIPE') return success(exitCodes.brokenPipe);
    return failed({
      code: 'output-failed',
      message: `the output can't be written: ${systemErrorText(this.#error)}`,
      exitCode: exitCodes.error,
    });
  }

  /** Resolves once more may be written. */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.#closed.signal.aborted) return;
    if (!this.#stream.write(data)) await this.#drained();
  }

  /** Resolves once everything has left the process, or nobody reads any more. */
  flush(): Promise<void> {
    if (this.#closed.signal.aborted || this.#stream.writableLength === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#closed.signal.addEventListener('abort', () => resolve(), { once: true });
      this.#stream.write('', () => resolve());
    });
  }

  #drained(): Promise<void> {
    this.#draining ??= new Promise((resolve) => {
      const done = () => {
        this.#draining = undefined;
        this.#stream.off('drain', done);
        this.#closed.signal.removeEventListener('abort', done);
        resolve();
      };
      this.#stream.on('drain', done);
      this.#closed.signal.addEventListener('abort', done);
    });
    return this.#draining;
  }
}
