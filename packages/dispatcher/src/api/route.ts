/**
 * Routes as data: what is served and what is documented come from the same declaration. Parameters, query and body are
 * parsed by their schemas before a handler sees them.
 */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { type Answer, problem, type ProblemAnswer } from './answer.js';

/** `?name`, `?name=true`, `?name=1`, or their opposites; absent is false. */
export const booleanQuery = z
  .enum(['', 'true', '1', 'false', '0'])
  .default('false')
  .transform((text) => text === '' || text === 'true' || text === '1');

export interface ApiRequest<Params, Query, Body> {
  params: Params;
  query: Query;
  body: Body;
  headers: FastifyRequest['headers'];
  /** The body's bytes of a route with `rawBody`, as they come; empty otherwise. */
  raw: Readable;
  /** Aborts when the client is gone, or the server stops. */
  signal: AbortSignal;
}

export interface ResponseDocumentation {
  description: string;
  /** Absent: not JSON. */
  schema?: z.ZodType;
  contentType?: string;
}

/** What of an HTTP request a route reads. */
export type RouteRequest = Pick<FastifyRequest, 'method' | 'url' | 'params' | 'query' | 'body' | 'headers'>;

/**
 * How a request says which namespace it is about: `job` by the job's number in the path (`:id`), or of `last` by
 * `?namespace=`; `name` by the path (`:name`), `body` and `spec` by a member there; `list` by `?namespace=`, and is about
 * all without it. `instance`: about none.
 */
export type NamespaceBy = 'job' | 'name' | 'body' | 'spec' | 'list' | 'instance';

interface RouteDocumentation {
  summary: string;
  description?: string;
  responses: Readonly<Record<number, ResponseDocumentation>>;
}

export interface Route extends RouteDocumentation {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  /** In fastify's form: `/v1/jobs/:id`. */
  url: string;
  namespaceBy: NamespaceBy;
  params?: z.ZodType;
  query?: z.ZodType;
  headers?: z.ZodType;
  body?: z.ZodType;
  /** Largest body in bytes. */
  bodyLimitBytes?: number;
  /** The body is bytes (`application/octet-stream`) that the handler reads, and limits, itself. */
  rawBody?: boolean;
  /** Whether a bearer token is needed. */
  open?: boolean;
  serve(request: RouteRequest, signal: AbortSignal): Promise<Answer>;
}

/** A route with its types; without a schema a part is not looked at. */
export function route<Params = unknown, Query = unknown, Body = unknown>(
  declaration: Omit<Route, 'serve' | 'params' | 'query' | 'body'> & {
    params?: z.ZodType<Params>;
    query?: z.ZodType<Query>;
    body?: z.ZodType<Body>;
    handle(request: ApiRequest<Params, Query, Body>): Promise<Answer>;
  },
): Route {
  const { handle, ...documentation } = declaration;
  return {
    ...documentation,
    async serve(request, signal) {
      const params = parsePart(declaration.params, request.params, 'path');
      if (!params.ok) return params.problem;
      const query = parsePart(declaration.query, request.query, 'query');
      if (!query.ok) return query.problem;
      const body = parsePart(declaration.body, request.body, '');
      if (!body.ok) return body.problem;
      const { headers } = request;
      const raw = request.body instanceof Readable ? request.body : Readable.from([]);
      return handle({ params: params.value, query: query.value, body: body.value, headers, raw, signal });
    },
  };
}

function parsePart<T>(
  schema: z.ZodType<T> | undefined,
  value: unknown,
  where: string,
): { ok: true; value: T } | { ok: false; problem: ProblemAnswer } {
  if (schema === undefined) return { ok: true, value: value as T };
  const parsed = schema.safeParse(value ?? (where === '' ? undefined : {}));
  if (parsed.success) return { ok: true, value: parsed.data };
  const errors = parsed.error.issues.slice(0, maxErrors).flatMap((issue) => {
    const path = [where, ...issue.path.map(String)].filter((part) => part !== '').join('.');
    if (issue.code !== 'unrecognized_keys') return [{ path, message: issue.message }];
    return issue.keys.map((key) => ({
      path: path === '' ? key : `${path}.${key}`,
      message: 'unknown member',
    }));
  });
  const first = errors[0]!;
  const more = parsed.error.issues.length - 1;
  const detail = `${first.path === '' ? 'The body' : first.path}: ${first.message}${more > 0 ? `, and ${more} more` : ''}.`;
  return { ok: false, problem: problem('invalid-request', detail, { errors }) };
}

const maxErrors = 20;

/** Sends what a handler answered. */
export function respond(reply: FastifyReply, answer: Answer): FastifyReply {
  if ('headers' in answer && answer.headers) void reply.headers(answer.headers);
  switch (answer.kind) {
    case 'document':
      return reply
        .code(answer.status)
        .type('application/json; charset=utf-8')
        .send(JSON.stringify(answer.body));
    case 'problem':
      return reply
        .code(answer.problem.status)
        .type('application/problem+json; charset=utf-8')
        .send(JSON.stringify(answer.problem));
    case 'stream':
      void reply.code(answer.status).type(answer.contentType).send(answer.body);
      // A quiet stream may have nothing to send for long; that it is one is told at once.
      reply.raw.flushHeaders();
      return reply;
    case 'text':
      return reply.code(answer.status).type(answer.contentType).send(answer.body);
  }
}

/** Registers routes for serving; what they stream ends when `stopping` aborts. */
export function serveRoutes(app: FastifyInstance, routes: readonly Route[], stopping: AbortSignal): void {
  // Not AbortSignal.any: on Node 20 the long-lived one remembers each signal that was ever made from it.
  const open = new Set<AbortController>();
  stopping.addEventListener('abort', () => {
    for (const request of open) request.abort();
  });
  // Only their routes take bytes; everywhere else these are refused as no JSON.
  void app.register((raw, _options, done) => {
    raw.addContentTypeParser('application/octet-stream', (_request, payload, parsed) =>
      parsed(null, payload),
    );
    addRoutes(
      raw,
      routes.filter(({ rawBody }) => rawBody === true),
      open,
    );
    done();
  });
  addRoutes(
    app,
    routes.filter(({ rawBody }) => rawBody !== true),
    open,
  );
}

function addRoutes(app: FastifyInstance, routes: readonly Route[], open: Set<AbortController>): void {
  for (const { method, url, bodyLimitBytes, serve, ...rest } of routes) {
    app.route({
      method,
      url,
      ...(bodyLimitBytes !== undefined && { bodyLimit: bodyLimitBytes }),
      config: { open: rest.open === true },
      handler: async (request, reply) => {
        const gone = new AbortController();
        open.add(gone);
        reply.raw.once('close', () => {
          open.delete(gone);
          gone.abort();
        });
        return respond(reply, await serve(request, gone.signal));
      },
    });
  }
}
