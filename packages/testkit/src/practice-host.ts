/**
 * The practice host: a small SSH server of ours, for machines without sshd or without root. One server stands for
 * many hosts, each with an address and port and a private home of its own; all have the same host key.
 *
 * 1. It listens on loopback only.
 * 2. Commands run as the current user (see the executor), whoever logs in; logging in takes the account's name and
 *    its password or one of its keys.
 * 3. It does nothing but run commands: no terminal, no forwarding, no subsystems.
 */
import { mkdirSync } from 'node:fs';
import { type AddressInfo, type Server as NetServer, type Socket, createServer } from 'node:net';
import { once } from 'node:events';
import ssh2 from 'ssh2';
import type { CommandExecutor } from './command-execution.js';
import { type PracticeAuthAttempt, type PracticeCredentials, decideLogin } from './practice-login.js';
import { serveSession } from './practice-session.js';
import { ed25519Texts } from './key.js';
import { loopbackAddress } from './loopback-address.js';

export interface PracticeHostOptions extends PracticeCredentials {
  /** How many hosts to be; 1 by default. */
  count?: number;
  /**
   * `addresses`: 127.0.1.1, 127.0.1.2 and so on, on one port (Linux); `ports`: 127.0.0.1 on as many ports, which
   * works everywhere. By default the first if this system has such addresses, else the second.
   */
  layout?: 'addresses' | 'ports';
  /** Under which each host's home is made. */
  directory: string;
  executor: CommandExecutor;
  /** Called for each decided attempt to log in. */
  onAuthAttempt?: (attempt: PracticeAuthAttempt) => void;
}

/** Where one of the hosts listens. */
export interface PracticeAddress {
  address: string;
  port: number;
}

export interface PracticeHost {
  readonly hosts: readonly PracticeAddress[];
  readonly hostPublicKeys: readonly string[];
  /** Closes connections, ends what their commands left, and stops listening. */
  stop(): Promise<void>;
}

export async function startPracticeHost(options: PracticeHostOptions): Promise<PracticeHost> {
  const { count = 1, directory } = options;
  const hostKey = ed25519Texts();
  const sockets = new Set<Socket>();

  const serve = (socket: Socket) => {
    const to = { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 };
    const from = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    const server = new ssh2.Server({ hostKeys: [hostKey.private] }, (connection) => {
      // A client that vanishes is no event here: its sessions see their channels close.
      connection.on('error', () => undefined);
      connection.on('authentication', (context) => {
        decideLogin(context, options, (attempt) => options.onAuthAttempt?.({ ...attempt, from, to }));
      });
      connection.on('session', (accept) => {
        const home = `${directory}/${to.address}-${to.port}`;
        mkdirSync(home, { recursive: true, mode: 0o700 });
        serveSession(accept(), {
          executor: options.executor,
          home,
          environment: {
            USER: options.user,
            LOGNAME: options.user,
            SSH_CONNECTION: `${from.address} ${from.port} ${to.address} ${to.port}`,
            SSH_CLIENT: `${from.address} ${from.port} ${to.port}`,
          },
        });
      });
    });
    server.injectSocket(socket);
  };

  const listeners = await listen(count, options.layout, serve);
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    const closed = listeners.map((listener) => once(listener, 'close'));
    for (const listener of listeners) listener.close();
    for (const socket of sockets) socket.destroy();
    await Promise.all([...closed, options.executor.stop()]);
  };
  return {
    hosts: listeners.map((listener) => {
      const { address, port } = listener.address() as AddressInfo;
      return { address, port };
    }),
    hostPublicKeys: [hostKey.publicLine],
    stop: () => (stopping ??= stop()),
  };
}

/** IPv4 as itself, also where a dual-stack socket says `::ffff:127.0.0.1`. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:/, '');
}

async function listen(
  count: number,
  layout: PracticeHostOptions['layout'],
  serve: (socket: Socket) => void,
): Promise<NetServer[]> {
  const open = async (address: string, port: number) => {
    const listener = createServer(serve);
    // Connections of a thousand hosts come at once.
    listener.listen({ host: address, port, backlog: 1024 });
    await once(listener, 'listening');
    return listener;
  };
  if (layout !== 'ports') {
    for (let tries = 0; tries < 20; tries++) {
      const opened: NetServer[] = [];
      try {
        for (let n = 1; n <= count; n++) {
          const port = opened[0] ? (opened[0].address() as AddressInfo).port : 0;
          opened.push(await open(loopbackAddress(n), port));
        }
        return opened;
      } catch (error) {
        for (const listener of opened) listener.close();
        const code = (error as NodeJS.ErrnoException).code;
        // The port may be taken on another address: try another port.
        if (code === 'EADDRINUSE') continue;
        if (code === 'EADDRNOTAVAIL' && layout === undefined) break;
        throw error;
      }
    }
  }
  const opened: NetServer[] = [];
  for (let n = 1; n <= count; n++) opened.push(await open('127.0.0.1', 0));
  return opened;
}
