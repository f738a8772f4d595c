import type { AlterRequest, JobDocument } from '@pogo/protocol';
import { command } from '../command-line/command.js';
import {
  countOrPercentage,
  durationMs,
  flag,
  one,
  type ValueParser,
  type ValuesOf,
} from '../command-line/option.js';
import { exitCodes, failed, type Result, success, usageFailure } from '../failure.js';
import { limitsText } from '../render/limits-text.js';
import { alteredRampOptions, rampRequest } from '../run/ramp-options.js';
import { explainRefusal } from '../run/verb-refusal.js';
import { withJob } from './job-session.js';
import { printed } from './printed.js';

const day = 86_400_000;

/** Null lifts the limit. */
const countOrNone: ValueParser<string | null> = (value) =>
  value === 'none' ? success(null) : countOrPercentage(value);

const options = {
  concurrent: one('--cc, --concurrent, -F, --fanout', 'most hosts at once; none lifts the cap', {
    argument: 'N|N%',
    parse: countOrNone,
    completes: ['none'],
  }),
  maxFailures: one('--max-failures', 'start nothing new after this many failures; none lifts the budget', {
    argument: 'N|N%',
    parse: countOrNone,
    completes: ['none'],
  }),
  jobTimeout: one('--job-timeout', 'time limit of the whole job, in seconds, from when it was accepted', {
    argument: 'S',
    parse: durationMs({ maxMs: 31 * day }),
  }),
  ...alteredRampOptions,
  json: flag('--json', 'as a JSON document'),
} as const;

export default command({
  name: 'alter',
  summary:
    'Changes the limits of a job while it runs. Nothing that runs is disturbed; command, account and hosts stay as they are.',
  operands: 'JOB',
  operandCount: { min: 1, max: 1 },
  completes: ['last'],
  examples: [
    'pogo alter last --concurrent 5',
    'pogo alter 12 --max-failures none --job-timeout 2h',
    'pogo alter p0000000012 --ramp 5,25% --ramp-pause 10m',
  ],
  options,
  run: ({ environment, options: given, operands }) =>
    withJob(environment, operands[0]!, async ({ dispatcher, job }) => {
      const limits = limitsOf(given, job);
      if (!limits.ok) return limits;
      const altered = await dispatcher.act(job.id, 'alter', { limits: limits.value });
      if (!altered.ok) return failed(explainRefusal(altered.failure, 'alter', job.id));
      if (given.json === true)
        return printed(environment, `${JSON.stringify(altered.value, undefined, 2)}\n`);
      environment.stderr.write(`${job.id} has these limits now: ${limitsText(altered.value.job.limits)}\n`);
      return success(exitCodes.success);
    }),
});

function limitsOf(
  { concurrent, maxFailures, jobTimeout, ramp, rampPause }: ValuesOf<typeof options>,
  job: JobDocument,
): Result<AlterRequest['limits']> {
  const steps = ramp === 'none' ? undefined : ramp;
  const pauseMs = ramp === 'none' ? undefined : rampPause;
  const asked = rampRequest(
    { ...(steps && { ramp: steps }), ...(pauseMs !== undefined && { rampPause: pauseMs }) },
    job.limits.ramp,
  );
  if (!asked.ok) return asked;
  const limits: AlterRequest['limits'] = {
    ...(concurrent !== undefined && { concurrent }),
    ...(maxFailures !== undefined && { maxFailures }),
    ...(jobTimeout !== undefined && { jobTimeoutMs: jobTimeout }),
    ...(ramp === 'none' ? { ramp: null } : asked.value && { ramp: asked.value }),
  };
  if (Object.keys(limits).length > 0) return success(limits);
  return usageFailure('usage', 'no limit is named: pogo alter --help shows which there are');
}
