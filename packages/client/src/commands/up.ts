import { spawn } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { isNamespaceName } from '@pogo/core';
import { type HomeLayout, homeLayout } from '@pogo/protocol';
import { command } from '../command-line/command.js';
import { flag, many, one, text, type ValueParser } from '../command-line/option.js';
import type { Environment } from '../environment.js';
import { exitCodes, failed, type ExitCode, type Result, success, usageFailure } from '../failure.js';
import { neutralise } from '../render/escape.js';
import { Daemon, type DaemonReady } from '../up/daemon.js';
import { KeepRunning } from '../up/keep-running.js';
import { takeUpLock } from '../up/lock.js';
import { daemonProgram } from '../up/programs.js';
import { systemErrorText } from '../system-error.js';
import { stateHome } from '../configuration/locations.js';

const address: ValueParser<string> = (value) =>
  /^(\[[0-9a-fA-F:.%a-z]+\]|[^\s:]+):\d{1,5}$/.test(value)
    ? success(value)
    : usageFailure('invalid-value', `${JSON.stringify(value)} is not HOST:PORT; port 0 takes a free one`);

const poolName: ValueParser<string> = (value) =>
  isNamespaceName(value)
    ? success(value)
    : usageFailure(
        'invalid-value',
        `${JSON.stringify(value)} is not the name of a pool: use letters, digits and the signs _ . -`,
      );

export default command({
  name: 'up',
  summary: 'Starts a dispatcher and a worker on this machine, over the embedded store, until Ctrl-C.',
  operands: '',
  operandCount: { min: 0, max: 0 },
  examples: [
    'pogo up',
    'pogo up --home /tmp/try-pogo --listen 127.0.0.1:0 --worker-listen 127.0.0.1:0',
    'pogo up --pool east --pool west    # hosts of these pools, and those that are in none',
  ],
  options: {
    home: one('--home', 'directory of the instance (POGO_HOME, or ~/.pogo)', {
      argument: 'DIR',
      parse: text,
      completes: 'directory',
    }),
    listen: one('--listen', 'address of the API (127.0.0.1:7646); port 0 takes a free one', {
      argument: 'HOST:PORT',
      parse: address,
    }),
    workerListen: one('--worker-listen', 'address for workers (127.0.0.1:7647); port 0 takes a free one', {
      argument: 'HOST:PORT',
      parse: address,
    }),
    pools: many('--pool', 'a pool of the namespace whose hosts the worker reaches; repeatable', {
      argument: 'NAME',
      parse: poolName,
    }),
    allowRemote: flag('--allow-remote', 'allow addresses that other machines can reach'),
    verbose: flag('-v, --verbose', "show the daemons' logs too"),
  },
  async run({ environment, options }) {
    const programs = {
      dispatcher: daemonProgram('dispatcher', environment.program),
      worker: daemonProgram('worker', environment.program),
    };
    if (programs.dispatcher === undefined || programs.worker === undefined) {
      return failed({
        code: 'not-built',
        message: `the programs of dispatcher and worker are missing beside ${environment.program}: build them with \`npm run build\``,
        exitCode: exitCodes.error,
      });
    }
    const fromEnvironment = stateHome(environment);
    if (!fromEnvironment.ok) return fromEnvironment;
    const layout = options.home === undefined ? fromEnvironment.value : homeLayout(resolve(options.home));
    const made = await makeHome(layout);
    if (!made.ok) return made;
    const { processId } = environment;
    const lock = await takeUpLock({
      path: layout.upLock,
      processId,
      processIsAlive: (other) => environment.processIsAlive(other),
      uniqueId: environment.uniqueId(),
    });
    if (!lock.ok) return lock;
    try {
      return await new Instance({
        environment,
        options,
        layout,
        programs: { dispatcher: programs.dispatcher, worker: programs.worker },
      }).run();
    } finally {
      await lock.value.release();
    }
  },
});

async function makeHome({ home }: HomeLayout): Promise<Result<undefined>> {
  try {
    const first = await mkdir(home, { recursive: true, mode: 0o700 });
    if (first !== undefined) await chmod(home, 0o700);
    return success(undefined);
  } catch (error) {
    return failed({
      code: 'unwritable-home',
      message: `${home}: ${systemErrorText(error)}`,
      exitCode: exitCodes.error,
    });
  }
}

interface InstanceOptions {
  readonly environment: Environment;
  readonly options: {
    listen?: string;
    workerListen?: string;
    pools?: readonly string[];
    allowRemote?: boolean;
    verbose?: boolean;
  };
  readonly layout: HomeLayout;
  readonly programs: { readonly dispatcher: string; readonly worker: string };
}

