/**
 * One line at the bottom of a terminal that is drawn again as things change; everything else is written above it.
 *
 * 1. It is redrawn at most every {@link redrawEveryMs}, however fast things change.
 * 2. It never wraps: it is cut to the terminal's width.
 * 3. After `stop` nothing of it is left, and no timer runs.
 */
import type { Clock, Timer } from '@pogo/lifecycle';
import type { OutputStream } from '../environment.js';
import type { Writer } from './writer.js';

const redrawEveryMs = 100;
const clearLine = '\r\x1b[K';

export class LiveLine {
  readonly #clock: Clock;
  readonly #writer: Writer;
  readonly #stream: OutputStream;
  readonly #text: () => string;
  #shown = false;
  #stopped = false;
  #timer: Timer | undefined;

  /** @param options.text what to show now, without escapes */
  constructor(options: { clock: Clock; writer: Writer; stream: OutputStream; text: () => string }) {
    this.#clock = options.clock;
    this.#writer = options.writer;
    this.#stream = options.stream;
    this.#text = options.text;
  }

  /** Something has changed: draws soon. */
  update(): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = this.#clock.setTimer(redrawEveryMs, () => {
      this.#timer = undefined;
      void this.#draw();
    });
  }

  /** Writes something above the line. */
  async aside(write: () => Promise<void>): Promise<void> {
    await this.#erase();
    await write();
    this.update();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#erase();
  }

  async #draw(): Promise<void> {
    if (this.#stopped) return;
    const width = Math.max(20, (this.#stream.columns || 80) - 1);
    const text = this.#text();
    this.#shown = true;
    await this.#writer.write(`${clearLine}${text.length > width ? `${text.slice(0, width - 1)}…` : text}`);
  }

  async #erase(): Promise<void> {
    if (!this.#shown) return;
    this.#shown = false;
    await this.#writer.write(clearLine);
  }
}
