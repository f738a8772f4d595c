/**
 * The namespace file (docs: NAMESPACES.md): YAML whose every problem has a line. Reads, checks and compiles it; pure, so
 * that client and dispatcher give the same answers.
 */
import {
  compileNamespace,
  maxNamespaceProblems,
  type Namespace,
  type NamespaceDefinition,
  type NamespaceWarning,
} from '@pogo/core';
import type * as z from 'zod';
import { namespaceDocumentSchema } from './document-schema.js';
import { printable, readYaml, type TextPlace, type YamlPath } from './yaml-tree.js';

/** Largest file, in bytes. */
export const maxNamespaceFileBytes = 4 * 1024 * 1024;

/** Something wrong in a file, or worth a look. */
export interface NamespaceFileProblem extends TextPlace {
  readonly file: string;
  /** Kebab-case, stable: one of those of the definition, or of the file itself. */
  readonly code: string;
  /** What, why, what to do; one line. */
  readonly message: string;
}

/** As compilers say it: `prod.yaml:12:5: message [code]`. */
export function formatNamespaceProblem({ file, line, column, code, message }: NamespaceFileProblem): string {
  return `${file}:${line}:${column}: ${message} [${code}]`;
}

export type ParsedNamespaceDocument =
  | {
      readonly ok: true;
      readonly definition: NamespaceDefinition;
      /** The place of what is at a path of the definition: its key, or its value, there at an offset into its text. */
      locate(path: YamlPath, at?: 'key' | 'value', offset?: number): TextPlace;
    }
  | { readonly ok: false; readonly problems: readonly NamespaceFileProblem[] };

export type CheckedNamespace =
  | { readonly ok: true; readonly namespace: Namespace; readonly warnings: readonly NamespaceFileProblem[] }
  | { readonly ok: false; readonly problems: readonly NamespaceFileProblem[] };

/** The definition that a file has, its shape checked; `content` may be its bytes. Never throws. */
export function parseNamespaceDocument(content: string | Uint8Array, file: string): ParsedNamespaceDocument {
  const refused = (place: TextPlace, code: string, message: string): ParsedNamespaceDocument => ({
    ok: false,
    problems: [{ file, ...place, code, message }],
  });
  const start = { line: 1, column: 1 };
  const bytes = typeof content === 'string' ? Buffer.byteLength(content) : content.length;
  if (bytes > maxNamespaceFileBytes) {
    const message = `the file has ${bytes} bytes, and at most ${maxNamespaceFileBytes} are allowed`;
    return refused(start, 'namespace-too-large', message);
  }
  const text = typeof content === 'string' ? content : new TextDecoder().decode(content);
  const odd =
    /[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.exec(
      text,
    );
  if (odd !== null) {
    const code = odd[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return refused(
      placeIn(text, odd.index),
      'not-text',
      `not a text in UTF-8: U+${code} has no place in one`,
    );
  }
  const read = readYaml(text);
  if (!read.ok)
    return { ok: false, problems: inOrder(read.problems.map((problem) => ({ file, ...problem }))) };
  const { tree } = read;
  if (tree.value === null)
    return refused(start, 'empty-namespace', 'the file is empty: it needs at least apps');
  const parsed = namespaceDocumentSchema.safeParse(tree.value);
  if (parsed.success) {
    const locate = (path: YamlPath, at: 'key' | 'value' = 'key', offset?: number) =>
      tree.place(path, at, offset);
    return { ok: true, definition: parsed.data, locate };
  }
  const problems = parsed.error.issues.flatMap((issue) => {
    const path = issue.path.filter((step) => typeof step !== 'symbol');
    if (issue.code !== 'unrecognized_keys') {
      const code = codeOf(issue);
      const place = tree.place(path, code === 'duplicate-key' ? 'key' : 'value');
      return [{ file, ...place, code, message: issue.message }];
    }
    return issue.keys.map((key) => ({
      file,
      ...tree.place([...path, key], 'key'),
      code: 'unknown-key',
      message: issue.message.replace('unknown key', `unknown key "${printable(key)}"`),
    }));
  });
  return { ok: false, problems: inOrder(problems).slice(0, maxNamespaceProblems) };
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
    return { ok: false, problems: inOrder(problems) };
  }
  const located = ({ code, path, message }: NamespaceWarning) => ({
    file,
    ...parsed.locate(path),
    code,
    message,
  });
  return { ok: true, namespace: compiled.namespace, warnings: inOrder(compiled.warnings.map(located)) };
}

function codeOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'custom' && typeof issue.params?.['code'] === 'string') return issue.params['code'];
  return issue.path.length === 1 && issue.message.startsWith('the file has no')
    ? 'missing-key'
    : 'wrong-type';
}

function inOrder(problems: readonly NamespaceFileProblem[]): NamespaceFileProblem[] {
  return [...problems].sort((one, other) => one.line - other.line || one.column - other.column);
}

function placeIn(text: string, offset: number): TextPlace {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}
