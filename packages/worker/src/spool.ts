/**
 * The directory of spool files, one for each job that had output here.
 *
 * 1. A file has one writer; readers share its view while it is open, and open the file themselves afterwards.
 * 2. A file is removed a while after its job was closed here, never while it is in use.
 */
import { mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, delay, type Service, ServiceState } from '@pogo/lifecycle';
import { formatJobId } from '@pogo/core';
import { JobSpool, type JobSpoolOptions } from './job-spool.js';
import type { Log } from './log.js';
import type { OpenFile } from './spool-file.js';

/** A spool in use; `release` when done. */
export interface SpoolUse {
  spool: JobSpool;
  release(): Promise<void>;
}

/** What of the directory is used; the file system's own unless told otherwise. */
export interface SpoolFolder {
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<unknown>;
  readdir(path: string): Promise<string[]>;
  stat(path: string): Promise<{ mtimeMs: number }>;
  unlink(path: string): Promise<void>;
}

export interface SpoolOptions {
  directory: string;
  retentionMs: number;
  openFile?: OpenFile;
  folder?: SpoolFolder;
  clock: Clock;
  log: Log;
}

interface Entry {
  users: number;
  opening: Promise<JobSpool | undefined>;
}

const sweepEachMs = 3_600_000;

export class Spool implements Service {
  readonly #options: SpoolOptions;
  readonly #state = new ServiceState();
  readonly #entries = new Map<number, Entry>();
  readonly #folder: SpoolFolder;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#folder = options.folder ?? { mkdir, readdir, stat, unlink };
  }

  start(): Promise<void> {
    return this.#state.start(async () => {
      await this.#folder.mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
      this.#sweeping = this.#sweepRegularly();
    });
  }

  stop(): Promise<void> {
    return this.#state.stop(() => this.#sweeping);
  }

  /** For the job itself, which has one at a time; the file is made when there is none. */
  write(job: number): SpoolUse {
    const spool = JobSpool.forWriting(this.#fileOptions(job));
    // An entry that is there belongs to readers of an earlier opening of this job, and stays with them.
    const entry: Entry = { users: 1, opening: spool.opened().then(() => spool) };
    this.#entries.set(job, entry);
    return { spool, release: () => this.#release(job, entry) };
  }

  /** For a reader; undefined when nothing is held of this job. */
  async read(job: number): Promise<SpoolUse | undefined> {
    let entry = this.#entries.get(job);
    if (entry === undefined) {
      entry = { users: 0, opening: JobSpool.forReading(this.#fileOptions(job)) };
      this.#entries.set(job, entry);
    }
    const used = entry;
    used.users++;
    let spool: JobSpool | undefined;
    try {
      spool = await used.opening;
    } finally {
      if (spool === undefined) await this.#release(job, used);
    }
    return spool && { spool, release: () => this.#release(job, used) };
  }

  /** Removes what is older than the retention. Returns how many files went. */
  async sweep(): Promise<number> {
    const { directory, retentionMs, clock, log } = this.#options;
    let removed = 0;
    for (const name of await this.#folder.readdir(directory)) {
      const match = /^p(\d{10})\.spool$/.exec(name);
      if (match === null || this.#entries.has(Number(match[1]))) continue;
      const path = join(directory, name);
      const { mtimeMs } = await this.#folder.stat(path);
      if (clock.wallMs() - mtimeMs < retentionMs || this.#entries.has(Number(match[1]))) continue;
      await this.#folder.unlink(path);
      removed++;
    }
    if (removed > 0) log.info({ removed }, 'spool files past their retention were removed');
    return removed;
  }

  #fileOptions(job: number): JobSpoolOptions {
    const { directory, clock, log, openFile } = this.#options;
    return { path: join(directory, `${formatJobId(job)}.spool`), openFile, clock, log };
  }

  async #release(job: number, entry: Entry): Promise<void> {
    entry.users--;
    if (entry.users > 0) return;
    if (this.#entries.get(job) === entry) this.#entries.delete(job);
    const spool = await entry.opening.catch(() => undefined);
    await spool?.release();
  }

  async #sweepRegularly(): Promise<void> {
    const { clock, log, retentionMs } = this.#options;
    const waitMs = Math.min(sweepEachMs, Math.max(1000, retentionMs));
    do {
      await this.sweep().catch((error: unknown) => {
        log.error({ error: (error as Error).message }, 'the spool could not be swept');
      });
    } while (await delay(clock, waitMs, this.#state.signal));
  }
}
