import type { PlanAnswer } from '../api/plan-answer.js';
import { type Result, success, usageFailure } from '../failure.js';

/** S10: a job that earlier runs of its command show to outlast its timeout is refused, unless somebody wants it so. */
export function checkEstimate({ estimate, limits }: PlanAnswer, ignored: boolean): Result<undefined> {
  const { from, clockMs, attempts } = estimate;
  if (ignored || from !== 'command' || clockMs === undefined || clockMs <= limits.jobTimeoutMs)
    return success(undefined);
  const needed = Math.ceil(clockMs / 1000);
  return usageFailure(
    'job-timeout-too-short',
    `the job would take about ${needed} s, as ${attempts} earlier ${attempts === 1 ? 'attempt' : 'attempts'} of its command ${attempts === 1 ? 'shows' : 'show'}, and is ended after ${limits.jobTimeoutMs / 1000} s, so nothing was run: give it a longer --job-timeout, or --ignore-estimate if it may be cut off. See \`pogo plan\``,
  );
}
