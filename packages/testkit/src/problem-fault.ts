/** For fuzz tests of files whose faults are told with place, code and message. */

/** A fault as a checker of files tells it; line and column from 1. */
export interface ToldProblem {
  readonly line: number;
  readonly column: number;
  readonly code: string;
  readonly message: string;
}

/**
 * What is wrong with how a fault in the text is told: a place outside of it, no code, no message, or characters of the text
 * that could act on a terminal; undefined when nothing is.
 */
export function problemFault(
  text: string,
  { line, column, code, message }: ToldProblem,
): { fault: string } | undefined {
  const lines = text.split(/\r\n|\r|\n/);
  if (!(line >= 1 && line <= lines.length + 1 && column >= 1))
    return { fault: `${line}:${column} is outside` };
  if (column > Math.max(...text.split('\n').map((one) => one.length)) + 1)
    return { fault: 'beyond every line' };
  if (!/^[a-z][a-z-]+$/.test(code) || message === '') return { fault: 'a problem that says nothing' };
  if (/[^\x20-\x7e…→]/.test(message)) return { fault: `raw characters in ${JSON.stringify(message)}` };
  return undefined;
}
