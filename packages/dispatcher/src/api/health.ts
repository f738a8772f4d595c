/** `GET /healthz`, `/readyz`, `/metrics`: for those who watch over the process. */
import * as z from 'zod';
import { workerFigures } from '../metrics/worker-figures.js';
import type { ServedNamespaces } from '../namespaces/served-namespaces.js';
import { type Answer, document, problem } from './answer.js';
import { problemResponses } from './documented-problems.js';
import type { InstanceContext } from './instance-routes.js';
import { type Route, route } from './route.js';

const statusSchema = z.object({ status: z.literal('ok') });

type HealthContext = Pick<
  InstanceContext,
  'served' | 'metrics' | 'registry' | 'store' | 'vault' | 'processUsage' | 'peers'
>;

export function healthRoutes(context: HealthContext): Route[] {
  const { served, metrics, registry, store, vault, processUsage, peers } = context;
  return [
    route({
      method: 'GET',
      url: '/healthz',
      namespaceBy: 'instance',
      summary: 'The process is up',
      open: true,
      responses: { 200: { description: 'Up', schema: statusSchema } },
      handle: () => Promise.resolve(document({ status: 'ok' })),
    }),
    route({
      method: 'GET',
      url: '/readyz',
      namespaceBy: 'instance',
      summary: 'It leads every namespace that it knows of, or follows who does, so that it can take jobs',
      description: 'Not before it has asked the other dispatchers for the credentials of running jobs.',
      open: true,
      responses: { 200: { description: 'Ready', schema: statusSchema }, ...problemResponses(503) },
      handle: () => Promise.resolve(readiness(served)),
    }),
    route({
      method: 'GET',
      url: '/metrics',
      namespaceBy: 'instance',
      summary: 'Metrics in the Prometheus text format',
      responses: {
        200: { description: 'Metrics', contentType: 'text/plain' },
        ...problemResponses(401),
      },
      async handle() {
        const text = await metrics.scrape({
          namespaces: served.all.map((namespace) => namespace.figures()),
          workers: workerFigures(registry, served),
          store: store.describe(),
          vaultJobs: vault.size,
          usage: processUsage?.(),
          dispatchers: peers.links.connected.length,
        });
        return { kind: 'text', status: 200, contentType: metrics.registry.contentType, body: text };
      },
    }),
  ];
}

function readiness({ isComplete, all }: ServedNamespaces): Answer {
  if (!isComplete) return problem('not-ready', 'This dispatcher does not know its namespaces yet.');
  const others = all.filter(({ leader }) => !leader.isServing).map(({ identity }) => identity.name);
  const unfilled = all.filter(({ vaultFollower }) => !vaultFollower.isRefilled);
  if (others.length === 0 && unfilled.length === 0) return document({ status: 'ok' });
  if (others.length === 0)
    return problem(
      'not-ready',
      'This dispatcher is asking the others for the credentials of running jobs: it has only just started.',
    );
  return problem(
    'not-ready',
    `This dispatcher neither leads ${others.join(', ')} just now nor knows who does.`,
  );
}
