import type { Problem } from '@pogo/protocol';
import { type ExitCode, exitCodes, type Failure } from '../failure.js';

/** Problems that come from how the command was called. */
const usageProblems = [
  'invalid-request',
  'invalid-target',
  'too-many-targets',
  'hosts-not-in-namespace',
  'host-of-another-namespace',
  'namespace-invalid',
  'unknown-namespace',
  'unknown-version',
  'unknown-slot',
  'unknown-worker',
  'spec-too-large',
  'unknown-job',
  'unknown-host',
  'idempotency-mismatch',
];

const exitCodeOf = new Map<string, ExitCode>([
  ...usageProblems.map((code): [string, ExitCode] => [code, exitCodes.usage]),
  ['unauthenticated', exitCodes.denied],
  ['forbidden', exitCodes.denied],
  ['credentials-missing', exitCodes.credentialsNeeded],
]);

const prefix = 'urn:pogo:problem:';
const shownErrors = 5;

/** The stable code of a problem's type. */
export function problemCode({ type }: Pick<Problem, 'type'>): string {
  return type.startsWith(prefix) ? type.slice(prefix.length) : 'problem';
}

/** A refusal by the dispatcher as the failure that a person sees. */
export function problemFailure(status: number, problem: Problem | undefined, url: string): Failure {
  if (problem === undefined) {
    return {
      code: 'invalid-answer',
      message: `${url} answered with status ${status} and no explanation: is it a dispatcher, and is no proxy in between?`,
      exitCode: exitCodes.error,
    };
  }
  const code = problemCode(problem);
  const errors = problem.errors ?? [];
  const lines = errors
    .slice(0, shownErrors)
    .map(({ path, message }) => `\n  ${path === '' ? '' : `${path}: `}${message}`);
  if (errors.length > shownErrors) lines.push(`\n  and ${errors.length - shownErrors} more`);
  return {
    code,
    message: `${problem.detail ?? problem.title}${lines.join('')}`,
    exitCode: exitCodeOf.get(code) ?? exitCodes.error,
  };
}
