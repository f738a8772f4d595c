import type { TextPlace } from './yaml-tree.js';

/** Something wrong in a file that people write, or worth a look. */
export interface FileProblem extends TextPlace {
  readonly file: string;
  /** Kebab-case, stable. */
  readonly code: string;
  /** What, why, what to do; one line. */
  readonly message: string;
}

/** As compilers say it: `prod.yaml:12:5: message [code]`. */
export function formatFileProblem({ file, line, column, code, message }: FileProblem): string {
  return `${file}:${line}:${column}: ${message} [${code}]`;
}

/** By place. */
export function inFileOrder(problems: readonly FileProblem[]): FileProblem[] {
  return [...problems].sort((one, other) => one.line - other.line || one.column - other.column);
}
