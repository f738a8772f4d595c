/** On a terminal, how far an upload has come; nothing elsewhere, and nothing for what is over at once. */
import type { Environment } from '../environment.js';
import { neutralise } from './escape.js';
import { LiveLine } from './live-line.js';
import { Writer } from './writer.js';

export class UploadLine {
  readonly #line: LiveLine | undefined;
  readonly #name: string;
  readonly #totalBytes: number;
  #sentBytes = 0;

  constructor(
    { stderr, clock, variables }: Pick<Environment, 'stderr' | 'clock' | 'variables'>,
    upload: { readonly name: string; readonly bytes: number; readonly hidden: boolean },
  ) {
    this.#name = upload.name;
    this.#totalBytes = upload.bytes;
    const shown = stderr.isTTY === true && variables['TERM'] !== 'dumb' && !upload.hidden;
    if (shown) {
      const writer = new Writer(stderr);
      this.#line = new LiveLine({ clock, writer, stream: stderr, text: () => this.#text() });
    }
  }

  progress(sentBytes: number): void {
    this.#sentBytes = sentBytes;
    this.#line?.update();
  }

  /** Nothing of the line is left. */
  async stop(): Promise<void> {
    await this.#line?.stop();
  }

  #text(): string {
    const percent = Math.floor((this.#sentBytes * 100) / this.#totalBytes);
    return neutralise(
      `uploading ${this.#name}  ${megabytes(this.#sentBytes)} of ${megabytes(this.#totalBytes)} MB  ${percent}%`,
    );
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
