/**
 * Hands requests on to another dispatcher's API, and its answers back.
 *
 * 1. Only a certificate of the link root that names that very dispatcher is talked to: the request carries the client's
 *    token, and its address comes from the store.
 * 2. Every request has a connection of its own, so that it is known whether it has left when that breaks.
 */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '@pogo/lifecycle';
import type { Answer } from '../api/answer.js';
import type { DispatcherDirectory } from './dispatcher-directory.js';
import { identityProblem } from './identity-problem.js';

/** Names the dispatcher that has handed a request on: nobody hands it on a second time. */
export const forwardedHeader = 'pogo-forwarded-by';

export interface ForwardedRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  /** With its query. */
  path: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** JSON, bytes as they come, or nothing. */
  body: unknown;
}

export type ForwardOutcome =
  | { kind: 'answered'; answer: Answer; headers: IncomingMessage['headers'] }
  /** Nothing of the request has left. `cause` is a clause for people. */
  | { kind: 'unreached'; cause: string }
  /** The other one may have carried it out. */
  | { kind: 'in-doubt'; cause: string };

export interface RequestForwarderOptions {
  /** Of this dispatcher. */
  name: string;
  directory: Pick<DispatcherDirectory, 'urlOf'>;
  /** PEM. */
  linkRoot: string;
  clock: Clock;
}

/** How long the other one may take to be reached, in milliseconds. */
const connectMs = 3000;

/** What is between two neighbours, or is said anew. */
const ownHeaders = new Set([
  'host',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'expect',
  'te',
]);

export class RequestForwarder {
  readonly #options: RequestForwarderOptions;
  readonly #agent: Agent;

  constructor(options: RequestForwarderOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: false, ca: options.linkRoot, minVersion: 'TLSv1.3' });
  }

  /** To the dispatcher of that name. Rejects with a StoreError when it isn't known where that is. */
  async forward(name: string, request: ForwardedRequest, signal: AbortSignal): Promise<ForwardOutcome> {
    const url = await this.#options.directory.urlOf(name);
    if (url === undefined) return { kind: 'unreached', cause: `${name} has never said where it is` };
    return this.#send(name, new URL(url), request, signal);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(
    name: string,
    { hostname, port }: URL,
    { method, path, headers, body }: ForwardedRequest,
    signal: AbortSignal,
  ): Promise<ForwardOutcome> {
    return new Promise((resolve) => {
      let hasLeft = false;
      const request = httpsRequest({
        agent: this.#agent,
        host: hostname.replace(/^\[|\]$/g, ''),
        port: port === '' ? 443 : Number(port),
        method,
        path,
        signal,
        headers: { ...passedOn(headers), ...bodyLength(body), [forwardedHeader]: this.#options.name },
        checkServerIdentity: (_host, certificate) => identityProblem(certificate, name),
      });
      request.on('socket', (socket) => {
        const limit = this.#options.clock.setTimer(connectMs, () =>
          request.destroy(new Error(`no connection within ${connectMs} ms`)),
        );
        (socket as TLSSocket).once('secureConnect', () => {
          hasLeft = true;
          if (body instanceof Readable) body.pipe(request);
          limit.cancel();
        });
        socket.once('close', () => limit.cancel());
      });
      request.on('error', (error) => {
        const cause = `${name} at ${hostname}:${port}: ${error.message}`;
        resolve({ kind: hasLeft ? 'in-doubt' : 'unreached', cause });
      });
      request.on('response', (message) =>
        resolve({ kind: 'answered', answer: answerOf(message), headers: message.headers }),
      );
      if (!(body instanceof Readable))
        request.end(body === undefined || body === null ? undefined : JSON.stringify(body));
    });
  }
}

function passedOn(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      (header): header is [string, string | string[]] =>
        header[1] !== undefined && !ownHeaders.has(header[0]),
    ),
  );
}

/** JSON is written anew: what was parsed has no bytes of its own any more. */
function bodyLength(body: unknown): Record<string, string | undefined> {
  if (body instanceof Readable) return {};
  if (body === undefined || body === null) return { 'content-length': '0' };
  return { 'content-length': String(Buffer.byteLength(JSON.stringify(body))) };
}

function answerOf(message: IncomingMessage): Answer {
  const { statusCode = 502, headers } = message;
  const { 'content-type': contentType = 'application/octet-stream', ...others } = headers;
  if (!(statusCode in STATUS_CODES)) message.destroy();
  const kept = Object.entries(others).filter(
    (header): header is [string, string] => typeof header[1] === 'string' && !ownHeaders.has(header[0]),
  );
  return {
    kind: 'stream',
    status: statusCode,
    contentType,
    body: message,
    headers: Object.fromEntries(kept),
  };
}
