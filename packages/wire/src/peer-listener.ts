/**
 * Where peers connect: TLS 1.3 only, certificate of the link root required, role checked, one path for the link of each
 * role; whoever owns the listener may serve plain requests beside a link, to the same peers.
 *
 * 1. Nothing of a peer is read before its certificate was verified and says the expected role.
 * 2. Compression is off: output mixes hosts, and its bytes are counted.
 * 3. What is served to one role is served to no other: requests below the path of a further link are that link's.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type Clock, type Service, ServiceState } from '@pogo/lifecycle';
import { workerLinkPath } from '@pogo/protocol';
import { WebSocketServer } from 'ws';
import { certificateIdentity } from './certificate-identity.js';
import { linkLimits } from './limits.js';
import type { Peer, PeerHandlers, PeerIdentity, PeerRole } from './peer.js';
import { SocketPeer } from './socket-peer.js';

/** PEM texts: our private key, our certificate, and the link root that both sides' certificates come from. */
export interface LinkTls {
  key: string;
  cert: string;
  ca: string;
}

/** One link, and who may have it. */
export interface LinkDoor {
  /** Of the WebSocket. */
  path: string;
  expectRole: PeerRole;
  /** Called for each accepted peer before any of its frames is read. */
  onPeer(peer: Peer): PeerHandlers;
  /** Answers plain requests of peers with the expected role; without it there are none. */
  onRequest?(request: IncomingMessage, response: ServerResponse, identity: PeerIdentity): void;
  /** Bytes; {@link linkLimits} unless told otherwise. */
  maxFrameBytes?: number;
}

/** With the workers' link; its requests have any path that is below no other link's. */
export interface PeerListenerOptions extends Omit<LinkDoor, 'path'> {
  listen: { host: string; port: number };
  tls: LinkTls;
  clock: Clock;
  /** Further links; their requests have paths below `path`. */
  doors?: readonly LinkDoor[];
  /** A connection that was turned away, for the log. */
  onRefused?(refusal: { address: string; reason: string }): void;
}

/** A link with what takes its WebSockets. */
interface OpenDoor {
  door: LinkDoor;
  upgrades: WebSocketServer;
  maxFrameBytes: number;
}

export class PeerListener implements Service {
  readonly #options: PeerListenerOptions;
  readonly #state = new ServiceState();
  readonly #sockets = new Set<Socket>();
  readonly #peers = new Set<SocketPeer>();
  readonly #workers: OpenDoor;
  readonly #further: readonly OpenDoor[];
  #server: Server | undefined;

  constructor(options: PeerListenerOptions) {
    this.#options = options;
    this.#workers = openDoor({ ...options, path: workerLinkPath });
    this.#further = (options.doors ?? []).map(openDoor);
  }

  /** Where it listens; only after `start`. */
  get address(): { host: string; port: number } {
    const address = this.#server?.address() as AddressInfo | null | undefined;
    if (!address) throw new Error('the listener has no address before it is started');
    return { host: address.address, port: address.port };
  }

  start(): Promise<void> {
    return this.#state.start(() => this.#listen());
  }

  stop(): Promise<void> {
    return this.#state.stop(async () => {
      const peers = [...this.#peers];
      for (const peer of peers) peer.close(1001, 'stopping');
      await Promise.all(peers.map((peer) => peer.closed));
      const server = this.#server;
      if (server === undefined) return;
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of this.#sockets) socket.destroy();
      await closed;
    });
  }

  async #listen(): Promise<void> {
    const { tls, listen } = this.#options;
    const server = createServer({
      ...tls,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      handshakeTimeout: linkLimits.handshakeMs,
      headersTimeout: linkLimits.handshakeMs,
    });
    server.on('request', (request, response) => this.#request(request, response));
    server.on('connection', (socket: Socket) => {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    // A certificate that isn't good ends the socket without an alert: the cause stands in `authorizationError`.
    server.on('tlsClientError', (error, socket) => {
      this.#refused(socket, String((socket.authorizationError as unknown) ?? error.message));
    });
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    server.listen(listen.port, listen.host);
    await once(server, 'listening');
    this.#server = server;
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const { url = '' } = request;
    const { door } = this.#further.find(({ door: { path } }) => isAtOrBelow(url, path)) ?? this.#workers;
    if (door.onRequest === undefined || url === door.path) {
      response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end();
      return;
    }
    const identity = identityOf(request.socket, door.expectRole);
    if (identity === undefined) {
      this.#refused(request.socket, notOneOf(door));
      response.writeHead(403, { connection: 'close' }).end();
      return;
    }
    door.onRequest(request, response, identity);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refuse = (status: string, reason: string) => {
      this.#refused(request.socket, reason);
      socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    };
    socket.on('error', () => socket.destroy());
    if (this.#state.stopping) return refuse('503 Service Unavailable', 'stopping');
    const open = [this.#workers, ...this.#further].find(({ door }) => door.path === request.url);
    if (open === undefined) return refuse('404 Not Found', 'not the path of the link');
    const { door, upgrades, maxFrameBytes } = open;
    const identity = identityOf(request.socket, door.expectRole);
    if (identity === undefined) return refuse('403 Forbidden', notOneOf(door));
    upgrades.handleUpgrade(request, socket, head, (webSocket) => {
      const { clock } = this.#options;
      const peer = new SocketPeer({ socket: webSocket, connection: socket, identity, clock, maxFrameBytes });
      this.#peers.add(peer);
      void peer.closed.then(() => this.#peers.delete(peer));
      peer.serve(door.onPeer(peer));
    });
  }

  #refused(socket: Socket, reason: string): void {
    this.#options.onRefused?.({ address: socket.remoteAddress ?? 'unknown', reason });
  }
}

function openDoor(door: LinkDoor): OpenDoor {
  const maxFrameBytes = door.maxFrameBytes ?? linkLimits.maxFrameBytes;
  const upgrades = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxFrameBytes,
  });
  return { door, upgrades, maxFrameBytes };
}

function isAtOrBelow(url: string, path: string): boolean {
  return url === path || url.startsWith(`${path}/`);
}

function identityOf(socket: Socket, role: PeerRole): PeerIdentity | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const identity = certificateIdentity(socket.getPeerCertificate());
  return identity?.role === role ? identity : undefined;
}

function notOneOf({ expectRole }: LinkDoor): string {
  return `the certificate is not one of a ${expectRole}`;
}
