import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Store, StoreDescription } from '../../store.js';
import { Elections } from '../local/elections.js';
import { localHandle } from '../local/handle.js';
import { CommitCount } from './commit-count.js';
import { EmbeddedDocuments } from './embedded-documents.js';
import { EmbeddedLog } from './embedded-log.js';
import { formatVersion, inspectDirectory, makeDirectory, writeFormat } from './format-file.js';
import { GroupCommit } from './group-commit.js';
import { type Level, openLevel } from './level.js';
import { locked, storeErrorOf } from './level-errors.js';
import { LevelSession } from './level-session.js';

export interface EmbeddedOptions {
  /** Made when it isn't there; an existing one must be empty or a store already. */
  directory: string;
}

/**
 * The real paths of the directories that this process has open. LevelDB locks its directory against other processes with a
 * POSIX record lock, and a second opening in this process, which it refuses, would release that lock: the kernel drops
 * a process's locks on a file as soon as it closes any descriptor of that file.
 */
const openHere = new Set<string>();

/**
 * A store in one directory on this machine, open in one process at a time, every write synced before it is answered.
 * Several handles may share it within that process.
 */
export class EmbeddedBacking {
  readonly elections = new Elections();
  readonly documents: EmbeddedDocuments;
  readonly #directory: string;
  readonly #place: string;
  readonly #session: LevelSession;
  readonly #commits: GroupCommit;
  readonly #logs = new Map<string, EmbeddedLog>();
  readonly #handles = new Set<Store>();
  #closing: Promise<void> | undefined;

  private constructor(opened: { directory: string; place: string; level: Level; count: CommitCount }) {
    const { directory, place, level, count } = opened;
    this.#directory = directory;
    this.#place = place;
    this.#session = new LevelSession({ directory, level, count });
    this.#commits = new GroupCommit({ session: this.#session, directory, count });
    this.documents = new EmbeddedDocuments({ directory, session: this.#session, commits: this.#commits });
  }

  /** Rejects with a StoreError: locked, corrupt, of a newer format, not a store, or out of reach. */
  static async open(options: EmbeddedOptions): Promise<EmbeddedBacking> {
    const directory = resolve(options.directory);
    const found = await inspectDirectory(directory);
    if (found === 'new') await makeDirectory(directory);
    const place = await realpath(directory).catch((error: unknown) => {
      throw storeErrorOf(error, directory);
    });
    if (openHere.has(place)) throw locked(directory, 'this');
    openHere.add(place);
    try {
      const level = await openLevel(directory, { create: found === 'new', checkTables: true });
      let count: CommitCount | undefined;
      try {
        if (found === 'new') await writeFormat(directory);
        count = await CommitCount.open(directory);
        await count.check(level);
      } catch (error) {
        await count?.close();
        await level.close();
        throw error;
      }
      return new EmbeddedBacking({ directory, place, level, count });
    } catch (error) {
      openHere.delete(place);
      throw error;
    }
  }

  openHandle(): Store {
    const handle = localHandle(this, () => {
      this.#handles.delete(handle);
      return Promise.resolve();
    });
    this.#handles.add(handle);
    return handle;
  }

  /** A handle that takes the whole backing with it when it is closed. */
  openSoleHandle(): Store {
    return localHandle(this, () => this.close());
  }

  /** Closes the handles that are still open, waits for writes under way, and lets go of the directory. */
  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  log(namespace: string): EmbeddedLog {
    const known = this.#logs.get(namespace);
    if (known !== undefined) return known;
    const log = new EmbeddedLog({
      namespace,
      directory: this.#directory,
      session: this.#session,
      commits: this.#commits,
    });
    this.#logs.set(namespace, log);
    return log;
  }

  describe(): StoreDescription {
    return { driver: 'embedded', location: this.#directory, formatVersion };
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#handles].map((handle) => handle.close()));
    await this.#commits.settled();
    try {
      await this.#session.close();
    } finally {
      openHere.delete(this.#place);
    }
  }
}
