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
import { settingOption } from '../configuration/setting-option.js';
import { withDispatcher } from './session.js';

const defaultLimit = 50;

export default command({
  name: 'jobs',
  summary: 'Lists jobs, newest first, of all namespaces unless one is named.',
  operands: '',
  operandCount: { min: 0, max: 0 },
  examples: [
    'pogo jobs',
    'pogo jobs --state running --limit 500',
    'pogo jobs --namespace east',
    'pogo jobs --json',
  ],
  options: {
    namespace: settingOption(
      '-n, --ns, --namespace',
      'namespace',
      'NAME',
      'only jobs of this namespace (all)',
    ),
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
      const jobs = await listJobs(dispatcher, options, options.limit ?? defaultLimit);
      if (!jobs.ok) return jobs;
      if (options.json === true)
        return printed(environment, `${JSON.stringify({ jobs: jobs.value }, undefined, 2)}\n`);
      if (jobs.value.length === 0) return printed(environment, '');
      const inSeveral = new Set(jobs.value.map(({ namespace }) => namespace)).size > 1;
      return printed(environment, table(jobs.value.map((job) => row(job, inSeveral))));
    }),
});

/** As many as asked for, over as many pages as that takes. */
async function listJobs(
  dispatcher: Dispatcher,
  { state, namespace }: { readonly state?: string; readonly namespace?: string },
  limit: number,
): Promise<Result<JobDocument[]>> {
  const found: JobDocument[] = [];
  let cursor: string | undefined;
  do {
    const page = await dispatcher.jobs({
      limit: Math.min(1000, limit - found.length),
      ...(state !== undefined && { state }),
      ...(namespace !== undefined && { namespace }),
      ...(cursor !== undefined && { cursor }),
    });
    if (!page.ok) return page;
    found.push(...page.value.jobs);
    cursor = page.value.nextCursor;
  } while (cursor !== undefined && found.length < limit);
  return success(found);
}

/** @param inSeveral the list has jobs of several namespaces, so that each says which is its own */
function row(job: JobDocument, inSeveral: boolean): string[] {
  return [
    job.id,
    ...(inSeveral ? [job.namespace] : []),
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
