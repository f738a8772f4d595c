/**
 * Which namespaces an instance has, and their numbers: one small document, the same for every dispatcher on a store.
 *
 * 1. A number is allotted once and for ever: job numbers begin with it. Nothing is ever removed.
 * 2. `default` has number 0 and is there without being written: so it was before there were others.
 */
import { defaultNamespace, maxNamespaces } from '@pogo/core';
import { type Documents, StoreError } from '@pogo/store';
import * as z from 'zod';

/** What a namespace is called, and the number that its jobs' numbers begin with. */
export interface NamespaceIdentity {
  readonly name: string;
  readonly number: number;
}

export type Allotment =
  | { kind: 'allotted' | 'known'; identity: NamespaceIdentity }
  /** Every number has been allotted. */
  | { kind: 'full' };

const key = 'namespace-registry';

const registrySchema = z.object({
  format: z.literal(1),
  namespaces: z.array(z.object({ name: z.string(), number: z.int().min(1) })),
});

export class NamespaceRegistry {
  readonly #documents: Documents;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  /** All of them, by number. Rejects with a StoreError when that can't be told. */
  async list(): Promise<NamespaceIdentity[]> {
    return (await this.#read()).namespaces;
  }

  /** A number for the name, unless it has one. */
  async allot(name: string): Promise<Allotment> {
    for (;;) {
      const { namespaces, version } = await this.#read();
      const known = namespaces.find((one) => one.name === name);
      if (known !== undefined) return { kind: 'known', identity: known };
      const number = namespaces.length;
      if (number >= maxNamespaces) return { kind: 'full' };
      const identity = { name, number };
      const written = { format: 1, namespaces: [...namespaces.slice(1), identity] };
      const outcome = await this.#documents.put(key, Buffer.from(JSON.stringify(written)), version);
      if (outcome.kind === 'ok') return { kind: 'allotted', identity };
      // Somebody else made one meanwhile.
    }
  }

  async #read(): Promise<{ namespaces: NamespaceIdentity[]; version: number | null }> {
    const found = await this.#documents.get(key);
    if (found === undefined) return { namespaces: [defaultNamespace], version: null };
    const parsed = registrySchema.safeParse(JSON.parse(Buffer.from(found.value).toString('utf8')));
    if (!parsed.success) {
      throw new StoreError(
        'store-format-newer',
        'the list of namespaces was written by a later release: start that release, or a later one',
      );
    }
    return { namespaces: [defaultNamespace, ...parsed.data.namespaces], version: found.version };
  }
}
