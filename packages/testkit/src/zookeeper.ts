/**
 * Real ZooKeeper servers of Debian's package on loopback, alone or as an ensemble, each with ports, configuration and data of
 * its own: never the system's.
 *
 * 1. Writes are synced as the package ships it; only the heap and the ticks are smaller.
 * 2. Servers die with this process, however that ends (parent-death signal), and `stop` removes all that is theirs.
 * 3. With `quorumProxies`, what one server hears from the others goes through a proxy of its own: it can be made to lag, or
 *    be parted from them, while clients still reach it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delay, systemClock } from '@pogo/lifecycle';
import { type FlakyProxy, startFlakyProxy } from './flaky-proxy.js';
import { freePorts } from './free-ports.js';
import type { NetworkNamespace } from './network-namespace.js';
import { signalProcesses } from './process-table.js';
import type { Place } from './routed-network.js';
import { createTemporaryDirectory } from './temporary-directory.js';

const jar = '/usr/share/java/zookeeper.jar';
const startPatienceMs = 120_000;

export interface ZooKeeperOptions {
  /** 1 (the default) or 3, say. */
  servers?: number;
  /** Sessions may have timeouts between 2 and 20 ticks; 500 ms by default. */
  tickTimeMs?: number;
  /** See invariant 3. */
  quorumProxies?: boolean;
  /** Where each server runs, instead of on this machine's loopback; as many as servers. */
  places?: readonly Place[];
}

export type ZooKeeperMode = 'standalone' | 'leader' | 'follower';

export interface ZooKeeperServer {
  /** From 1. */
  readonly id: number;
  readonly clientPort: number;
  /** `HOST:PORT`; the host is 127.0.0.1 where it has no place of its own. */
  readonly address: string;
  /** Its snapshots and transaction logs are below. */
  readonly dataDirectory: string;
  /** What this server hears from the servers that lead, when `quorumProxies` was asked for. */
  readonly quorumProxies: readonly FlakyProxy[];
  /** Undefined while it doesn't serve. */
  mode(): Promise<ZooKeeperMode | undefined>;
  /** The answer to a four-letter command such as `mntr`; undefined while it doesn't answer. */
  ask(command: string): Promise<string | undefined>;
  log(): string;
  /** SIGKILL; its data stay. */
  kill(): Promise<void>;
  /** SIGSTOP, and SIGCONT. */
  pause(): void;
  resume(): void;
  /** Starts it again after `kill`, and waits until it serves. */
  start(): Promise<void>;
}

export interface ZooKeeperEnsemble {
  readonly servers: readonly ZooKeeperServer[];
  /** `127.0.0.1:PORT,127.0.0.1:PORT…`, without a chroot. */
  readonly addresses: string;
  /** Waits for the server that leads, or that is alone. */
  leader(): Promise<ZooKeeperServer>;
  followers(): Promise<ZooKeeperServer[]>;
  stop(): Promise<void>;
}

/** Starts servers and waits until they serve. Needs Debian's zookeeper and a Java runtime. */
export async function startZooKeeper(options: ZooKeeperOptions = {}): Promise<ZooKeeperEnsemble> {
  for (const [file, name] of [
    [jar, 'zookeeper'],
    ['/usr/bin/java', 'default-jre-headless'],
  ] as const) {
    if (!existsSync(file)) {
      throw new Error(
        `no-zookeeper: ${file} is missing. Install it: apt-get install --no-install-recommends ${name}`,
      );
    }
  }
  for (let tries = 0; ; tries += 1) {
    const started = await tryToStart(options);
    if ('ensemble' in started) return started.ensemble;
    if (!/Address already in use|BindException/.test(started.refusal) || tries === 5)
      throw new Error(`ZooKeeper did not start:\n${started.refusal.slice(-4000)}`);
  }
}

interface Ports {
  client: number;
  quorum: number;
  election: number;
}

