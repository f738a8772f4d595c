import { jobStates } from '@pogo/core';
import type { JobDocument } from '@pogo/protocol';
import type { Dispatcher } from '../api/dispatcher.js';
import { command } from '../command-line/command.js';
import { flag, integer, one, oneOf } from '../command-line/option.js';
import { type Result, success } from '../failure.js';
import { neutralise } from '../render/escape.js';
import { standingText } from '../render/standing-text.js';
import { countsText } from '../render/summary.js';
import { table } from '../render/table.js';
import { timeText } from '../render/time.js';
import { printed } from './printed.js';
import { withDispatcher } from './session.js';

const defaultLimit = 50;

export default command({
  name: 'jobs',
  summary: 'Lists jobs, newest first.',
  operands: '',
  operandCount: { min: 0, max: 0 },
  examples: ['pogo jobs', 'pogo jobs --state running --limit 500', 'pogo jobs --json'],
  options: {
    state: one('--state', 'only jobs in this state', {
      argument: 'STATE',
      parse: oneOf(jobStates),
      completes: jobStates,
    }),
    limit: one('--limit', `how many (${defaultLimit})`, {
      argument: 'N',
      parse: integer({ min: 1, max: 100_000 }),
    }),
    json: flag('--json', 'as a JSON document'),
  },
  run: ({ environment, options }) =>
    withDispatcher(environment, async ({ dispatcher }) => {
      const jobs = await listJobs(dispatcher, options.state, options.limit ?? defaultLimit);
      if (!jobs.ok) return jobs;
      if (options.json === true)
        return printed(environment, `${JSON.stringify({ jobs: jobs.value }, undefined, 2)}\n`);
      if (jobs.value.length === 0) return printed(environment, '');
      return printed(environment, table(jobs.value.map(row)));
    }),
});

/** As many as asked for, over as many pages as that takes. */
async function listJobs(
  dispatcher: Dispatcher,
  state: string | undefined,
  limit: number,
): Promise<Result<JobDocument[]>> {
  const found: JobDocument[] = [];
  let cursor: string | undefined;
  do {
    const page = await dispatcher.jobs({
      limit: Math.min(1000, limit - found.length),
      ...(state !== undefined && { state }),
      ...(cursor !== undefined && { cursor }),
    });
    if (!page.ok) return page;
    found.push(...page.value.jobs);
    cursor = page.value.nextCursor;
  } while (cursor !== undefined && found.length < limit);
  return success(found);
}

function row(job: JobDocument): string[] {
  return [
    job.id,
    stateText(job),
    timeText(job.acceptedAtMs),
    job.submitter,
    countsText(job.hosts, job.counts),
    job.title,
  ];
}

/** `running (ramp 1/3, waits for confirmation)` */
function stateText(job: JobDocument): string {
  const standing = standingText(job);
  return standing === undefined ? job.state : neutralise(`${job.state} (${standing})`);
}
