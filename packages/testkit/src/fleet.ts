/**
 * A fleet for whole-system tests: dispatchers and workers of one instance as processes of their own over one ZooKeeper, made as
 * a person makes them (`pogo-dispatcher init` and `issue`), and `pogo` commands against all of them.
 *
 * 1. Every part can be killed, paused and started again by itself; it listens where it did before.
 * 2. They die with this process; `stop` ends each as a person would, and fails if one has to be killed for it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { delay, systemClock } from '@pogo/lifecycle';
import type { ClusterCommandOptions } from './cluster.js';
import { freePorts } from './free-ports.js';
import type { NetworkNamespace } from './network-namespace.js';
import { signalProcesses } from './process-table.js';
import type { Place } from './routed-network.js';
import { type CommandResult, mustRun, runCommand } from './run-command.js';
import { createTemporaryDirectory } from './temporary-directory.js';

export interface FleetOptions {
  /** Root of the repository, whose programs are built. */
  repository: string;
  /** `HOST:PORT,…` of the ZooKeeper servers. */
  zookeeper: string;
  dispatchers: number;
  workers: number;
  /** Of dispatchers with ZooKeeper; 4 s by default. */
  sessionTimeoutMs?: number;
  /** Where each part runs, instead of on this machine's loopback; as many as there are parts. */
  places?: { dispatchers: readonly Place[]; workers: readonly Place[]; client: Place };
}

/** One daemon. */
export interface FleetPart {
  readonly name: string;
  /** Undefined while it doesn't run. */
  readonly pid: number | undefined;
  /** What it has written, over all its lives. */
  log(): string;
  /** Resolves when it says that it is ready. */
  start(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves when it is gone. */
  end(): Promise<void>;
  /** SIGSTOP, and SIGCONT. */
  pause(): void;
  resume(): void;
}

export interface FleetDispatcher extends FleetPart {
  readonly url: string;
}

export interface Fleet {
  /** POGO_HOME of the client. */
  readonly home: string;
  /** All that the parts and the client keep on disk is below. */
  readonly directory: string;
  readonly dispatchers: readonly FleetDispatcher[];
  readonly workers: readonly FleetPart[];
  /** The dispatcher that says last that it leads, of those that run; undefined while none has. */
  leader(): FleetDispatcher | undefined;
  /** Runs `pogo ARGS…` to its end; it knows every dispatcher. */
  run(args: readonly string[], options?: ClusterCommandOptions): Promise<CommandResult>;
  /** Starts `pogo ARGS…` with pipes. */
  spawn(args: readonly string[]): ChildProcess;
  stop(): Promise<void>;
}

const readyWithinMs = 60_000;
const stopWithinMs = 30_000;

/** Makes the instance, and starts all its parts. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { repository, zookeeper, sessionTimeoutMs = 4000, places } = options;
  const program = (name: string) => join(repository, `packages/${name}/dist/pogo${suffix(name)}.js`);
  if (!existsSync(program('client'))) throw new Error('not-built: run npm run build first');
  const directory = createTemporaryDirectory();
  const home = directory.file('home');
  const userHome = directory.file('user');
  mkdirSync(userHome, { mode: 0o700 });
  const environment = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    HOME: userHome,
  };
  // The Node that runs this test, whatever PATH says.
  const node = readlinkSync('/proc/self/exe');
  const must = (name: string, args: readonly string[]) =>
    mustRun(node, [program(name), ...args], { env: environment, cwd: directory.path });

  const names = (what: string, count: number) =>
    Array.from({ length: count }, (_, at) => `${what}-${at + 1}`);
  const ports = await freePorts(2 * options.dispatchers);
  const sites = names('dispatcher', options.dispatchers).map((name, at) => {
    const place = places?.dispatchers[at];
    const host = place?.address ?? '127.0.0.1';
    const api = `${host}:${ports[2 * at]}`;
    return { name, api, workers: `${host}:${ports[2 * at + 1]}`, namespace: place?.namespace };
  });
  // Places are reached by nobody but each other.
  const plaintext = places === undefined ? '' : '&plaintext=accepted';
  const remote = places === undefined ? [] : ['--allow-remote'];
  const store = `zookeeper://${zookeeper}/pogo?sessionTimeoutMs=${sessionTimeoutMs}${plaintext}`;
  await must('dispatcher', ['init', '--home', home, '--name', 'seed', '--worker-name', 'seed-worker']);
  const homeOf = (name: string) => directory.file(name);
  const dispatchers: Part[] = [];
  for (const { name, api, workers, namespace } of sites) {
    const addresses = ['--store', store, '--listen', api, '--worker-listen', workers];
    await must('dispatcher', [
      'issue',
      'dispatcher',
      name,
      '--home',
      home,
      '--out',
      homeOf(name),
      ...addresses,
    ]);
    const config = join(homeOf(name), 'dispatcher/config.yaml');
    const command = [node, program('dispatcher'), 'run', '--config', config, ...remote];
    dispatchers.push(new Part(name, command, { environment, url: `https://${api}`, namespace }));
  }
  const workers: Part[] = [];
  for (const [at, name] of names('worker', options.workers).entries()) {
    const all = sites.flatMap((site) => ['--dispatcher', `wss://${site.workers}`]);
    await must('dispatcher', ['issue', 'worker', name, '--home', home, '--out', homeOf(name), ...all]);
    const config = join(homeOf(name), 'worker/config.yaml');
    const command = [node, program('worker'), 'run', '--config', config];
    workers.push(new Part(name, command, { environment, namespace: places?.workers[at]?.namespace }));
  }
  const profile = join(home, 'client/profile.json');
  const urls = sites.map(({ api }) => `https://${api}`);
  const known = JSON.parse(readFileSync(profile, 'utf8')) as object;
  writeFileSync(profile, JSON.stringify({ ...known, url: urls[0], others: urls.slice(1) }));

  const parts = [...dispatchers, ...workers];
  const stop = async () => {
    const late = await Promise.all([...parts].reverse().map((part) => part.endWithin(stopWithinMs)));
    directory.remove();
    const killed = late.filter((part) => part !== undefined);
    if (killed.length > 0) throw new Error(`did not end within ${stopWithinMs} ms:\n${killed.join('\n')}`);
  };
  try {
    await Promise.all(parts.map((part) => part.start()));
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
  const client = { ...environment, POGO_HOME: home };
  const pogo = (args: readonly string[]) => {
    const command = [program('client'), ...args];
    return places?.client.namespace.command(node, command) ?? { file: node, args: command };
  };
  return {
    home,
    directory: directory.path,
    dispatchers,
    workers,
    leader: () =>
      dispatchers
        .filter(({ pid }) => pid !== undefined)
        .sort((one, other) => other.ledAt - one.ledAt)
        .find(({ ledAt }) => ledAt >= 0),
    run(args, { environment: more = {}, ...rest } = {}) {
      const command = pogo(args);
      return runCommand(command.file, command.args, {
        cwd: directory.path,
        ...rest,
        env: { ...client, ...more },
      });
    },
    spawn(args) {
      const command = pogo(args);
      return spawn(command.file, command.args, { cwd: directory.path, env: client, stdio: 'pipe' });
    },
    stop,
  };
}

function suffix(name: string): string {
  return name === 'client' ? '' : `-${name}`;
}

class Part implements FleetDispatcher {
  readonly name: string;
  readonly url: string;
  readonly #command: readonly string[];
  readonly #environment: Record<string, string>;
  readonly #namespace: NetworkNamespace | undefined;
  #child: ChildProcess | undefined;
  #written = '';
  /** When it last said that it leads `default`, in milliseconds of some clock; -1 before. */
  ledAt = -1;

