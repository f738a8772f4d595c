import type {
  DeleteOutcome,
  Document,
  DocumentSummary,
  ExpectedVersion,
  PutOutcome,
} from '../../documents.js';
import { ChangeSignal } from '../local/change-signal.js';
import type { LocalDocuments } from '../local/handle.js';

/** Versions come from one counter for all keys, so that none returns after a deletion. */
export class MemoryDocuments implements LocalDocuments {
  readonly changes = new ChangeSignal();
  readonly #documents = new Map<string, Document>();
  #lastVersion = 0;

  async get(key: string): Promise<Document | undefined> {
    const found = this.#documents.get(key);
    return found === undefined ? undefined : { ...found };
  }

  async put(key: string, value: Uint8Array, expectedVersion: ExpectedVersion): Promise<PutOutcome> {
    const version = this.#documents.get(key)?.version ?? null;
    if (expectedVersion !== 'any' && expectedVersion !== version) return { kind: 'conflict', version };
    this.#lastVersion += 1;
    this.#documents.set(key, { value: value.slice(), version: this.#lastVersion });
    this.changes.announce();
    return { kind: 'ok', version: this.#lastVersion };
  }

  async delete(key: string, expectedVersion: number | 'any'): Promise<DeleteOutcome> {
    const version = this.#documents.get(key)?.version ?? null;
    if (expectedVersion !== 'any' && expectedVersion !== version) return { kind: 'conflict', version };
    if (this.#documents.delete(key)) this.changes.announce();
    return { kind: 'ok' };
  }

  async list(prefix: string): Promise<DocumentSummary[]> {
    const below = [...this.#documents].filter(([key]) => key.startsWith(prefix));
    return below
      .map(([key, { version }]) => ({ key, version }))
      .sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
  }
}
