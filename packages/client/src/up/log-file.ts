import { createWriteStream, type WriteStream } from 'node:fs';

/** A daemon's log, appended to. What a full disk doesn't take is lost; once there is room again, what comes then isn't. */
export class LogFile {
  readonly #path: string;
  #stream: WriteStream | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  write(chunk: Buffer): void {
    this.#stream ??= this.#open();
    this.#stream.write(chunk);
  }

  end(): void {
    this.#stream?.end();
  }

  /** A stream that has failed takes nothing any more: the next piece has another one. */
  #open(): WriteStream {
    const stream = createWriteStream(this.#path, { flags: 'a', mode: 0o600 });
    stream.on('error', () => {
      if (this.#stream === stream) this.#stream = undefined;
    });
    return stream;
  }
}
