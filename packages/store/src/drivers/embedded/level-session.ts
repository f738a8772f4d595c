import { StoreError } from '../../store-error.js';
import type { CommitCount } from './commit-count.js';
import { type Level, openLevel } from './level.js';

/**
 * The database while it is usable. After a failed write its write-ahead log may end in half a record; whatever LevelDB
 * wrote behind that would be lost at the next start. So a database that failed is closed and opened anew, which
 * recovers every acknowledged write, before anything else is written; until that succeeds nothing works.
 */
export class LevelSession {
  readonly #directory: string;
  readonly #count: CommitCount;
  #level: Level | undefined;
  #reopening: Promise<Level> | undefined;
  #abandoned: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: { directory: string; level: Level; count: CommitCount }) {
    this.#directory = options.directory;
    this.#level = options.level;
    this.#count = options.count;
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
    try {
      await this.#level?.close();
    } finally {
      this.#level = undefined;
      await this.#count.close();
    }
  }

  async #reopen(): Promise<Level> {
    await this.#abandoned;
    let level: Level;
    try {
      // The tables were looked at when the store was opened.
      level = await openLevel(this.#directory, { create: false, checkTables: false });
    } catch (error) {
      throw this.#whileReopening(error);
    }
    try {
      await this.#count.check(level);
    } catch (error) {
      await level.close();
      throw error;
    }
    this.#level = level;
    return level;
  }

  /** Another process that took the directory in this moment may let it go again. */
  #whileReopening(error: unknown): unknown {
    if (!(error instanceof StoreError) || error.code !== 'store-locked') return error;
    return new StoreError('store-unavailable', error.message, { cause: error });
  }
}
