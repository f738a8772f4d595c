import { defaultNamespace } from '@pogo/core';
import type { Documents, DocumentSummary } from '@pogo/store';
import type { NamespaceIdentity } from './namespace-registry.js';

/**
 * The documents of one namespace: below a folder of its own, which whoever reads and writes them doesn't see. Those of
 * `default` are where they were before there were other namespaces, in no folder: stores from then are read as they are.
 * The folder isn't in `namespaces/`: that has the versions of default's file, and what is none of these is deleted there.
 */
export function documentsOf({ name, number }: NamespaceIdentity, documents: Documents): Documents {
  if (number === defaultNamespace.number) return documents;
  const folder = `in-namespace/${name}/`;
  const within = (summaries: readonly DocumentSummary[]) =>
    summaries.map(({ key, version }) => ({ key: key.slice(folder.length), version }));
  return {
    get: (key) => documents.get(`${folder}${key}`),
    put: (key, value, expected) => documents.put(`${folder}${key}`, value, expected),
    delete: (key, expected) => documents.delete(`${folder}${key}`, expected),
    list: async (prefix) => within(await documents.list(`${folder}${prefix}`)),
    async *watch(prefix, signal) {
      for await (const summaries of documents.watch(`${folder}${prefix}`, signal)) yield within(summaries);
    },
  };
}
