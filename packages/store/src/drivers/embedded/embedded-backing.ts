import { resolve } from 'node:path';
import type { Store, StoreDescription } from '../../store.js';
import { Elections } from '../local/elections.js';
import { localHandle } from '../local/handle.js';
import { EmbeddedDocuments } from './embedded-documents.js';
import { EmbeddedLog } from './embedded-log.js';
import { formatVersion, inspectDirectory, makeDirectory, writeFormat } from './format-file.js';
import { GroupCommit } from './group-commit.js';
import { type Level, openLevel } from './level.js';
import { LevelSession } from './level-session.js';

export interface EmbeddedOptions {
  /** Made when it isn't there; an existing one must be empty or a store already. */
  directory: string;
}

/**
 * A store in one directory on this machine, open in one process at a time, every write synced before it is answered.
 * Several handles may share it within that process.
 */
export class EmbeddedBacking {
  readonly elections = new Elections();
  readonly documents: EmbeddedDocuments;
  readonly #directory: string;
  readonly #session: LevelSession;
  readonly #commits: GroupCommit;
  readonly #logs = new Map<string, EmbeddedLog>();
  readonly #handles = new Set<Store>();

  private constructor(directory: string, level: Level) {
    this.#directory = directory;
    this.#session = new LevelSession(directory, level);
    this.#commits = new GroupCommit(this.#session, directory);
    this.documents = new EmbeddedDocuments({ directory, session: this.#session, commits: this.#commits });
  }

  /** Rejects with a StoreError: locked, corrupt, of a newer format, not a store, or out of reach. */
  static async open(options: EmbeddedOptions): Promise<EmbeddedBacking> {
    const directory = resolve(options.directory);
    const found = await inspectDirectory(directory);
    if (found === 'new') await makeDirectory(directory);
    const level = await openLevel(directory, { create: found === 'new' });
    try {
      if (found === 'new') await writeFormat(directory);
    } catch (error) {
      await level.close();
      throw error;
    }
    return new EmbeddedBacking(directory, level);
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
    await Promise.all([...this.#handles].map((handle) => handle.close()));
    await this.#commits.settled();
    await this.#session.close();
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
}
