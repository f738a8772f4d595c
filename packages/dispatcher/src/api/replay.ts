/** `POST /v1/jobs/:id/replay`: an ended job under other limits. Changes nothing. */
import { replayRequestSchema, replayResponseSchema } from '@pogo/protocol';
import { replayJob } from '../plans/replay-job.js';
import { document, problem } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { jobParams, lookupProblem } from './job-parameters.js';
import { type Route, route } from './route.js';

export function replayRoutes(context: ApiContext): Route[] {
  return [
    route({
      method: 'POST',
      url: '/v1/jobs/:id/replay',
      namespaceBy: 'job',
      summary: 'What an ended job would have done under other limits',
      description:
        'The same hosts, with the durations and outcomes that they had, planned anew: how long it would have taken, and how many hosts of each slot would have been disturbed at once, beside what really happened. Nothing is run, and nothing changes.',
      params: jobParams,
      body: replayRequestSchema,
      responses: {
        200: { description: 'What happened, and what would have', schema: replayResponseSchema },
        ...problemResponses(400, 401, 404, 409, 503),
      },
      async handle({ params: { id }, body, signal }) {
        const outcome = await replayJob(context, id, body, signal);
        switch (outcome.kind) {
          case 'replayed':
            return document(outcome.response);
          case 'unknown':
          case 'lost':
            return lookupProblem({ kind: outcome.kind }, id, context.leader);
          case 'running':
            return problem('job-running', 'The job has not ended: it can be replayed when it has.');
          case 'no-durations':
            return problem(
              'nothing-to-do',
              'No command of the job ever ended, so nothing is known of how long it takes.',
            );
          case 'invalid': {
            const { path, message } = outcome;
            return problem('invalid-request', `${path}: ${message}.`, { errors: [{ path, message }] });
          }
        }
      },
    }),
  ];
}