async function tryToStart(
  options: ZooKeeperOptions,
): Promise<{ ensemble: ZooKeeperEnsemble } | { refusal: string }> {
  const { servers: count = 1, tickTimeMs = 500, quorumProxies = false, places } = options;
  const hostOf = (at: number) => places?.[at]?.address ?? '127.0.0.1';
  const directory = createTemporaryDirectory();
  const free = await freePorts(3 * count);
  const ports = Array.from({ length: count }, (_, at): Ports => {
    const [client = 0, quorum = 0, election = 0] = free.slice(3 * at, 3 * at + 3);
    return { client, quorum, election };
  });
  const proxies: FlakyProxy[] = [];
  const servers: Server[] = [];
  for (const [at, own] of ports.entries()) {
    const members: string[] = [];
    const heardThrough: FlakyProxy[] = [];
    for (const [other, { quorum, election }] of ports.entries()) {
      let quorumPort = quorum;
      if (quorumProxies && other !== at) {
        const proxy = await startFlakyProxy({ targetPort: quorum });
        heardThrough.push(proxy);
        quorumPort = proxy.port;
      }
      members.push(`server.${other + 1}=${hostOf(other)}:${quorumPort}:${election}`);
    }
    proxies.push(...heardThrough);
    const home = directory.file(`server-${at + 1}`);
    mkdirSync(`${home}/data`, { recursive: true });
    writeFileSync(`${home}/data/myid`, `${at + 1}\n`);
    const settings = [
      `dataDir=${home}/data`,
      `clientPortAddress=${hostOf(at)}`,
      `clientPort=${own.client}`,
      `tickTime=${tickTimeMs}`,
      // A server that meets the new leader before that listens is waited for so long when there is a proxy between them.
      'initLimit=10',
      'syncLimit=10',
      'maxClientCnxns=0',
      'admin.enableServer=false',
      '4lw.commands.whitelist=srvr,ruok,mntr,cons,wchs',
      ...(count > 1 ? members : []),
    ];
    writeFileSync(`${home}/zoo.cfg`, `${settings.join('\n')}\n`);
    servers.push(
      new Server({
        id: at + 1,
        home,
        host: hostOf(at),
        clientPort: own.client,
        quorumProxies: heardThrough,
        namespace: places?.[at]?.namespace,
      }),
    );
  }
  const stop = async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    directory.remove();
  };
  try {
    await Promise.all(servers.map((server) => server.start()));
  } catch (error) {
    const refusal = `${String(error)}\n${servers.map((server) => server.log()).join('\n')}`;
    await stop();
    return { refusal };
  }
  const inMode = async (wanted: (mode: ZooKeeperMode) => boolean): Promise<Server[]> => {
    const modes = await Promise.all(servers.map((server) => server.mode()));
    return servers.filter((_, at) => {
      const mode = modes[at];
      return mode !== undefined && wanted(mode);
    });
  };
  let stopping: Promise<void> | undefined;
  return {
    ensemble: {
      servers,
      addresses: servers.map(({ address }) => address).join(','),
      async leader() {
        const untilMs = systemClock.monotonicMs() + startPatienceMs;
        for (;;) {
          const [leader] = await inMode((mode) => mode !== 'follower');
          if (leader !== undefined) return leader;
          if (systemClock.monotonicMs() > untilMs) throw new Error('no ZooKeeper server leads');
          await delay(systemClock, 50);
        }
      },
      followers: () => inMode((mode) => mode === 'follower'),
      stop: () => (stopping ??= stop()),
    },
  };
}

class Server implements ZooKeeperServer {
  readonly id: number;
  readonly clientPort: number;
  readonly quorumProxies: readonly FlakyProxy[];
  readonly #home: string;
  readonly #host: string;
  readonly #namespace: NetworkNamespace | undefined;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> | undefined;

  constructor(options: {
    id: number;
    home: string;
    host: string;
    clientPort: number;
    quorumProxies: readonly FlakyProxy[];
    namespace: NetworkNamespace | undefined;
  }) {
    this.id = options.id;
    this.clientPort = options.clientPort;
    this.quorumProxies = options.quorumProxies;
    this.#home = options.home;
    this.#host = options.host;
    this.#namespace = options.namespace;
  }

  get address(): string {
    return `${this.#host}:${this.clientPort}`;
  }

  get dataDirectory(): string {
    return `${this.#home}/data`;
  }

  log(): string {
    const file = `${this.#home}/log`;
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  async mode(): Promise<ZooKeeperMode | undefined> {
    const answer = await this.ask('srvr');
    const mode = /^Mode: (\w+)$/m.exec(answer ?? '')?.[1];
    return mode === 'standalone' || mode === 'leader' || mode === 'follower' ? mode : undefined;
  }

  ask(command: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      const socket = connect({ host: this.#host, port: this.clientPort });
      let answer = '';
      socket.setTimeout(2_000, () => socket.destroy());
      socket.on('connect', () => socket.write(command));
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString('utf8')));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(answer === '' ? undefined : answer));
    });
  }

  async start(): Promise<void> {
    const log = openSync(`${this.#home}/log`, 'a');
    const args = [
      ...['--pdeathsig', 'KILL', '/usr/bin/java', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
      // Servers keep as many of the latest writes in memory, 500 if not told, for those that lag.
      ...['-Dzookeeper.commitLogCount=100', '-XX:+ExitOnOutOfMemoryError'],
      ...['-XX:-UsePerfData', '-Djava.net.preferIPv4Stack=true', `-Dzookeeper.log.dir=${this.#home}`],
      ...['-cp', jar, 'org.apache.zookeeper.server.quorum.QuorumPeerMain', `${this.#home}/zoo.cfg`],
    ];
    const started = this.#namespace?.command('setpriv', args) ?? { file: 'setpriv', args };
    const child = spawn(started.file, started.args, { cwd: this.#home, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    const ended = once(child, 'exit');
    this.#ended = ended;
    let over = false;
    void ended.then(() => (over = true));
    const untilMs = systemClock.monotonicMs() + startPatienceMs;
    while ((await this.mode()) === undefined) {
      if (over) throw new Error(`ZooKeeper server ${this.id} ended`);
      if (systemClock.monotonicMs() > untilMs) throw new Error(`ZooKeeper server ${this.id} does not serve`);
      await delay(systemClock, 50);
    }
  }

  async kill(): Promise<void> {
    this.#signal('KILL');
    await this.#ended;
    this.#child = undefined;
  }

  pause(): void {
    this.#signal('STOP');
  }

  resume(): void {
    this.#signal('CONT');
  }

  #signal(name: string): void {
    if (this.#child?.pid !== undefined && this.#child.exitCode === null)
      signalProcesses(name, [this.#child.pid]);
  }
}
