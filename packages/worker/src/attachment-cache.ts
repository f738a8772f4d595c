/**
 * Scripts that came with open jobs, by their SHA-256, in a private directory.
 *
 * 1. A file is fetched once for all jobs that need it, and has its name only when it is whole and verified.
 * 2. It is removed when no open job needs it; what an earlier process left is removed at the start.
 */
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Service } from '@pogo/lifecycle';
import { ServiceState } from '@pogo/lifecycle';
import type { LinkTls } from '@pogo/wire';
import { downloadAttachment } from './attachment-download.js';
import type { Log } from './log.js';

/** What of an attachment is known beforehand. */
export interface AttachmentIdentity {
  sha256: string;
  bytes: number;
}

export type FetchOutcome = { kind: 'here'; path: string } | { kind: 'failed'; message: string };

export interface AttachmentUse {
  readonly fetched: Promise<FetchOutcome>;
  /** Ends the fetching too, when nobody else waits for it. */
  release(): Promise<void>;
}

export interface AttachmentCacheOptions {
  directory: string;
  /** `wss://HOST:PORT` of every dispatcher. */
  dispatchers: readonly string[];
  /** Whether those of this process's group may read: rexec has an account of its own. */
  forGroup?: boolean | undefined;
  tls: LinkTls;
  clock: Clock;
  random: () => number;
  log: Log;
}

interface Entry {
  users: number;
  fetching: Promise<FetchOutcome>;
  abort: AbortController;
}

const namePattern = /^[0-9a-f]{64}(\.part)?$/;

export class AttachmentCache implements Service {
  readonly #options: AttachmentCacheOptions;
  readonly #state = new ServiceState();
  readonly #entries = new Map<string, Entry>();
  /** Removals so far: a file that is fetched again isn't removed under the new name. */
  #removed: Promise<unknown> = Promise.resolve();

  constructor(options: AttachmentCacheOptions) {
    this.#options = options;
  }

  /** @throws what the file system throws. */
  start(): Promise<void> {
    return this.#state.start(async () => {
      const { directory } = this.#options;
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await chmod(directory, this.#options.forGroup === true ? 0o750 : 0o700);
      for (const name of await readdir(directory)) {
        if (namePattern.test(name)) await rm(join(directory, name), { force: true });
      }
    });
  }

  stop(): Promise<void> {
    return this.#state.stop(async () => {
      const fetching = [...this.#entries.values()].map((entry) => {
        entry.abort.abort();
        return entry.fetching;
      });
      await Promise.all(fetching);
      await this.#removed;
    });
  }

  use(attachment: AttachmentIdentity): AttachmentUse {
    const { sha256 } = attachment;
    let entry = this.#entries.get(sha256);
    if (entry === undefined) {
      const abort = new AbortController();
      entry = { users: 0, abort, fetching: this.#fetch(attachment, abort.signal) };
      this.#entries.set(sha256, entry);
      const fetched = entry;
      // A later job tries again.
      void entry.fetching.then(({ kind }) => kind === 'failed' && this.#forget(sha256, fetched));
    }
    const used = entry;
    used.users++;
    return { fetched: used.fetching, release: () => this.#release(sha256, used) };
  }

  async #fetch(attachment: AttachmentIdentity, signal: AbortSignal): Promise<FetchOutcome> {
    await this.#removed;
    const { directory, log } = this.#options;
    const path = join(directory, attachment.sha256);
    const partPath = `${path}.part`;
    const outcome = await downloadAttachment({ ...this.#options, ...attachment, path: partPath, signal });
    try {
      if (outcome.kind === 'complete') {
        await rename(partPath, path);
        return { kind: 'here', path };
      }
      await rm(partPath, { force: true });
    } catch (error) {
      return { kind: 'failed', message: `${path}: ${(error as Error).message}` };
    }
    log.error({ sha256: attachment.sha256, cause: outcome.message }, 'an attachment could not be fetched');
    return { kind: 'failed', message: outcome.message };
  }

  async #release(sha256: string, entry: Entry): Promise<void> {
    entry.users--;
    if (entry.users > 0) return;
    this.#forget(sha256, entry);
    entry.abort.abort();
    const outcome = await entry.fetching;
    if (outcome.kind === 'failed' || this.#entries.has(sha256)) return;
    const removed = rm(outcome.path, { force: true });
    this.#removed = Promise.all([this.#removed, removed.catch(() => undefined)]);
    await removed.catch((error: unknown) => {
      this.#options.log.error({ path: outcome.path, error: String(error) }, 'an attachment was not removed');
    });
  }

  #forget(sha256: string, entry: Entry): void {
    if (this.#entries.get(sha256) === entry) this.#entries.delete(sha256);
  }
}
