/**
 * HTTPS to one dispatcher.
 *
 * 1. Only a certificate of the pinned link root that names a dispatcher is talked to; names and addresses don't matter
 *    (security.md, "Identity of the parts"). The token is sent on no other connection.
 * 2. What the network does is an outcome, never an exception.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import {
  connect,
  type ConnectionOptions,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import type { Clock } from '@pogo/lifecycle';
import type { Secret } from '@pogo/protocol';
import { isCertificateError, networkCause } from './network-error.js';

export interface ApiRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  /** With its query, below the dispatcher's address. */
  readonly path: string;
  /** JSON, or bytes. */
  readonly body?: string | ByteBody;
  readonly headers?: Readonly<Record<string, string>>;
  /** Time without a sign of life after which the request is given up; absent for streams. */
  readonly timeoutMs?: number;
  /** Time after which a connection that doesn't stand yet is given up; absent: as long as the system waits. */
  readonly connectMs?: number;
  /** Time after which a request whose answer hasn't begun is given up; absent: never. */
  readonly answerMs?: number;
  readonly signal?: AbortSignal;
  /** Called when the request has left: what can be done while the answer is under way. */
  onSent?(): void;
}

export interface ByteBody {
  /**
   * Read as fast as they are taken: a piece is done with once the next is asked for. What the iteration throws breaks the
   * request off.
   */
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly length: number;
}

export type ApiResponse =
  | { readonly kind: 'response'; readonly message: IncomingMessage }
  /**
   * Nobody answered, or the connection broke before an answer; `mayHaveArrived` when it stood, so that the request may have
   * been received. `cause` is a clause for people.
   */
  | { readonly kind: 'unreachable'; readonly cause: string; readonly mayHaveArrived: boolean }
  /** Somebody else answered: nothing was sent. */
  | { readonly kind: 'untrusted'; readonly cause: string };

export interface ConnectionTo {
  /** `https://HOST[:PORT]` */
  readonly url: string;
  /** PEM of the pinned root. */
  readonly linkRoot: string;
  readonly token: Secret;
  readonly clock: Clock;
}

export class Connection {
  readonly url: string;
  readonly #clock: Clock;
  readonly #host: string;
  readonly #port: number;
  readonly #authorization: string;
  readonly #agent: WarmAgent;

  constructor({ url, linkRoot, token, clock }: ConnectionTo) {
    const { hostname, port } = new URL(url);
    this.url = url;
    this.#clock = clock;
    this.#host = hostname.replace(/^\[|\]$/g, '');
    this.#port = port === '' ? 443 : Number(port);
    this.#authorization = `Bearer ${token.reveal()}`;
    this.#agent = new WarmAgent({
      host: this.#host,
      port: this.#port,
      ca: linkRoot,
      minVersion: 'TLSv1.3',
      checkServerIdentity: dispatcherOnly,
      ALPNProtocols: ['http/1.1'],
    });
  }

  /** Begins to open a connection that a later request will use. */
  warm(): void {
    this.#agent.warm();
  }

  request(asked: ApiRequest): Promise<ApiResponse> {
    const { method, path, body, headers, timeoutMs, connectMs, answerMs, signal, onSent } = asked;
    return new Promise((resolve) => {
      const request = httpsRequest({
        agent: this.#agent,
        host: this.#host,
        port: this.#port,
        method,
        path,
        ...(timeoutMs !== undefined && { timeout: timeoutMs }),
        ...(signal !== undefined && { signal }),
        headers: {
          authorization: this.#authorization,
          ...(body !== undefined && bodyHeaders(body)),
          ...headers,
        },
      });
      const tooLong = () => void request.destroy(new Error('timeout'));
      const within = (ms: number | undefined) =>
        ms === undefined ? undefined : this.#clock.setTimer(ms, tooLong);
      const limit = within(connectMs);
      const answerLimit = within(answerMs);
      let stood = false;
      const stands = () => {
        stood = true;
        limit?.cancel();
      };
      request.on('socket', (socket) => {
        // Verified already: one that was opened before, or kept.
        if ((socket as TLSSocket).authorized) stands();
        else socket.once('secureConnect', stands);
      });
      request.on('close', () => {
        limit?.cancel();
        answerLimit?.cancel();
      });
      request.on('timeout', tooLong);
      request.on('error', (error) => resolve(outcomeOf(error, stood)));
      request.on('response', (message) => {
        answerLimit?.cancel();
        resolve({ kind: 'response', message });
      });
      if (onSent !== undefined) request.on('finish', onSent);
      if (typeof body !== 'object') request.end(body);
      else void sendBytes(request, body);
    });
  }

  /** Closes what is open; nothing may be requested afterwards. */
  close(): void {
    this.#agent.destroy();
  }
}

/** Errors of the network show on the request itself. */
async function sendBytes(request: ClientRequest, { bytes }: ByteBody): Promise<void> {
  try {
    for await (const piece of bytes) {
      await new Promise<void>((resolve, reject) => {
        const gone = () => reject(new Error('the connection closed'));
        request.once('close', gone);
        request.write(piece, () => {
          request.off('close', gone);
          resolve();
        });
      });
      if (request.destroyed) return;
    }
    request.end();
  } catch (error) {
    request.destroy(error instanceof Error ? error : undefined);
  }
}

function bodyHeaders(body: string | ByteBody): Record<string, string> {
  return typeof body === 'string'
    ? { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
    : { 'content-type': 'application/octet-stream', 'content-length': String(body.length) };
}

/** Probes begin after this long without traffic: a peer that vanished is noticed. */
const keepAliveMs = 15_000;

/** Keeps connections alive, and can be told to open one before it is needed. */
class WarmAgent extends Agent {
  readonly #options: ConnectionOptions;
  /** Else each connection would make its own, which is much outside of the heap, and is there until V8 collects it. */
  #secureContext: SecureContext | undefined;
  readonly #warm: TLSSocket[] = [];

  constructor(options: ConnectionOptions) {
    super({ keepAlive: true });
    this.#options = options;
  }

  warm(): void {
    const socket = this.#connect();
    const forget = () => {
      const index = this.#warm.indexOf(socket);
      if (index >= 0) this.#warm.splice(index, 1);
    };
    socket.once('close', forget);
    // Whoever takes the socket listens for itself; until then an error only means that it is of no use.
    socket.on('error', forget);
    this.#warm.push(socket);
  }

  override createConnection(): TLSSocket {
    return this.#warm.shift() ?? this.#connect();
  }

  override destroy(): void {
    for (const socket of this.#warm) socket.destroy();
    super.destroy();
  }

  #connect(): TLSSocket {
    this.#secureContext ??= createSecureContext(this.#options);
    const socket = connect({ ...this.#options, secureContext: this.#secureContext });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    return socket;
  }
}

class NotADispatcher extends Error {
  readonly code = 'NOT_A_DISPATCHER';
}

/** Chain and dates were verified before; this is who the certificate says it is. */
function dispatcherOnly(_host: string, certificate: PeerCertificate): Error | undefined {
  const role: unknown = certificate.subject.OU;
  return role === 'dispatcher' ? undefined : new NotADispatcher('its certificate is not one of a dispatcher');
}

function outcomeOf(error: Error & { code?: string }, mayHaveArrived: boolean): ApiResponse {
  const code = error.code ?? '';
  if (code === 'NOT_A_DISPATCHER') return { kind: 'untrusted', cause: error.message };
  if (isCertificateError(code)) {
    return { kind: 'untrusted', cause: `its certificate is not from the pinned root (${code})` };
  }
  return { kind: 'unreachable', cause: networkCause(error), mayHaveArrived };
}
