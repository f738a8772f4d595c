/**
 * How a command ends when it can't do what was asked: a stable code, a sentence that names the thing, the cause and the
 * next step, and the exit code. Passed as a value; only bugs are thrown.
 */

/** Exit codes of every command (docs: "Command line"). */
export const exitCodes = {
  success: 0,
  error: 1,
  usage: 2,
  timedOut: 3,
  unreachable: 4,
  commandFailed: 5,
  halted: 6,
  denied: 7,
  credentialsNeeded: 8,
  unknown: 9,
  interrupted: 130,
  /** The reader of our output went away: as a shell shows a process that SIGPIPE ended. */
  brokenPipe: 141,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface Failure {
  /** Kebab-case; scripts may match on it. */
  readonly code: string;
  /** What, why, and the next step; may have several lines. */
  readonly message: string;
  readonly exitCode: ExitCode;
}

export type Result<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export function success<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function failed(failure: Failure): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure };
}

/** A mistake in how the command was called: exit code 2. */
export function usageFailure(
  code: string,
  message: string,
): { readonly ok: false; readonly failure: Failure } {
  return failed({ code, message, exitCode: exitCodes.usage });
}

/** What a person sees on stderr. */
export function failureText({ code, message }: Failure): string {
  return `pogo: ${code}: ${message}\n`;
}