/** Dispatcher and worker of one home. */
class Instance {
  readonly #options: InstanceOptions;
  /** The addresses that the dispatcher has got: kept when it is started again. */
  #addresses: { listen: string | undefined; workerListen: string | undefined };
  #workersUrl = '';

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.#addresses = { listen: options.options.listen, workerListen: options.options.workerListen };
  }

  async run(): Promise<Result<ExitCode>> {
    const { environment, layout } = this.#options;
    const stop = stopRequested(environment);
    const initialised = await this.#initialise();
    if (!initialised.ok) return initialised;

    let api = '';
    const dispatcher = this.#keep(
      'dispatcher',
      () => this.#dispatcherArguments(),
      (ready) => {
        api = ready.api ?? api;
        this.#workersUrl = ready.workers ?? this.#workersUrl;
        this.#addresses = { listen: hostAndPort(api), workerListen: hostAndPort(this.#workersUrl) };
      },
    );
    const worker = this.#keep(
      'worker',
      () => this.#workerArguments(),
      () => undefined,
    );
    await Promise.race([dispatcher.start(), stop.requested]);
    if (dispatcher.failure === undefined && !stop.isRequested())
      await Promise.race([worker.start(), stop.requested]);
    const failure =
      dispatcher.failure !== undefined ? 'dispatcher' : worker.failure !== undefined ? 'worker' : undefined;
    if (failure === undefined && !stop.isRequested()) {
      this.#say(`ready ${api}`);
      this.#say(`stop with Ctrl-C; logs are in ${layout.dispatcher.log} and ${layout.worker.log}`);
      await stop.requested;
    }
    if (stop.isRequested()) this.#say('stopping: running commands may finish');
    // The worker first: its last reports need the dispatcher.
    await worker.stop();
    await dispatcher.stop();
    stop.release();
    if (failure === undefined) return success(exitCodes.success);
    return failed({
      code: `${failure}-failed`,
      message: `the ${failure} did not start: ${lastWords((failure === 'dispatcher' ? dispatcher : worker).failure ?? '')}\nIts log is ${layout[failure].log}`,
      exitCode: exitCodes.error,
    });
  }

  #keep(
    name: 'dispatcher' | 'worker',
    args: () => string[],
    onReady: (ready: DaemonReady) => void,
  ): KeepRunning {
    const { environment, layout, programs, options } = this.#options;
    return new KeepRunning({
      name,
      clock: environment.clock,
      random: () => environment.random(),
      spawn: () =>
        new Daemon({
          node: environment.node,
          program: programs[name],
          args: args(),
          environment: environment.variables,
          logFile: layout[name].log,
          clock: environment.clock,
          onLog: (text) => {
            if (options.verbose === true) environment.stderr.write(text);
          },
        }),
      onReady,
      say: (text) => this.#say(text),
    });
  }

  #dispatcherArguments(): string[] {
    const { layout, options } = this.#options;
    const { listen, workerListen } = this.#addresses;
    return [
      'run',
      ...['--config', layout.dispatcher.config, '--home', layout.home, '--exit-with-parent'],
      ...(listen === undefined ? [] : ['--listen', listen]),
      ...(workerListen === undefined ? [] : ['--worker-listen', workerListen]),
      ...(options.allowRemote === true ? ['--allow-remote'] : []),
    ];
  }

  #workerArguments(): string[] {
    const { layout, options } = this.#options;
    return [
      ...['run', '--config', layout.worker.config, '--dispatcher', this.#workersUrl, '--exit-with-parent'],
      ...(options.pools ?? []).flatMap((pool) => ['--pool', pool]),
    ];
  }

  /** Makes roots, certificates, token and configuration where they are missing. */
  async #initialise(): Promise<Result<undefined>> {
    const { environment, layout, programs } = this.#options;
    const parts = [
      layout.client.profile,
      layout.client.token,
      layout.dispatcher.config,
      layout.worker.config,
    ];
    if (parts.every((path) => existsSync(path))) return success(undefined);
    const child = spawn(environment.node, [programs.dispatcher, 'init', '--home', layout.home], {
      env: { ...environment.variables },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let problem = '';
    child.stderr.on('data', (chunk: Buffer) => (problem += chunk.toString('utf8')));
    const code = await new Promise<number | null>((done) => child.once('close', done));
    if (code === 0) {
      this.#say(`made an instance in ${layout.home}; the keys of its roots are on this machine too`);
      return success(undefined);
    }
    return failed({
      code: 'init-failed',
      message: `the instance in ${layout.home} could not be made: ${problem.trim()}`,
      exitCode: exitCodes.error,
    });
  }

  #say(text: string): void {
    this.#options.environment.stderr.write(`${text}\n`);
  }
}

const shownLines = 4;
const shownCharacters = 300;

/** The end of what a daemon said, its own messages first, short and harmless on a terminal. */
function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const own = lines.filter((line) => line.startsWith('pogo-'));
  return (own.length > 0 ? own : lines)
    .slice(-shownLines)
    .map((line) => neutralise(line.length > shownCharacters ? `${line.slice(0, shownCharacters)}…` : line))
    .join('\n');
}

function hostAndPort(url: string): string | undefined {
  return /^[a-z]+:\/\/([^/]+)/.exec(url)?.[1];
}

/** SIGINT and SIGTERM: asked once, however often they come. */
function stopRequested(environment: Environment): {
  requested: Promise<void>;
  isRequested(): boolean;
  release(): void;
} {
  let isRequested = false;
  let request: () => void = () => undefined;
  const requested = new Promise<void>((resolve) => {
    request = () => {
      isRequested = true;
      resolve();
    };
  });
  const releases = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) =>
    environment.onSignal(signal, request),
  );
  return {
    requested,
    isRequested: () => isRequested,
    release: () => releases.forEach((release) => release()),
  };
}
