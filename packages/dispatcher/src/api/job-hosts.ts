/** `GET /v1/jobs/:id/hosts`. */
import { hostStates } from '@pogo/core';
import { jobHostListSchema, type JobHostDocument } from '@pogo/protocol';
import * as z from 'zod';
import { findJob } from '../jobs/find-job.js';
import { hostDocument } from '../jobs/job-documents.js';
import { viewJob } from '../jobs/job-view.js';
import { document } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { jobParams, lookupProblem, pageQuery } from './job-parameters.js';
import { invalidCursor } from './jobs.js';
import { type Route, route } from './route.js';

export function jobHostRoutes(context: ApiContext): Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/jobs/:id/hosts',
      namespaceBy: 'job',
      summary: "A job's hosts, in the order of its targets",
      params: jobParams,
      query: z.strictObject({
        ...pageQuery,
        state: z.enum(hostStates).optional(),
        limit: z.coerce.number().int().min(1).max(10_000).default(1000),
      }),
      responses: {
        200: { description: 'One page', schema: jobHostListSchema },
        ...problemResponses(400, 401, 404, 503),
      },
      async handle({ params, query }) {
        const from = query.cursor === undefined ? 0 : Number(/^\d{1,8}$/.exec(query.cursor)?.[0] ?? NaN);
        if (Number.isNaN(from)) return invalidCursor();
        const viewed = await viewJob(context, params.id);
        if (viewed.kind !== 'found') return lookupProblem(viewed, params.id, context.leader);
        const names = viewed.view.hosts;
        const page = (
          hosts: number,
          state: (index: number) => string,
          of: (index: number) => JobHostDocument,
        ) => {
          const found: JobHostDocument[] = [];
          for (let index = from; index < hosts; index++) {
            if (query.state !== undefined && state(index) !== query.state) continue;
            if (found.length === query.limit) return { hosts: found, nextCursor: String(index) };
            found.push(of(index));
          }
          return { hosts: found };
        };
        const lookup = await findJob(context, String(viewed.view.job), ({ hosts, resolutions }) =>
          page(
            hosts.length,
            (index) => hosts[index]!.state,
            (index) => hostDocument(names.name(index), hosts[index]!, resolutions.get(index)?.detail),
          ),
        );
        if (lookup.kind === 'live') return document(lookup.value);
        if (lookup.kind !== 'archived') return lookupProblem(lookup, params.id, context.leader);
        const hosts = await context.archive.hosts(lookup.archived);
        return document(
          page(
            hosts.length,
            (index) => hosts[index]!.state,
            (index) => hosts[index]!,
          ),
        );
      },
    }),
  ];
}
