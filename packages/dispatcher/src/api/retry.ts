/** `POST /v1/jobs/:id/retry`, `skip` and `release`: what a person decides about hosts that have no order. */
import { decideRelease, decideRetry, decideSkip } from '@pogo/core';
import { releaseRequestSchema, retryRequestSchema, skipRequestSchema } from '@pogo/protocol';
import { actOnJob } from '../jobs/act-on-job.js';
import type { ApiContext } from './context.js';
import { ifMatchHeaders, readIfMatch } from './if-match.js';
import { jobParams } from './job-parameters.js';
import { credentialsBytes } from './jobs.js';
import { type Route, route } from './route.js';
import { verbAnswer, verbResponses } from './verb-answer.js';

export function retryRoutes(context: ApiContext): Route[] {
  const by = context.principal;
  return [
    route({
      method: 'POST',
      url: '/v1/jobs/:id/retry',
      namespaceBy: 'job',
      summary: 'Try hosts again',
      description:
        'Another attempt on the named hosts, or on all that ended otherwise than well or never started. Hosts of unknown outcome only when named; where the worker that had the order may come back, only with `fence`, which makes the earlier order impossible on the host. Opens an ended job again; its credentials have to come along when nobody holds them any more.',
      params: jobParams,
      headers: ifMatchHeaders,
      body: retryRequestSchema,
      bodyLimitBytes: credentialsBytes,
      responses: verbResponses,
      async handle({ params: { id }, body: { hosts, credentials, fence }, headers }) {
        const match = readIfMatch(headers);
        if (!match.ok) return match.problem;
        const outcome = await actOnJob(
          context,
          { id, hosts, credentials, versions: match.versions },
          (job, input) => decideRetry(job, { ...input, by, fence }),
        );
        return verbAnswer(context, { id, hosts }, outcome);
      },
    }),
    route({
      method: 'POST',
      url: '/v1/jobs/:id/skip',
      namespaceBy: 'job',
      summary: 'Pass over hosts',
      description: 'Hosts that have no order yet never start.',
      params: jobParams,
      headers: ifMatchHeaders,
      body: skipRequestSchema,
      responses: verbResponses,
      async handle({ params: { id }, body: { hosts }, headers }) {
        const match = readIfMatch(headers);
        if (!match.ok) return match.problem;
        const outcome = await actOnJob(context, { id, hosts, versions: match.versions }, (job, input) =>
          decideSkip(job, { hosts: input.hosts ?? [], by }),
        );
        return verbAnswer(context, { id, hosts }, outcome);
      },
    }),
    route({
      method: 'POST',
      url: '/v1/jobs/:id/release',
      namespaceBy: 'job',
      summary: 'Let hosts of unknown outcome stop counting',
      description:
        'Somebody says that these hosts are well. Their outcome stays unknown, and the job as it is.',
      params: jobParams,
      headers: ifMatchHeaders,
      body: releaseRequestSchema,
      responses: verbResponses,
      async handle({ params: { id }, body: { hosts }, headers }) {
        const match = readIfMatch(headers);
        if (!match.ok) return match.problem;
        const outcome = await actOnJob(context, { id, hosts, versions: match.versions }, (job, input) =>
          decideRelease(job, { hosts: input.hosts ?? [], by }),
        );
        return verbAnswer(context, { id, hosts }, outcome);
      },
    }),
  ];
}
