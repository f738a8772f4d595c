/** Hosts that misbehave, each a small TCP server on loopback: what a fleet always has a few of. */
import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';

/** How a host is odd. */
export type Oddity =
  /** Accepts and never says a word. */
  | 'silent'
  /** Sends its version line, reads the client's, and closes: the handshake breaks off. */
  | 'closes-in-handshake'
  /** Closes as soon as the connection is there. */
  | 'closes-at-once'
  /** Sends text that is no SSH, without end of line, for as long as the client reads. */
  | 'garbage'
  /** Sends its version line, then bytes that make no packet. */
  | 'garbage-after-version';

export interface OddHostOptions {
  /** 127.0.0.1 by default; any other must be loopback too. */
  address?: string;
  port?: number;
}

export interface OddHost {
  readonly address: string;
  readonly port: number;
  /** Connections that were made so far. */
  connections(): number;
  /** What clients have sent so far, all together: proof that no credential was in it. */
  received(): Buffer;
  /** Resolves once `count` connections were made. */
  waitForConnections(count: number): Promise<void>;
  stop(): Promise<void>;
}

const versionLine = 'SSH-2.0-Odd_1.0\r\n';
const garbage = Buffer.from(Array.from({ length: 1024 }, (_, index) => 0x80 + ((index * 37) % 0x7f)));

const acts: Record<Oddity, (socket: Socket) => void> = {
  silent: () => undefined,
  'closes-in-handshake': (socket) => {
    socket.write(versionLine);
    socket.once('data', () => socket.end());
  },
  'closes-at-once': (socket) => socket.end(),
  garbage: (socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(garbage));
    };
    socket.on('drain', more);
    more();
  },
  'garbage-after-version': (socket) => {
    socket.write(versionLine);
    socket.write(garbage);
  },
};

export async function startOddHost(oddity: Oddity, options: OddHostOptions = {}): Promise<OddHost> {
  const { address = '127.0.0.1', port = 0 } = options;
  const sockets = new Set<Socket>();
  const received: Buffer[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => received.push(chunk));
    acts[oddity](socket);
    connections += 1;
    server.emit('served');
  });
  server.listen({ host: address, port });
  await once(server, 'listening');
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    address,
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    received: () => Buffer.concat(received),
    async waitForConnections(count) {
      while (connections < count) await once(server, 'served');
    },
    stop: () => (stopping ??= stop()),
  };
}

/** A loopback port where nobody listens: connections to it are refused, unless someone takes it meanwhile. */
export async function refusedPort(address = '127.0.0.1'): Promise<number> {
  const host = await startOddHost('silent', { address });
  await host.stop();
  return host.port;
}
