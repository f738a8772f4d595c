import type { Writable } from 'node:stream';

/**
 * Holds a stream's writes back until this turn of the event loop is over, so that what is sent in one turn leaves in one
 * system call and, under TLS, in full records: for small frames that is most of their cost.
 */
export class TurnGathering {
  readonly #stream: Pick<Writable, 'cork' | 'uncork'>;
  #isCorked = false;

  constructor(stream: Pick<Writable, 'cork' | 'uncork'>) {
    this.#stream = stream;
  }

  /** Called before each write. */
  begin(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#stream.cork();
    setImmediate(() => {
      this.#isCorked = false;
      this.#stream.uncork();
    });
  }
}
