/** `GET /v1/namespaces`: which there are, and what each comes to in a line. */
import { type NamespaceList, namespaceListSchema } from '@pogo/protocol';
import { document } from './answer.js';
import { problemResponses } from './documented-problems.js';
import type { InstanceContext } from './instance-routes.js';
import { type Route, route } from './route.js';

export function namespaceListRoutes({ served }: Pick<InstanceContext, 'served'>): Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/namespaces',
      namespaceBy: 'instance',
      summary: 'The namespaces, in the order in which they were made',
      responses: {
        200: { description: 'All of them', schema: namespaceListSchema },
        ...problemResponses(401, 503),
      },
      async handle() {
        await served.known();
        const namespaces: NamespaceList['namespaces'] = [];
        for (const { identity, leader } of served.all) {
          const found = await leader.view(({ constraints, open }) => ({
            version: constraints.version,
            hosts: constraints.namespace?.hosts.length ?? 0,
            openJobs: open.size,
            ...(constraints.frozen.all && { frozen: { ...constraints.frozen.all } }),
          }));
          namespaces.push({
            name: identity.name,
            isLed: found.kind === 'ok',
            ...(found.kind === 'ok' && found.answer),
          });
        }
        return document({ namespaces } satisfies NamespaceList);
      },
    }),
  ];
}
