/**
 * A one-machine cluster for whole-system tests: the built `pogo up` with a POGO_HOME of its own, and `pogo` commands
 * against it.
 *
 * 1. Nothing of the machine's configuration is seen: HOME is empty, the environment is new.
 * 2. It dies with this process; `stop` ends it as a person would, and fails if any of its processes stays behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Clock, delay, systemClock } from '@pogo/lifecycle';
import type { NetworkNamespace } from './network-namespace.js';
import { startTicks } from './owner.js';
import {
  descendantsOf,
  endProcesses,
  markedProcesses,
  type ProcessEntry,
  processTable,
  signalProcesses,
} from './process-table.js';
import { type CommandResult, runCommand } from './run-command.js';
import { createTemporaryDirectory } from './temporary-directory.js';

const markName = 'POGO_TESTKIT_CLUSTER';

export interface ClusterOptions {
  /** The built command, `packages/client/dist/pogo.js`. */
  cli: string;
  /** An existing POGO_HOME, kept at `stop`; a fresh one otherwise, removed at `stop`. */
  home?: string;
  /** Where all of it runs, `run` and `spawn` included. */
  namespace?: NetworkNamespace;
  /** Further arguments for `pogo up`; by default it listens on free ports of 127.0.0.1. */
  upArguments?: readonly string[];
  environment?: Readonly<Record<string, string>>;
  /** How long `pogo up` may take until it is ready; 60 s by default. */
  readyWithinMs?: number;
  /** How long it may take to end; 30 s by default. */
  stopWithinMs?: number;
  clock?: Clock;
}

export type ClusterRole = 'up' | 'dispatcher' | 'worker' | 'rexec' | 'client';

/** A process of the cluster. */
export interface ClusterProcess extends ProcessEntry {
  /** Undefined for what isn't one of our programs, such as a shell on the way to rexec. */
  role: ClusterRole | undefined;
}

export interface ClusterCommandOptions {
  stdin?: string | Buffer;
  /** Added to the cluster's environment. */
  environment?: Readonly<Record<string, string>>;
  cwd?: string;
  signal?: AbortSignal;
}

export interface Cluster {
  /** POGO_HOME. */
  readonly home: string;
  /** Private directory for the test's own files; removed at `stop`. */
  readonly directory: string;
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** What `pogo up` has written so far. */
  output(): { stdout: string; stderr: string };
  /** Runs `pogo ARGS…` to its end. */
  run(args: readonly string[], options?: ClusterCommandOptions): Promise<CommandResult>;
  /** Starts `pogo ARGS…` with pipes, to talk to or to signal. */
  spawn(args: readonly string[], options?: Omit<ClusterCommandOptions, 'stdin' | 'signal'>): ChildProcess;
  /** The command line of `pogo ARGS…`, for a test that must start it in a way of its own. */
  commandLine(args: readonly string[]): { file: string; args: string[]; env: Record<string, string> };
  /** All processes of the cluster that run now. */
  processes(): ClusterProcess[];
  pids(role: ClusterRole): number[];
  /** SIGTERM to `pogo up`, and waits for it. Throws if it, or anything that it started, had to be killed. */
  stop(): Promise<void>;
}

function roleOf(entry: ProcessEntry): ClusterRole | undefined {
  const script = entry.argv.findIndex((word) => /(^|\/)pogo(-\w+)?\.js$/.test(word));
  // A shell or a tracer that names the program is not yet the program.
  if (script < 0 || !/^(node|nodejs)$/.test(basename(entry.argv[0]!))) return undefined;
  switch (basename(entry.argv[script]!)) {
    case 'pogo-dispatcher.js':
      return 'dispatcher';
    case 'pogo-worker.js':
      return 'worker';
    case 'pogo-rexec.js':
      return 'rexec';
    default:
      return entry.argv[script + 1] === 'up' ? 'up' : 'client';
  }
}

