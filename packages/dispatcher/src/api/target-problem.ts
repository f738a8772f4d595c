import type { TargetError } from '@pogo/core';
import { problem, type ProblemAnswer } from './answer.js';

/** The problem of a target expression, with the place of the fault. */
export function targetProblem(expression: string, error: TargetError): ProblemAnswer {
  const code = error.code === 'too-many-hosts' ? 'too-many-targets' : 'invalid-target';
  const where = error.offset >= expression.length ? 'at the end' : `at position ${error.offset + 1}`;
  const message = `${where}: ${error.message} (${error.code})`;
  return problem(code, `targets, ${message}.`, { errors: [{ path: 'targets', message }] });
}
