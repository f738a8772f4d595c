/**
 * Scripted hosts: one SSH server of ours that stands for every loopback address at once, so that a job can have ten
 * thousand hosts on one machine. Logins and channels are real; what a host does with a command is acted out
 * (`scripted-hosts-stub.ts`), or run for real by an executor that is passed in.
 *
 * 1. It listens on all addresses, and so only inside a network namespace that has only `lo`.
 * 2. It counts what began on each host, by job and attempt, and whoever asks gets that count: evidence of the host's
 *    side, independent of any log of the cluster's.
 * 3. Nothing of it outlives `stop`.
 */
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { once } from 'node:events';
import ssh2, { type Session } from 'ssh2';
import { type Clock, systemClock } from '@pogo/lifecycle';
import type { CommandExecutor } from './command-execution.js';
import { ed25519Texts } from './key.js';
import { loopbackAddress } from './loopback-address.js';
import type { NetworkNamespace } from './network-namespace.js';
import { type PracticeCredentials, decideLogin } from './practice-login.js';
import { serveSession } from './practice-session.js';
import { listenEverywhere } from './scripted-hosts-listener.js';
import {
  type LeftOutcome,
  type ScriptedAct,
  type ScriptedCommand,
  ScriptedStub,
} from './scripted-hosts-stub.js';

/** How a host takes a connection. */
export type ScriptedMeeting =
  | 'serve'
  /** Every login is refused. */
  | 'refuse-login'
  /** The connection is reset at once. */
  | 'reset'
  /** Takes the connection and never says a word. */
  | 'silent';

export interface ScriptedHostsOptions extends PracticeCredentials {
  /** Where it listens; without one this process must be inside of one. */
  namespace?: NetworkNamespace;
  /** A free one by default. */
  port?: number;
  /** `serve` by default. */
  meet?: (address: string) => ScriptedMeeting;
  /** What a command does on its host; succeeds at once, in silence, by default. */
  act?: (command: ScriptedCommand) => ScriptedAct;
  /** Runs the commands for real instead, each host with a home of its own under `directory`; nothing is counted then. */
  real?: { executor: CommandExecutor; homeOf: (address: string) => string };
  clock?: Clock;
}

export interface ScriptedHosts {
  readonly port: number;
  readonly hostPublicKeys: readonly string[];
  /** The first `count` addresses: 250 in each of 127.0.1.0/24, 127.0.2.0/24 and so on. */
  addresses(count: number): string[];
  /** Attempts that began, in their order, by address; an attempt that began twice is there twice. `job` as in `POGO_JOB_ID`. */
  begun(job: string): ReadonlyMap<string, readonly number[]>;
  /** Forgets a job, for runs of hours. */
  forget(job: string): void;
  /** Ends that attempts have left on their hosts, since nobody has acknowledged them. */
  unacknowledged(): number;
  /** Connections that were made so far, and those that are open now. */
  connections(): { made: number; open: number };
  stop(): Promise<void>;
}

export async function startScriptedHosts(options: ScriptedHostsOptions): Promise<ScriptedHosts> {
  const { meet = () => 'serve', act = () => ({}), clock = systemClock, real } = options;
  const hostKey = ed25519Texts();
  const sockets = new Set<Socket>();
  const begun = new Map<string, Map<string, number[]>>();
  const left = new Map<string, Set<LeftOutcome>>();
  let made = 0;

  const serve = (session: Session, address: string, socket: Socket) => {
    if (real !== undefined) {
      const environment = { USER: options.user, LOGNAME: options.user };
      serveSession(session, { executor: real.executor, home: real.homeOf(address), environment });
      return;
    }
    const leftHere = left.get(address) ?? new Set();
    left.set(address, leftHere);
    session.on('exec', (accept, _reject, { command }) => {
      new ScriptedStub({
        channel: accept(),
        commandLine: command,
        address,
        clock,
        act,
        begun: ({ job, attempt }) => {
          let hosts = begun.get(job);
          if (hosts === undefined) begun.set(job, (hosts = new Map()));
          hosts.set(address, [...(hosts.get(address) ?? []), attempt]);
        },
        reset: () => socket.resetAndDestroy(),
        left: leftHere,
      });
    });
  };

  const converse = (socket: Socket, address: string) => {
    // One for each: what a shared server tells of a connection (the client's address and port) doesn't say which host it is for.
    const server = new ssh2.Server({ hostKeys: [hostKey.private] }, (connection) => {
      // A client that vanishes is no event here: its sessions see their channels close.
      connection.on('error', () => undefined);
      connection.on('authentication', (context) => {
        if (meet(address) === 'refuse-login') context.reject(['publickey', 'password']);
        else decideLogin(context, options, () => undefined);
      });
      connection.on('session', (accept) => serve(accept(), address, socket));
    });
    server.injectSocket(socket);
  };

  const listener = await listenEverywhere({
    namespace: options.namespace,
    port: options.port ?? 0,
    onConnection: (socket) => {
      made++;
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
      const address = plainAddress(socket.localAddress);
      const meeting = meet(address);
      if (meeting === 'reset') socket.resetAndDestroy();
      else if (meeting === 'silent') socket.resume();
      else converse(socket, address);
    },
  });
  const { port } = listener.address() as AddressInfo;

  let stopping: Promise<void> | undefined;
  const stop = async () => {
    await closed(listener, sockets);
    await real?.executor.stop();
  };
  return {
    port,
    hostPublicKeys: [hostKey.publicLine],
    addresses: (count) => Array.from({ length: count }, (_, index) => loopbackAddress(index + 1)),
    begun: (job) => begun.get(job) ?? new Map(),
    forget: (job) => void begun.delete(job),
    unacknowledged: () => [...left.values()].reduce((sum, { size }) => sum + size, 0),
    connections: () => ({ made, open: sockets.size }),
    stop: () => (stopping ??= stop()),
  };
}

async function closed(listener: NetServer, sockets: ReadonlySet<Socket>): Promise<void> {
  const over = once(listener, 'close');
  listener.close();
  for (const socket of sockets) socket.destroy();
  await over;
}

/** IPv4 as itself, also where a dual-stack socket says `::ffff:127.0.0.1`. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:/, '');
}
