/**
 * `GET /openapi.json`: OpenAPI 3.1, generated from the routes' own schemas. The generator is loaded when somebody first
 * asks: a dispatcher that nobody asks doesn't pay for it.
 */
import { productVersion } from '@pogo/protocol';
import { document } from './answer.js';
import { type Route, route } from './route.js';

/** The route that describes `routes` and itself. */
export function openApiRoute(routes: readonly Route[]): Route {
  let text: Promise<unknown> | undefined;
  const self: Route = route({
    method: 'GET',
    url: '/openapi.json',
    namespaceBy: 'instance',
    summary: 'This description',
    open: true,
    responses: { 200: { description: 'OpenAPI 3.1' } },
    async handle() {
      text ??= import('./describe-routes.js').then(({ describeRoutes }) =>
        describeRoutes([...routes, self], { version: productVersion }),
      );
      return document(await text);
    },
  });
  return self;
}
