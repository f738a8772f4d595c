/** Resolved specs as large documents (L6): written before the entry that names them, found again by that name. */
import { type ResolvedSpec, resolvedSpecSchema } from '@pogo/protocol';
import {
  deleteLarge,
  type Documents,
  getLarge,
  type LargeReference,
  putLarge,
  StoreError,
} from '@pogo/store';

const keptSpecs = 64;
/** Larger ones are read again rather than kept, in bytes. */
const maxKeptBytes = 256 * 1024;

export class Specs {
  readonly #documents: Documents;
  readonly #uniqueId: () => string;
  readonly #kept = new Map<string, ResolvedSpec>();

  constructor(options: { documents: Documents; uniqueId: () => string }) {
    this.#documents = options.documents;
    this.#uniqueId = options.uniqueId;
  }

  /** Writes the spec; the answer is its key for the log. Each submission has a document of its own. */
  async put(spec: ResolvedSpec): Promise<string> {
    const uniqueName = this.#uniqueId();
    const value = Buffer.from(JSON.stringify(spec));
    const { folder, digest } = await putLarge(this.#documents, {
      folder: `specs/${uniqueName}/`,
      value,
      uniqueName,
    });
    const key = `${folder}${digest}`;
    if (value.length <= maxKeptBytes) this.#keep(key, spec);
    return key;
  }

  /** Rejects with a StoreError when it can't be had. */
  async get(key: string): Promise<ResolvedSpec> {
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const bytes = await getLarge(this.#documents, referenceOf(key));
    if (bytes === undefined) {
      throw new StoreError('store-corrupt', `the spec ${key} is missing: restore the store from a backup`);
    }
    const spec = resolvedSpecSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    if (bytes.length <= maxKeptBytes) this.#keep(key, spec);
    return spec;
  }

  async delete(key: string): Promise<void> {
    this.#kept.delete(key);
    await deleteLarge(this.#documents, referenceOf(key));
  }

  #keep(key: string, spec: ResolvedSpec): void {
    this.#kept.delete(key);
    this.#kept.set(key, spec);
    if (this.#kept.size > keptSpecs) this.#kept.delete(this.#kept.keys().next().value!);
  }
}

function referenceOf(key: string): LargeReference {
  const slash = key.lastIndexOf('/');
  return { folder: key.slice(0, slash + 1), digest: key.slice(slash + 1) };
}
