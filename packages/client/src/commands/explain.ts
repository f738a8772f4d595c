import { type EndedJobState, endedJobStates } from '@pogo/core';
import type { Explanation, JobDocument } from '@pogo/protocol';
import type { Dispatcher } from '../api/dispatcher.js';
import { command } from '../command-line/command.js';
import { flag } from '../command-line/option.js';
import type { Environment } from '../environment.js';
import { type Result, success, usageFailure } from '../failure.js';
import { explanationText } from '../render/explanation-text.js';
import { hostExplanationText } from '../render/host-explanation-text.js';
import { explainHost } from '../run/explain-host.js';
import { readTargets } from '../targets/targets.js';
import { withJob } from './job-session.js';
import { printed } from './printed.js';

export default command({
  name: 'explain',
  summary: 'Shows what the waiting hosts of a job wait for, or all that was decided about one host.',
  operands: 'JOB [HOST]',
  operandCount: { min: 1, max: 2 },
  completes: ['last'],
  examples: ['pogo explain last', 'pogo explain last web7', 'pogo explain 12 --json'],
  options: { json: flag('--json', 'as a JSON document') },
  run: ({ environment, options, operands }) =>
    withJob(environment, operands[0]!, async ({ dispatcher, job }) => {
      const explanation = await explanationOf(dispatcher, job);
      if (!explanation.ok) return explanation;
      const say = <T>(document: T, text: (document: T) => string) =>
        printed(
          environment,
          options.json === true ? `${JSON.stringify(document, undefined, 2)}\n` : text(document),
        );
      const [, expression] = operands;
      if (expression === undefined) return say(explanation.value, (known) => explanationText(job, known));
      const host = await oneHost(expression, environment);
      if (!host.ok) return host;
      const found = await explainHost(dispatcher, explanation.value, host.value);
      return found.ok ? say(found.value, hostExplanationText) : found;
    }),
});

async function oneHost(expression: string, environment: Environment): Promise<Result<string>> {
  const targets = await readTargets({ expressions: [expression], hostFiles: [], excluded: [] }, environment);
  if (!targets.ok) return targets;
  const [first] = targets.value;
  if (first !== undefined && targets.value.length === 1) return success(first.host);
  return usageFailure(
    'one-host',
    `${expression} names ${targets.value.length} hosts, and one is explained at a time: name one`,
  );
}

/** Of a job that has ended and is archived nothing waits, although its dispatcher can't say more. */
async function explanationOf(dispatcher: Dispatcher, job: JobDocument): Promise<Result<Explanation>> {
  const explanation = await dispatcher.explanation(job.id);
  if (explanation.ok || explanation.failure.code !== 'job-ended' || !isEnded(job.state)) return explanation;
  return success({ job: job.id, state: job.state, waiting: [] });
}

function isEnded(state: JobDocument['state']): state is EndedJobState {
  return endedJobStates.some((ended) => ended === state);
}
