/** What every file in YAML that people write goes through before its own rules: size, characters, syntax, schema. Pure. */
import type * as z from 'zod';
import { type FileProblem, inFileOrder } from './file-problem.js';
import { printable, readYaml, type ScalarReading, type TextPlace, type YamlTree } from './yaml-tree.js';

export interface YamlFile {
  /** Its text, or its bytes. */
  readonly content: string | Uint8Array;
  /** As messages name it. */
  readonly file: string;
  /** What codes name it: `namespace` for `namespace-too-large`. */
  readonly what: string;
  readonly maxBytes: number;
  /** What a file with nothing in it is told that it needs. */
  readonly needs: string;
  /** `typed` unless told. */
  readonly scalars?: ScalarReading;
}

export type ReadYamlFile =
  | { readonly ok: true; readonly tree: YamlTree }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** The values of a file, with their places. Never throws. */
export function readYamlFile({
  content,
  file,
  what,
  maxBytes,
  needs,
  scalars = 'typed',
}: YamlFile): ReadYamlFile {
  const refused = (place: TextPlace, code: string, message: string): ReadYamlFile => ({
    ok: false,
    problems: [{ file, ...place, code, message }],
  });
  const start = { line: 1, column: 1 };
  const bytes = typeof content === 'string' ? Buffer.byteLength(content) : content.length;
  if (bytes > maxBytes) {
    const message = `the file has ${bytes} bytes, and at most ${maxBytes} are allowed`;
    return refused(start, `${what}-too-large`, message);
  }
  const text = typeof content === 'string' ? content : new TextDecoder().decode(content);
  const odd = notText.exec(text);
  if (odd !== null) {
    const code = odd[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return refused(
      placeIn(text, odd.index),
      'not-text',
      `not a text in UTF-8: U+${code} has no place in one`,
    );
  }
  const read = readYaml(text, scalars);
  if (!read.ok)
    return { ok: false, problems: inFileOrder(read.problems.map((problem) => ({ file, ...problem }))) };
  if (read.tree.isEmpty) return refused(start, `empty-${what}`, `the file is empty: it needs ${needs}`);
  return { ok: true, tree: read.tree };
}

/** Control characters, what stands for bytes that are no UTF-8, and halves of surrogate pairs. */
const notText =
  /[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/**
 * What a schema finds wrong with the values of a file, each at its place. An issue's code is `wrong-type`, unless it
 * brings its own as the parameter `code`; a message that begins with "the … has no" is about a `missing-key`.
 */
export function schemaProblems(error: z.ZodError, tree: YamlTree, file: string): FileProblem[] {
  return error.issues.flatMap((issue) => {
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
}

function codeOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'custom' && typeof issue.params?.['code'] === 'string') return issue.params['code'];
  return /^the \w+ has no /.test(issue.message) ? 'missing-key' : 'wrong-type';
}

function placeIn(text: string, offset: number): TextPlace {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}
