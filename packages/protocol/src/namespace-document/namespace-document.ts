/**
 * The namespace file (docs: NAMESPACES.md): YAML whose every problem has a line. Reads, checks and compiles it; pure, so
 * that client and dispatcher give the same answers.
 */
import {
  compileNamespace,
  foreignHosts,
  maxNamespaceProblems,
  type Namespace,
  type NamespaceDefinition,
  type NamespaceWarning,
} from '@pogo/core';
import { type FileProblem, inFileOrder } from '../yaml-file/file-problem.js';
import { type ReadYamlFile, readYamlFile, schemaProblems } from '../yaml-file/yaml-file.js';
import type { TextPlace, YamlPath } from '../yaml-file/yaml-tree.js';
import { namespaceDocumentSchema } from './document-schema.js';

/** Key of what the file takes hosts from: never part of what is applied. */
export const inventoriesKey = 'inventories';

/** Largest file, in bytes. */
export const maxNamespaceFileBytes = 4 * 1024 * 1024;

export type ParsedNamespaceDocument =
  | {
      readonly ok: true;
      readonly definition: NamespaceDefinition;
      /** The place of what is at a path of the definition: its key, or its value, there at an offset into its text. */
      locate(path: YamlPath, at?: 'key' | 'value', offset?: number): TextPlace;
    }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

export type CheckedNamespace =
  | { readonly ok: true; readonly namespace: Namespace; readonly warnings: readonly FileProblem[] }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** The YAML of a file, whatever it means; `content` may be its bytes. Never throws. */
export function readDocument(content: string | Uint8Array, file: string): ReadYamlFile {
  return readYamlFile({
    content,
    file,
    what: 'namespace',
    maxBytes: maxNamespaceFileBytes,
    needs: 'at least apps',
  });
}

/** The definition that a file has, its shape checked; `content` may be its bytes. Never throws. */
export function parseNamespaceDocument(content: string | Uint8Array, file: string): ParsedNamespaceDocument {
  const read = readDocument(content, file);
  if (!read.ok) return read;
  const { tree } = read;
  if (hasInventories(tree.value)) {
    const message =
      'inventories are read where the file is: `pogo ns apply` reads them, and sends a file that names the hosts';
    const place = tree.place([inventoriesKey], 'key');
    return { ok: false, problems: [{ file, ...place, code: 'inventories-not-read', message }] };
  }
  const parsed = namespaceDocumentSchema.safeParse(tree.value);
  if (parsed.success) {
    const locate = (path: YamlPath, at: 'key' | 'value' = 'key', offset?: number) =>
      tree.place(path, at, offset);
    return { ok: true, definition: parsed.data, locate };
  }
  const problems = inFileOrder(schemaProblems(parsed.error, tree, file));
  return { ok: false, problems: problems.slice(0, maxNamespaceProblems) };
}

/** Whether the file takes hosts from elsewhere, so that it doesn't say yet which there are. */
export function hasInventories(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, inventoriesKey);
}

/**
 * Where a file names hosts of other namespaces, by line; the file is right otherwise. Never throws.
 *
 * @param owners by host: whose it is
 */
export function foreignHostProblems(
  content: string | Uint8Array,
  file: string,
  owners: ReadonlyMap<string, string>,
): readonly FileProblem[] {
  const parsed = parseNamespaceDocument(content, file);
  if (!parsed.ok) return parsed.problems;
  const problems = foreignHosts(parsed.definition, owners).map(({ code, message, path, offset }) => {
    const at = offset === undefined ? 'key' : 'value';
    return { file, ...parsed.locate(path, at, offset), code, message };
  });
  return inFileOrder(problems);
}

/** The namespace that a file has, or everything that is wrong with it, by line. Never throws. */
export function checkNamespace(content: string | Uint8Array, file: string): CheckedNamespace {
  const parsed = parseNamespaceDocument(content, file);
  if (!parsed.ok) return parsed;
  const compiled = compileNamespace(parsed.definition);
  if (!compiled.ok) {
    const problems = compiled.problems.map(({ code, message, path, offset }) => {
      const at = offset !== undefined || code === 'invalid-limit' ? 'value' : 'key';
      return { file, ...parsed.locate(path, at, offset), code, message };
    });
    return { ok: false, problems: inFileOrder(problems) };
  }
  const located = ({ code, path, message }: NamespaceWarning) => ({
    file,
    ...parsed.locate(path),
    code,
    message,
  });
  return { ok: true, namespace: compiled.namespace, warnings: inFileOrder(compiled.warnings.map(located)) };
}
