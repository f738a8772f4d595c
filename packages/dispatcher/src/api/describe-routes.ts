import swagger from '@fastify/swagger';
import { fastify, type FastifySchema } from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import * as z from 'zod';
import type { Route } from './route.js';

/** The OpenAPI document of these routes. Nothing is served: the instance is made for describing, and dropped. */
export async function describeRoutes(
  routes: readonly Route[],
  { version }: { version: string },
): Promise<unknown> {
  const app = fastify({ exposeHeadRoutes: false });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Pogo',
        version,
        description: 'Runs interruptive commands safely on thousands of machines in parallel.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    },
    exposeHeadRoutes: true,
    transform: jsonSchemaTransform,
  });
  for (const { method, url, open, rawBody, ...documented } of routes) {
    app.route({
      method,
      url,
      schema: {
        summary: documented.summary,
        ...(documented.description !== undefined && { description: documented.description }),
        security: open === true ? [] : [{ token: [] }],
        ...(documented.params && { params: documented.params }),
        ...(documented.query && { querystring: documented.query }),
        ...(documented.headers && { headers: documented.headers }),
        ...(documented.body && { body: documented.body }),
        ...(rawBody === true && { consumes: ['application/octet-stream'], body: bytesSchema }),
        response: responses(documented.responses),
      } satisfies FastifySchema,
      handler: () => undefined,
    });
  }
  await app.ready();
  const description = app.swagger();
  await app.close();
  return description;
}

const bytesSchema = z.string().meta({ format: 'binary' });

function responses(documented: Route['responses']): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(documented).map(([status, { description, schema, contentType }]) => [
      status,
      {
        description,
        content: {
          [contentType ?? 'application/json']: { schema: schema ?? bytesSchema },
        },
      },
    ]),
  );
}
