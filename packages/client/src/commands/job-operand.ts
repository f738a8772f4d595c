import { formatJobId, parseJobId } from '@pogo/core';
import { type Result, success, usageFailure } from '../failure.js';

/** A job as people name it: `last`, `12`, `p12`, `p0000000012`. */
export function jobOperand(text: string): Result<string> {
  if (text === 'last') return success(text);
  const job = parseJobId(text);
  return job === undefined
    ? usageFailure(
        'invalid-job',
        `${JSON.stringify(text)} names no job: give last, 12, p12 or p0000000012; \`pogo jobs\` lists them`,
      )
    : success(formatJobId(job));
}