  constructor(
    name: string,
    command: readonly string[],
    options: {
      environment: Record<string, string>;
      url?: string;
      namespace: NetworkNamespace | undefined;
    },
  ) {
    this.name = name;
    this.#command = command;
    this.#environment = options.environment;
    this.#namespace = options.namespace;
    this.url = options.url ?? '';
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  log(): string {
    return this.#written;
  }

  async start(): Promise<void> {
    const args = ['--pdeathsig', 'KILL', ...this.#command];
    const started = this.#namespace?.command('setpriv', args) ?? { file: 'setpriv', args };
    const child = spawn(started.file, started.args, {
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.once('exit', () => (this.#child = undefined));
    const over = new AbortController();
    const ready = new Promise<true>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        this.#heard(chunk);
        if (chunk.includes('"ready":true')) resolve(true);
      });
    });
    child.stderr.on('data', (chunk: Buffer) => this.#heard(chunk));
    const ended = once(child, 'exit').then(() => false);
    const late = delay(systemClock, readyWithinMs, over.signal).then(() => false);
    const isReady = await Promise.race([ready, ended, late]);
    over.abort();
    if (!isReady) throw new Error(`${this.name} was not ready within ${readyWithinMs} ms:\n${this.#written}`);
  }

  kill(): Promise<void> {
    return this.#signal('KILL');
  }

  end(): Promise<void> {
    return this.#signal('TERM');
  }

  pause(): void {
    if (this.pid !== undefined) signalProcesses('STOP', [this.pid]);
  }

  resume(): void {
    if (this.pid !== undefined) signalProcesses('CONT', [this.pid]);
  }

  /** Resolves to what it has written when it had to be killed. */
  async endWithin(limitMs: number): Promise<string | undefined> {
    if (this.pid === undefined) return undefined;
    this.resume();
    const over = new AbortController();
    const isLate = await Promise.race([
      this.end().then(() => false),
      delay(systemClock, limitMs, over.signal),
    ]);
    over.abort();
    if (!isLate) return undefined;
    await this.kill();
    return `${this.name}:\n${this.#written.slice(-4000)}`;
  }

  async #signal(signal: 'KILL' | 'TERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    signalProcesses(signal, [child.pid!]);
    await gone;
  }

  #heard(chunk: Buffer): void {
    const text = chunk.toString('utf8');
    this.#written += text;
    if (/"msg":"leads"/.test(text)) this.ledAt = systemClock.monotonicMs();
  }
}