/** Starts `pogo up` and waits until it says `ready https://…` on stderr. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { namespace, clock = systemClock, readyWithinMs = 60_000, stopWithinMs = 30_000 } = options;
  if (!existsSync(options.cli)) throw new Error(`not-built: ${options.cli} is missing. Run: npm run build`);
  const temporary = createTemporaryDirectory();
  const home = options.home ?? temporary.file('pogo-home');
  const userHome = temporary.file('home');
  mkdirSync(userHome, { mode: 0o700 });
  const mark = randomUUID();
  const environment = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    HOME: userHome,
    POGO_HOME: home,
    [markName]: mark,
    ...options.environment,
  };
  // The Node that runs this test, whatever PATH says.
  const node = readlinkSync('/proc/self/exe');
  const commandLine = (args: readonly string[]) => {
    const words = [options.cli, ...args];
    const command = namespace?.command(node, words) ?? { file: node, args: words };
    return { ...command, env: environment };
  };

  const upArguments = options.upArguments ?? ['--listen', '127.0.0.1:0', '--worker-listen', '127.0.0.1:0'];
  const upCommand = commandLine(['up', ...upArguments]);
  const up = spawn('setpriv', ['--pdeathsig', 'TERM', upCommand.file, ...upCommand.args], {
    env: environment,
    cwd: temporary.path,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  up.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString('utf8')));
  up.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString('utf8')));
  const ended = once(up, 'close').then(([code, signal]: (number | string | null)[]) => ({ code, signal }));

  // Whoever was once seen below `up` stays in view when it is orphaned, whatever environment it has.
  const seen = new Map<number, number | undefined>();
  const processes = (): ClusterProcess[] => {
    const table = processTable();
    const found = new Map(markedProcesses(markName, mark).map((entry) => [entry.pid, entry]));
    // A pid alone is no identity: another process may have it by now.
    for (const entry of table) {
      if (seen.has(entry.pid) && seen.get(entry.pid) === startTicks(entry.pid)) found.set(entry.pid, entry);
    }
    for (const root of [...found.keys()]) {
      for (const entry of descendantsOf(root, table)) found.set(entry.pid, entry);
    }
    for (const pid of found.keys()) seen.set(pid, startTicks(pid));
    return [...found.values()].map((entry) => ({ ...entry, role: roleOf(entry) }));
  };

  const end = async () => {
    processes();
    const over = new AbortController();
    if (up.exitCode === null && up.signalCode === null) signalProcesses('TERM', [up.pid!]);
    const late = await Promise.race([
      ended.then(() => false),
      delay(clock, stopWithinMs, over.signal).then((whole) => whole),
    ]);
    over.abort();
    const left = endProcesses(processes);
    await ended;
    temporary.remove();
    if (late || left.length > 0) {
      const who = left.map((entry) => `${entry.pid} ${entry.argv.join(' ')}`).join('\n  ');
      throw new Error(
        `pogo up ${late ? `did not end within ${stopWithinMs} ms` : 'left processes behind'}:\n  ${who}\n${output.stderr}`,
      );
    }
  };
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= end());

  const limit = new AbortController();
  const readyUrl = new Promise<string>((resolve) => {
    up.stderr.on('data', () => {
      // Seen now, they are still known should `up` fail and leave them.
      processes();
      const match = /^ready (https:\/\/\S+)$/m.exec(output.stderr);
      if (match) resolve(match[1]!);
    });
  });
  const url = await Promise.race([
    readyUrl,
    ended.then(() => undefined),
    delay(clock, readyWithinMs, limit.signal).then(() => undefined),
  ]);
  limit.abort();
  if (url === undefined) {
    const said = output.stderr;
    await stop().catch(() => undefined);
    throw new Error(`pogo up was not ready within ${readyWithinMs} ms:\n${said}`);
  }

  return {
    home,
    directory: temporary.path,
    url,
    output: () => ({ ...output }),
    run(args, { environment: more = {}, ...rest } = {}) {
      const command = commandLine(args);
      return runCommand(command.file, command.args, {
        cwd: temporary.path,
        ...rest,
        env: { ...command.env, ...more },
      });
    },
    spawn(args, { environment: more = {}, cwd = temporary.path } = {}) {
      const command = commandLine(args);
      return spawn(command.file, command.args, { cwd, env: { ...command.env, ...more }, stdio: 'pipe' });
    },
    commandLine,
    processes,
    pids: (role) =>
      processes()
        .filter((entry) => entry.role === role)
        .map((entry) => entry.pid),
    stop,
  };
}

/** Where the built command of this repository lies, seen from its root. */
export function builtCli(repository: string): string {
  return join(repository, 'packages/client/dist/pogo.js');
}
