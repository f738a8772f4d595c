/** `--ramp 1,10%,100%` and `--ramp-pause`: a few hosts first (S9). */
import type { RequestedLimits } from '@pogo/protocol';
import { countOrPercentage, durationMs, one, type ValueParser } from '../command-line/option.js';
import { type Result, success, usageFailure } from '../failure.js';

const day = 86_400_000;

const steps: ValueParser<string[]> = (value) => {
  const parsed: string[] = [];
  for (const part of value.split(',')) {
    const step = countOrPercentage(part.trim());
    if (!step.ok) return step;
    parsed.push(step.value);
  }
  return success(parsed);
};

/** Milliseconds; null is until somebody confirms. */
const pause: ValueParser<number | null> = (value) => {
  if (value === 'confirm') return success(null);
  return value === '0' ? success(0) : durationMs({ maxMs: 31 * day })(value);
};

export const rampPause = one(
  '--ramp-pause',
  'between two steps of the ramp: a time span, or confirm, which is until somebody resumes the job (0)',
  { argument: 'confirm|S', parse: pause, completes: ['confirm'] },
);

export const rampOptions = {
  ramp: one(
    '--ramp',
    'a few hosts first, more only when these have succeeded: 1,10%,100% of the hosts of the job',
    { argument: 'N|N%,…', parse: steps },
  ),
  rampPause,
} as const;

/** For a command that alters a ramp, or lifts it. */
export const alteredRampOptions = {
  ramp: one('--ramp', 'steps such as 1,10%,100% of the hosts of the job; none lifts the ramp', {
    argument: 'N|N%,…',
    parse: (value: string): Result<string[] | 'none'> => (value === 'none' ? success(value) : steps(value)),
    completes: ['none'],
  }),
  rampPause,
} as const;

/** @param present ramp that a pause alone is for */
export function rampRequest(
  { ramp, rampPause: pauseMs }: { ramp?: readonly string[]; rampPause?: number | null },
  present?: { steps: readonly number[]; pauseMs: number | null },
): Result<RequestedLimits['ramp']> {
  if (ramp !== undefined) {
    const usual = present === undefined ? 0 : present.pauseMs;
    return success({ steps: [...ramp], pauseMs: pauseMs === undefined ? usual : pauseMs });
  }
  if (pauseMs === undefined) return success(undefined);
  if (present === undefined)
    return usageFailure('usage', '--ramp-pause is between the steps of a ramp: give --ramp as well');
  return success({ steps: present.steps.map(String), pauseMs });
}
