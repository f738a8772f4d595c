import { type EndedJobState, endedJobStates } from '@pogo/core';
import type { Explanation, JobDocument } from '@pogo/protocol';
import type { Dispatcher } from '../api/dispatcher.js';
import { command } from '../command-line/command.js';
import { flag } from '../command-line/option.js';
import { type Result, success } from '../failure.js';
import { explanationText } from '../render/explanation-text.js';
import { withJob } from './job-session.js';
import { printed } from './printed.js';

export default command({
  name: 'explain',
  summary: 'Shows what the waiting hosts of a job wait for.',
  operands: 'JOB',
  operandCount: { min: 1, max: 1 },
  completes: ['last'],
  examples: ['pogo explain last', 'pogo explain 12 --json'],
  options: { json: flag('--json', 'as a JSON document') },
  run: ({ environment, options, operands }) =>
    withJob(environment, operands[0]!, async ({ dispatcher, job }) => {
      const explanation = await explanationOf(dispatcher, job);
      if (!explanation.ok) return explanation;
      return printed(
        environment,
        options.json === true
          ? `${JSON.stringify(explanation.value, undefined, 2)}\n`
          : explanationText(job, explanation.value),
      );
    }),
});

/** Of a job that has ended and is archived nothing waits, although its dispatcher can't say more. */
async function explanationOf(dispatcher: Dispatcher, job: JobDocument): Promise<Result<Explanation>> {
  const explanation = await dispatcher.explanation(job.id);
  if (explanation.ok || explanation.failure.code !== 'job-ended' || !isEnded(job.state)) return explanation;
  return success({ job: job.id, state: job.state, waiting: [] });
}

function isEnded(state: JobDocument['state']): state is EndedJobState {
  return endedJobStates.some((ended) => ended === state);
}
