import { StoreError } from '../../store-error.js';
import { type Level, openLevel } from './level.js';

/**
 * The database while it is usable. After a failed write its write-ahead log may end in half a record; whatever LevelDB
 * wrote behind that would be lost at the next start. So a database that failed is closed and opened anew, which
 * recovers every acknowledged write, before anything else is written; until that succeeds nothing works.
 */
export class LevelSession {
  readonly #directory: string;
  #level: Level | undefined;
  #reopening: Promise<Level> | undefined;
  #abandoned: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(directory: string, level: Level) {
    this.#directory = directory;
    this.#level = level;
  }

  /** The open database; another object after each recovery. Rejects with a StoreError. */
  async level(): Promise<Level> {
    if (this.#closed) throw new StoreError('store-closed', `the store in ${this.#directory} was closed`);
    if (this.#level !== undefined) return this.#level;
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined;
    });
    return this.#reopening;
  }

  /** A write to `level` has failed. */
  abandon(level: Level): void {
    if (this.#level !== level) return;
    this.#level = undefined;
    this.#abandoned = level.close().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#reopening?.catch(() => undefined);
    await this.#abandoned;
    await this.#level?.close();
    this.#level = undefined;
  }

  async #reopen(): Promise<Level> {
    await this.#abandoned;
    try {
      this.#level = await openLevel(this.#directory, { create: false });
    } catch (error) {
      throw this.#whileReopening(error);
    }
    return this.#level;
  }

  /** Another process that took the directory in this moment may let it go again. */
  #whileReopening(error: unknown): unknown {
    if (!(error instanceof StoreError) || error.code !== 'store-locked') return error;
    return new StoreError('store-unavailable', error.message, { cause: error });
  }
}
