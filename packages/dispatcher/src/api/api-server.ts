/**
 * The HTTPS server of the API. Every way in passes one hook that asks for the bearer token, unless its route is declared
 * open; bodies are never logged.
 */
import { type Service, ServiceState } from '@pogo/lifecycle';
import { specLimits } from '@pogo/protocol';
import { StoreError } from '@pogo/store';
import {
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { ListenAddress } from '../configuration/listen-address.js';
import { type Answer, problem } from './answer.js';
import type { BearerToken } from './bearer-token.js';
import { respond, type Route, serveRoutes } from './route.js';

export interface ApiServerOptions {
  listen: ListenAddress;
  /** PEM texts. */
  tls: { key: string; cert: string };
  token: BearerToken;
  routes: readonly Route[];
  logger: Logger;
}

/** A body of any other route, in bytes. */
const smallBodyBytes = 64 * 1024;
const handshakeMs = 10_000;

export class ApiServer implements Service {
  readonly #options: ApiServerOptions;
  readonly #state = new ServiceState();
  readonly #app: FastifyInstance;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#app = this.#build();
  }

  /** Where it listens; only after `start`. */
  get address(): ListenAddress {
    const { address, port } = this.#app.server.address() as AddressInfo;
    return { host: address, port };
  }

  start(): Promise<void> {
    return this.#state.start(async () => {
      const { host, port } = this.#options.listen;
      await this.#app.listen({ host, port });
    });
  }

  stop(): Promise<void> {
    return this.#state.stop(() => this.#app.close());
  }

  #build(): FastifyInstance {
    const { tls, token, routes, logger } = this.#options;
    const app: FastifyInstance = fastify({
      serverFactory: (handler) =>
        createServer({ ...tls, minVersion: 'TLSv1.3', handshakeTimeout: handshakeMs }, handler),
      logger: false,
      bodyLimit: smallBodyBytes,
      exposeHeadRoutes: false,
      forceCloseConnections: true,
      return503OnClosing: true,
      routerOptions: { maxParamLength: 512 },
      // Routes parse with their own schemas: the usual compilers needn't be loaded.
      schemaController: {
        compilersFactory: {
          buildValidator: unusedCompiler,
          buildSerializer: unusedCompiler,
        },
      },
      clientErrorHandler(_error, socket) {
        if (socket.writable)
          socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
      },
    });
    app.addHook('onRequest', async (request, reply) => {
      if (isOpen(request) || token.admits(request.headers.authorization)) return;
      await respond(
        reply,
        problem(
          'unauthenticated',
          'Send the instance\'s token as "Authorization: Bearer TOKEN": it is in the file that the configuration names as tokenFile.',
          { headers: { 'www-authenticate': 'Bearer realm="pogo"' } },
        ),
      );
    });
    app.setNotFoundHandler((request, reply) =>
      respond(
        reply,
        problem(
          'not-found',
          `There is no ${request.method} ${request.url.split('?', 1)[0]} here: see GET /openapi.json.`,
        ),
      ),
    );
    app.setErrorHandler((error: FastifyError, request, reply: FastifyReply) => {
      const answer = errorAnswer(error);
      if (answer === undefined) {
        logger.error(
          { err: error, method: request.method, url: request.routeOptions.url },
          'a request failed',
        );
      }
      return respond(
        reply,
        answer ?? problem('internal', 'This is a bug: the log of the dispatcher has the details.'),
      );
    });
    serveRoutes(app, routes, this.#state.signal);
    return app;
  }
}

/** No route has a schema of the framework's own, so nothing is ever compiled. */
function unusedCompiler(): never {
  throw new Error('routes parse with their own schemas');
}

function isOpen(request: FastifyRequest): boolean {
  const { config } = request.routeOptions;
  return 'open' in config && config.open === true;
}

/** Errors that are no bugs: what the framework refuses, and a store that failed. */
function errorAnswer(error: FastifyError): Answer | undefined {
  if (error instanceof StoreError) {
    return problem('store-unavailable', `The store failed (${error.code}): ${error.message}`, {
      headers: { 'retry-after': '1' },
    });
  }
  if (error.statusCode === 413) {
    const megabytes = specLimits.maxBytes / 1024 / 1024;
    return problem(
      'spec-too-large',
      `The body is too large: a request may have up to ${megabytes} MiB, host keys and target lists included. Split the job, or fold its targets.`,
    );
  }
  const status = error.statusCode;
  if (status !== undefined && status >= 400 && status < 500) {
    return problem('invalid-request', `${error.message}.`, { status });
  }
  return undefined;
}
