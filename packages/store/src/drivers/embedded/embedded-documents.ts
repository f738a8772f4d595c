import type {
  DeleteOutcome,
  Document,
  DocumentSummary,
  ExpectedVersion,
  PutOutcome,
} from '../../documents.js';
import { ChangeSignal } from '../local/change-signal.js';
import type { LocalDocuments } from '../local/handle.js';
import type { GroupCommit, Stage } from './group-commit.js';
import { storeErrorOf } from './level-errors.js';
import type { LevelSession } from './level-session.js';
import { decodeVersioned, encodeVersioned, openRecord } from './records.js';

/** Versions come from one counter for all keys, so that none returns after a deletion. */
const counterKey = 'counter';
const recordOverheadBytes = 100;

export interface EmbeddedDocumentsOptions {
  directory: string;
  session: LevelSession;
  commits: GroupCommit;
}

/**
 * `document/KEY` holds version and value, `version/KEY` the version alone, so that listing and comparing never read values.
 */
export class EmbeddedDocuments implements LocalDocuments {
  readonly changes = new ChangeSignal();
  readonly #options: EmbeddedDocumentsOptions;
  readonly #announce = () => this.changes.announce();

  constructor(options: EmbeddedDocumentsOptions) {
    this.#options = options;
  }

  async get(key: string): Promise<Document | undefined> {
    const level = await this.#options.session.level();
    const recordKey = `document/${key}`;
    const record = await this.#reading(() => level.get(recordKey));
    if (record === undefined) return undefined;
    return decodeVersioned(openRecord(recordKey, record, this.#options.directory));
  }

  put(key: string, value: Uint8Array, expectedVersion: ExpectedVersion): Promise<PutOutcome> {
    const sizeBytes = value.byteLength + recordOverheadBytes;
    return this.#options.commits.submit(sizeBytes, async (stage): Promise<PutOutcome> => {
      const found = await versionOf(stage, key);
      if (expectedVersion !== 'any' && expectedVersion !== found) return { kind: 'conflict', version: found };
      const counter = await stage.get(counterKey);
      const version = (counter === undefined ? 0 : decodeVersioned(counter).version) + 1;
      stage.put(counterKey, encodeVersioned(version));
      stage.put(`version/${key}`, encodeVersioned(version));
      stage.put(`document/${key}`, encodeVersioned(version, value));
      stage.afterCommit(this.#announce);
      return { kind: 'ok', version };
    });
  }

  delete(key: string, expectedVersion: number | 'any'): Promise<DeleteOutcome> {
    return this.#options.commits.submit(recordOverheadBytes, async (stage): Promise<DeleteOutcome> => {
      const found = await versionOf(stage, key);
      if (expectedVersion !== 'any' && expectedVersion !== found) return { kind: 'conflict', version: found };
      if (found === null) return { kind: 'ok' };
      stage.delete(`version/${key}`);
      stage.delete(`document/${key}`);
      stage.afterCommit(this.#announce);
      return { kind: 'ok' };
    });
  }

  async list(prefix: string): Promise<DocumentSummary[]> {
    const level = await this.#options.session.level();
    // A prefix ends in a slash, and `0` is the character after it.
    const first = `version/${prefix}`;
    const range = { gte: first, lt: `${first.slice(0, -1)}0` };
    const records = await this.#reading(() => level.iterator(range).all());
    return records.map(([recordKey, record]) => {
      const { version } = decodeVersioned(openRecord(recordKey, record, this.#options.directory));
      return { key: recordKey.slice('version/'.length), version };
    });
  }

  async #reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      throw storeErrorOf(error, this.#options.directory);
    }
  }
}

async function versionOf(stage: Stage, key: string): Promise<number | null> {
  const payload = await stage.get(`version/${key}`);
  return payload === undefined ? null : decodeVersioned(payload).version;
}
