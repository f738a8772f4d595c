/** `GET /healthz`, `/readyz`, `/metrics`: for those who watch over the process. */
import * as z from 'zod';
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
        const outcome = await leader.read((state) => {
          const hosts = new Map<string, number>();
          for (const job of state.open) {
            for (const [name, count] of Object.entries(state.jobs.get(job)!.counts)) {
              if (count > 0) hosts.set(name, (hosts.get(name) ?? 0) + count);
            }
          }
          return { jobs: state.open.size, hosts };
        });
        const now = outcome.kind === 'ok' ? outcome.answer : { jobs: 0, hosts: new Map<string, number>() };
        const text = await metrics.scrape({ ...now, workers: registry.recipients().length });
        return { kind: 'text', status: 200, contentType: metrics.registry.contentType, body: text };
      },
    }),
  ];
}
