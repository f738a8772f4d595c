/** `POST /v1/jobs/:id/halt`. */
import { decideHalt, type HaltDecision, parseJobId } from '@pogo/core';
import { haltRequestSchema, jobSchema } from '@pogo/protocol';
import { findJob } from '../jobs/find-job.js';
import { versionedJob } from '../jobs/job-documents.js';
import type { Decision } from '../leader/reign.js';
import { problem, storeUnavailable } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { ifMatchHeaders, jobAnswer, jobChanged, readIfMatch } from './if-match.js';
import { jobParams, lookupProblem, unknownJob } from './job-parameters.js';
import { type Route, route } from './route.js';

interface Answered {
  job: number;
  kind: HaltDecision['kind'] | 'changed';
}

export function haltRoutes(context: ApiContext): Route[] {
  return [
    route({
      method: 'POST',
      url: '/v1/jobs/:id/halt',
      namespaceBy: 'job',
      summary: 'Halt a job',
      description:
        'Hosts that have not started never will; running ones finish, or are ended with `kill`. Halting again changes nothing, except from without to with `kill`.',
      params: jobParams,
      headers: ifMatchHeaders,
      body: haltRequestSchema,
      responses: {
        202: { description: 'The job, halting', schema: jobSchema },
        ...problemResponses(400, 401, 404, 409, 412, 503),
      },
      async handle({ params, body, headers }) {
        const match = readIfMatch(headers);
        if (!match.ok) return match.problem;
        const id = params.id;
        const outcome = await context.leader.command((state): Decision<Answered> => {
          const job = id === 'last' ? state.nextJob - 1 : (parseJobId(id) ?? -1);
          const record = state.jobs.get(job);
          if (record !== undefined && match.versions?.includes(record.lastIndex) === false)
            return { entries: [], answer: { job, kind: 'changed' } };
          const decision = decideHalt(state, {
            job,
            by: context.principal,
            cause: 'request',
            kill: body.kill,
          });
          const entries = decision.kind === 'halted' ? decision.entries : [];
          return { entries, answer: { job, kind: decision.kind } };
        });
        if (outcome.kind === 'lost') return storeUnavailable(context.leader);
        const { job, kind } = outcome.answer;
        const found = await findJob(context, String(Math.max(0, job)), versionedJob);
        if (kind === 'changed' && found.kind === 'live') return jobChanged(found.value);
        if (kind === 'ended' || found.kind === 'archived') {
          return problem('job-ended', 'The job has ended already: there is nothing to halt.');
        }
        if (kind === 'unknown-job') return unknownJob(id);
        return found.kind === 'live' ? jobAnswer(found.value, 202) : lookupProblem(found, id, context.leader);
      },
    }),
  ];
}
