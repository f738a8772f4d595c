/** What can be wrong with a target expression; stable. */
export type TargetErrorCode =
  | 'expression-too-long'
  | 'empty-expression'
  | 'missing-operand'
  | 'unexpected-character'
  | 'unclosed-bracket'
  | 'unclosed-brace'
  | 'unclosed-quote'
  | 'nested-too-deep'
  | 'range-syntax'
  | 'range-backwards'
  | 'range-step'
  | 'range-padding'
  | 'number-too-long'
  | 'invalid-host'
  | 'invalid-user'
  | 'invalid-port'
  | 'missing-path'
  | 'file-not-read'
  | 'nested-file'
  | 'unknown-group'
  | 'no-match'
  | 'conflicting-target'
  | 'too-many-hosts'
  | 'too-much-work';

/** Why an expression has no targets, and where in it. Offsets and lengths count UTF-16 code units. */
export interface TargetError {
  readonly code: TargetErrorCode;
  /** From the start of the expression: 0 up to its length, which stands for its end. */
  readonly offset: number;
  /** How much of the expression from there is meant; 0 at its end. */
  readonly length: number;
  readonly found: string;
  readonly expected: string;
  /** One sentence or two for people: what, why, what to do. */
  readonly message: string;
  /** The line of a file that the fault is in, when `offset` points at that file's name. */
  readonly within?: {
    readonly path: string;
    /** From 1. */
    readonly line: number;
    readonly text: string;
    readonly offset: number;
    readonly length: number;
  };
}

/** What an error's maker says; the rest is derived. */
export interface TargetFault {
  readonly code: TargetErrorCode;
  readonly offset: number;
  readonly length?: number;
  readonly expected: string;
  /** Instead of the text at the offset. */
  readonly found?: string;
  /** Instead of "found …, expected …". */
  readonly message?: string;
}

export function targetError(text: string, fault: TargetFault): TargetError {
  const offset = Math.min(fault.offset, text.length);
  const length = Math.min(fault.length ?? 1, text.length - offset);
  const found = fault.found ?? quoted(text.slice(offset, offset + length));
  const message = fault.message ?? `found ${found}, expected ${fault.expected}`;
  return { code: fault.code, offset, length, found, expected: fault.expected, message };
}

/** The text in quotes, short, and harmless on a terminal. */
export function quoted(text: string): string {
  if (text === '') return 'the end';
  const short = text.length > 60 ? `${text.slice(0, 57)}…` : text;
  return `"${short.replace(/[^\x20-\x7e…]/gu, spelledOut)}"`;
}

function spelledOut(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  return `<U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}>`;
}

const windowBefore = 60;
const windowAfter = 30;

/**
 * The error for a terminal: the expression (a window of it when it is long), a caret under the fault, and the message
 * with its code.
 */
export function explainTargetError(expression: string, error: TargetError): string {
  const { within } = error;
  const lines = underlined(expression, error.offset, error.length);
  if (within)
    lines.push(`${within.path}:${within.line}:`, ...underlined(within.text, within.offset, within.length));
  lines.push(`${error.message} (${error.code})`);
  return lines.join('\n');
}

function underlined(text: string, offset: number, length: number): string[] {
  const start = offset > windowBefore ? offset - windowBefore : 0;
  const end = Math.min(text.length, offset + windowAfter);
  const before = start > 0 ? '…' : '';
  const shown = text.slice(start, end).replace(/[^\x20-\x7e]/g, '?');
  const marks = Math.max(1, Math.min(length, end - offset));
  return [
    `  ${before}${shown}${end < text.length ? '…' : ''}`,
    `  ${' '.repeat(before.length + offset - start)}${'^'.repeat(marks)}`,
  ];
}

/** A count for people: `1,000,000`. */
export function formatCount(count: number): string {
  if (count > Number.MAX_SAFE_INTEGER) return `more than ${formatCount(Number.MAX_SAFE_INTEGER)}`;
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}
