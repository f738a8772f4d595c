/** `GET /healthz`, `/readyz`, `/metrics`: for those who watch over the process. */
import type { ClusterState } from '@pogo/core';
import * as z from 'zod';
import type { OpenJobs } from '../metrics.js';
import { document, problem } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { type Route, route } from './route.js';

const statusSchema = z.object({ status: z.literal('ok') });

export function healthRoutes({ leader, metrics, registry }: ApiContext): Route[] {
  return [
    route({
      method: 'GET',
      url: '/healthz',
      summary: 'The process is up',
      open: true,
      responses: { 200: { description: 'Up', schema: statusSchema } },
      handle: () => Promise.resolve(document({ status: 'ok' })),
    }),
    route({
      method: 'GET',
      url: '/readyz',
      summary: 'It leads the log, so that it can take jobs',
      open: true,
      responses: { 200: { description: 'Ready', schema: statusSchema }, ...problemResponses(503) },
      async handle() {
        const ready = (await leader.read(() => undefined)).kind === 'ok';
        return ready
          ? document({ status: 'ok' })
          : problem('not-ready', 'This dispatcher does not lead its log just now.');
      },
    }),
    route({
      method: 'GET',
      url: '/metrics',
      summary: 'Metrics in the Prometheus text format',
      responses: {
        200: { description: 'Metrics', contentType: 'text/plain' },
        ...problemResponses(401),
      },
      async handle() {
        const outcome = await leader.read(openJobs);
        const none = { jobs: 0, needCredentials: 0, asked: 0, hosts: new Map<string, number>() };
        const now = outcome.kind === 'ok' ? outcome.answer : none;
        const text = await metrics.scrape({ ...now, workers: registry.recipients().length });
        return { kind: 'text', status: 200, contentType: metrics.registry.contentType, body: text };
      },
    }),
  ];
}

function openJobs(state: ClusterState): OpenJobs {
  const hosts = new Map<string, number>();
  let needCredentials = 0;
  let asked = 0;
  for (const number of state.open) {
    const job = state.jobs.get(number)!;
    if (job.state === 'needs-credentials') needCredentials++;
    asked += job.asking;
    for (const [name, count] of Object.entries(job.counts)) {
      if (count > 0) hosts.set(name, (hosts.get(name) ?? 0) + count);
    }
  }
  return { jobs: state.open.size, needCredentials, asked, hosts };
}
