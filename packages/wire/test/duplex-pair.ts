import { Duplex } from 'node:stream';

/** Two duplex streams, each reading what the other writes, with back-pressure. */
export function duplexPair(): [Duplex, Duplex] {
  const near = new PairedDuplex();
  const far = new PairedDuplex();
  near.other = far;
  far.other = near;
  return [near, far];
}

class PairedDuplex extends Duplex {
  other!: PairedDuplex;
  #pending: (() => void) | undefined;

  override _read(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.other.destroyed) return done();
    if (this.other.push(chunk)) done();
    else this.other.#pending = done;
  }

  override _final(done: () => void): void {
    this.other.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.();
    done(error);
  }
}
