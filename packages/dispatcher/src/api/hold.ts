/** `POST /v1/jobs/:id/hold` and `alter`: what a person asks of a job as a whole while it goes on. */
import { decideAlter, decideHold } from '@pogo/core';
import { alterRequestSchema, holdRequestSchema } from '@pogo/protocol';
import { actOnJob } from '../jobs/act-on-job.js';
import { resolveLimits } from '../jobs/resolve-limits.js';
import { unstartedHosts } from '../jobs/unstarted-hosts.js';
import type { ApiContext } from './context.js';
import { ifMatchHeaders, readIfMatch } from './if-match.js';
import { jobParams } from './job-parameters.js';
import { type Route, route } from './route.js';
import { verbAnswer, verbResponses } from './verb-answer.js';

export function holdRoutes(context: ApiContext): Route[] {
  const by = context.principal;
  return [
    route({
      method: 'POST',
      url: '/v1/jobs/:id/hold',
      namespaceBy: 'job',
      summary: 'Hold a job',
      description:
        'Nothing of it starts until it is resumed; what has an order goes on. Its timeout stands still. Holding again changes nothing.',
      params: jobParams,
      headers: ifMatchHeaders,
      body: holdRequestSchema,
      responses: verbResponses,
      async handle({ params: { id }, headers }) {
        const match = readIfMatch(headers);
        if (!match.ok) return match.problem;
        const outcome = await actOnJob(context, { id, versions: match.versions }, (job) => {
          const decision = decideHold(job, { by });
          return decision.kind === 'decided' ? { ...decision, hosts: unstartedHosts(job) } : decision;
        });
        return verbAnswer(context, { id }, outcome);
      },
    }),
    route({
      method: 'POST',
      url: '/v1/jobs/:id/alter',
      namespaceBy: 'job',
      summary: 'Alter the limits of a job',
      description:
        'Limits that are named hold from here on, the others stay; null lifts one. Nothing that runs is disturbed, also where more of it runs than may. Command, account and targets can not be altered.',
      params: jobParams,
      headers: ifMatchHeaders,
      body: alterRequestSchema,
      responses: verbResponses,
      async handle({ params: { id }, body, headers }) {
        const match = readIfMatch(headers);
        if (!match.ok) return match.problem;
        const outcome = await actOnJob(context, { id, versions: match.versions }, (job) => {
          const resolved = resolveLimits(body.limits, job.hosts.length);
          if (resolved.kind !== 'resolved') return resolved;
          const decision = decideAlter(job, { by, change: resolved.limits });
          return decision.kind === 'decided' ? { ...decision, hosts: [] } : decision;
        });
        return verbAnswer(context, { id }, outcome);
      },
    }),
  ];
}
