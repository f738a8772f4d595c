/**
 * Keeps one link to a listener up until stopped.
 *
 * 1. A link is up when the listener's first message has come: with TLS 1.3 a refused client certificate shows only
 *    after our side of the handshake is done.
 * 2. Identity is the key, not the address: the certificate must come from the pinned link root and say the expected
 *    role; host names are not compared.
 * 3. Between dials it waits, longer each time, with jitter; a link that was up for a while starts the waits anew, one
 *    that is closed at once (a peer that refuses us) doesn't.
 */
import { connect, type TLSSocket } from 'node:tls';
import { backoffDelayMs, type Clock, delay, type Service, ServiceState } from '@pogo/lifecycle';
import { workerLinkPath } from '@pogo/protocol';
import { WebSocket } from 'ws';
import { certificateIdentity } from './certificate-identity.js';
import { dialBackoff, linkLimits } from './limits.js';
import type { Peer, PeerHandlers, PeerRole } from './peer.js';
import type { LinkTls } from './peer-listener.js';
import { SocketPeer } from './socket-peer.js';

export interface PeerDialerOptions {
  /** `wss://HOST:PORT`, no path. */
  url: string;
  /** Of the link there; the workers' unless told otherwise. */
  path?: string;
  tls: LinkTls;
  expectRole: PeerRole;
  clock: Clock;
  /** A number in [0, 1). */
  random: () => number;
  /** What is served to the peer; a function where it depends on the peer. */
  handlers: PeerHandlers | ((peer: Peer) => PeerHandlers);
  /** The link is up; frames from the peer come only after this call. */
  onConnected(peer: Peer): void | Promise<void>;
  /** A link that was up is over. */
  onDisconnected(reason: string): void;
  /** A dial that brought no link, for the log. */
  onDialFailed?(reason: string): void;
  /** Bytes; {@link linkLimits} unless told otherwise. */
  maxFrameBytes?: number;
}

type Dialled = { kind: 'up'; peer: SocketPeer } | { kind: 'failed'; reason: string };

export class PeerDialer implements Service {
  readonly #options: PeerDialerOptions;
  readonly #state = new ServiceState();
  readonly #maxFrameBytes: number;
  #running: Promise<void> = Promise.resolve();
  #socket: WebSocket | undefined;
  #peer: SocketPeer | undefined;

  constructor(options: PeerDialerOptions) {
    this.#options = options;
    this.#maxFrameBytes = options.maxFrameBytes ?? linkLimits.maxFrameBytes;
  }

  /** Begins to dial; resolves at once, not when the link is up. */
  start(): Promise<void> {
    return this.#state.start(() => {
      this.#running = this.#run();
      return Promise.resolve();
    });
  }

  stop(): Promise<void> {
    return this.#state.stop(async () => {
      if (this.#peer !== undefined) this.#peer.close(1001, 'stopping');
      else this.#socket?.terminate();
      await this.#running;
    });
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    for (let attempt = 0; !this.#state.stopping; attempt++) {
      const dialled = await this.#dial();
      if (dialled.kind === 'up') {
        const upSinceMs = clock.monotonicMs();
        const { reason } = await dialled.peer.closed;
        if (clock.monotonicMs() - upSinceMs >= dialBackoff.maxMs) attempt = 0;
        this.#peer = undefined;
        this.#options.onDisconnected(reason);
      } else if (!this.#state.stopping) {
        this.#options.onDialFailed?.(dialled.reason);
      }
      if (this.#state.stopping) return;
      await delay(clock, backoffDelayMs(dialBackoff, attempt, random()), this.#state.signal);
    }
  }

  #dial(): Promise<Dialled> {
    const { url, path = workerLinkPath, expectRole, clock } = this.#options;
    return new Promise((resolve) => {
      const connection = this.#connect();
      const socket = new WebSocket(`${url}${path}`, {
        createConnection: () => connection,
        perMessageDeflate: false,
        maxPayload: this.#maxFrameBytes,
        handshakeTimeout: linkLimits.handshakeMs,
        followRedirects: false,
      });
      this.#socket = socket;
      const failed = (error: Error) => resolve({ kind: 'failed', reason: describeDialError(url, error) });
      socket.on('error', failed);
      socket.once('open', () => {
        const identity = certificateIdentity(connection.getPeerCertificate());
        if (!connection.authorized || identity?.role !== expectRole) {
          socket.terminate();
          failed(new Error(`the certificate is not one of a ${expectRole}`));
          return;
        }
        const peer = new SocketPeer({
          socket,
          connection,
          identity,
          clock,
          maxFrameBytes: this.#maxFrameBytes,
        });
        socket.off('error', failed);
        this.#peer = peer;
        const { handlers } = this.#options;
        peer.serve(typeof handlers === 'function' ? handlers(peer) : handlers);
        resolve({ kind: 'up', peer });
        void this.#options.onConnected(peer);
      });
    });
  }

  /** Nothing is sent before the other side's certificate was found good (2). */
  #connect(): TLSSocket {
    const { url, tls, expectRole } = this.#options;
    const { hostname, port } = new URL(url);
    const connection = connect({
      ...tls,
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port === '' ? 443 : port),
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      // The chain to the pinned root was verified before this is asked.
      checkServerIdentity: (_host, certificate) =>
        certificateIdentity(certificate)?.role === expectRole
          ? undefined
          : new Error(`the certificate is not one of a ${expectRole}`),
    });
    connection.setNoDelay(true);
    return connection;
  }
}

/** A refused client certificate arrives as a TLS alert, or only as a reset connection. */
function describeDialError(url: string, error: Error & { code?: string }): string {
  const cause = error.message === '' ? (error.code ?? error.name) : error.message;
  const refused = error.code === 'ECONNRESET' || error.code?.startsWith('ERR_SSL_TLSV') === true;
  return refused
    ? `${url} refused the connection: ${cause} (does the certificate come from that instance's link root?)`
    : `cannot reach ${url}: ${cause}`;
}
