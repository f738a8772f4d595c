/** Versions of the namespace's file as large documents (L6): written before the entry that names them. */
import { compileNamespace, type Namespace, type NamespaceDefinition } from '@pogo/core';
import { type Documents, getLarge, type LargeReference, putLarge, StoreError } from '@pogo/store';

export interface NamespaceVersion {
  /** The file as it was applied, byte for byte. */
  readonly text: string;
  readonly definition: NamespaceDefinition;
}

export interface CompiledVersion extends NamespaceVersion {
  readonly namespace: Namespace;
}

interface StoredVersion extends NamespaceVersion {
  readonly format: 1;
}

const root = 'namespaces/';

export class NamespaceDocuments {
  readonly #documents: Documents;
  readonly #uniqueId: () => string;

  constructor(options: { documents: Documents; uniqueId: () => string }) {
    this.#documents = options.documents;
    this.#uniqueId = options.uniqueId;
  }

  /** Writes a version; the answer is its key for the log. */
  async put({ text, definition }: NamespaceVersion): Promise<string> {
    const uniqueName = this.#uniqueId();
    const stored: StoredVersion = { format: 1, text, definition };
    const value = Buffer.from(JSON.stringify(stored));
    const { folder, digest } = await putLarge(this.#documents, {
      folder: `${root}${uniqueName}/`,
      value,
      uniqueName,
    });
    return `${folder}${digest}`;
  }

  /** The file and what it says; rejects with a StoreError when it can't be had, or means nothing to this release. */
  async read(ref: string): Promise<NamespaceVersion> {
    return (await this.#read(ref)) ?? missing(ref);
  }

  /** The same, compiled: not for every request, since a hundred thousand hosts take a while. */
  async get(ref: string): Promise<CompiledVersion> {
    return (await this.find(ref)) ?? missing(ref);
  }

  /** The same; undefined when nothing is stored for it: it may be kept no longer. */
  async find(ref: string): Promise<CompiledVersion | undefined> {
    const version = await this.#read(ref);
    if (version === undefined) return undefined;
    const compiled = compileNamespace(version.definition);
    if (!compiled.ok) throw newerRelease(ref);
    return { ...version, namespace: compiled.namespace };
  }

  async #read(ref: string): Promise<NamespaceVersion | undefined> {
    const bytes = await getLarge(this.#documents, referenceOf(ref));
    if (bytes === undefined) return undefined;
    const { format, text, definition } = JSON.parse(Buffer.from(bytes).toString('utf8')) as StoredVersion;
    if (format !== 1) throw newerRelease(ref);
    return { text, definition };
  }

  /** Keys of all that is stored for versions, by the folder that a reference to one begins with. */
  async folders(): Promise<Map<string, string[]>> {
    const folders = new Map<string, string[]>();
    for (const { key } of await this.#documents.list(root)) {
      const folder = key.slice(0, key.indexOf('/', root.length) + 1);
      const keys = folders.get(folder);
      if (keys === undefined) folders.set(folder, [key]);
      else keys.push(key);
    }
    return folders;
  }

  /** Deletes what is stored for a version, what makes it one first. */
  async delete(keys: readonly string[]): Promise<void> {
    const isChunk = (key: string) => Number(key.includes('/chunks/'));
    for (const key of [...keys].sort((one, other) => isChunk(one) - isChunk(other)))
      await this.#documents.delete(key, 'any');
  }
}

function missing(ref: string): never {
  throw new StoreError('store-corrupt', `the namespace ${ref} is missing: restore the store from a backup`);
}

function newerRelease(ref: string): StoreError {
  return new StoreError(
    'store-format-newer',
    `the namespace ${ref} was written by a later release: start that release, or a later one`,
  );
}

function referenceOf(ref: string): LargeReference {
  const slash = ref.lastIndexOf('/');
  return { folder: ref.slice(0, slash + 1), digest: ref.slice(slash + 1) };
}
