#!/usr/bin/env node
/**
 * The program `pogo-dispatcher`: the only place that knows of the process, its arguments and its signals. Started as a thread,
 * it checks one namespace file.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '@pogo/lifecycle';
import { productVersion } from '@pogo/protocol';
import type { ProcessUsage } from './metrics/process-usage.js';
import { Argument, Command, Option } from 'commander';

const program = new Command('pogo-dispatcher')
  .description('HTTP API, planner and log of a Pogo instance')
  .version(productVersion)
  .showHelpAfterError();

program
  .command('init')
  .description('make the instance: roots, certificates, token, configuration')
  .requiredOption('--home <dir>', 'directory of the instance; made if it is missing')
  .option('--name <name>', 'name of the dispatcher', 'dispatcher-1')
  .option('--worker-name <name>', 'name of the first worker', 'worker-1')
  .action(async (options: { home: string; name: string; workerName: string }) => {
    const { makeInstance } = await import('./instance/instance.js');
    const outcome = await makeInstance({
      home: resolve(options.home),
      dispatcherName: options.name,
      workerName: options.workerName,
      nowMs: systemClock.wallMs(),
      randomBytes: (count) => randomBytes(count),
    });
    if (outcome.kind === 'refused') return fail([outcome.message]);
    const said = { made: 'made', completed: 'completed', 'left-alone': 'is complete already' }[outcome.kind];
    process.stdout.write(`${resolve(options.home)}: ${said}\n`);
    for (const [name, fingerprint] of Object.entries(outcome.fingerprints)) {
      process.stdout.write(`  ${name.padEnd(14)} ${fingerprint}\n`);
    }
  });

const several = (value: string, before: string[]) => [...before, ...value.split(',')];

program
  .command('issue')
  .description('make the home of a further machine, to be carried over: keys, certificates, configuration')
  .addArgument(new Argument('<role>', 'what the machine is to be').choices(['dispatcher', 'worker']))
  .argument('<name>', 'its name, which no other one has')
  .requiredOption('--home <dir>', 'directory of the instance, with the keys of its roots')
  .requiredOption('--out <dir>', 'directory to make')
  .option('--again', 'the name was issued before, to a machine that is no more', false)
  .option('--dispatcher <wss://host:port>', 'of a worker: each dispatcher', several, [])
  .option('--pool <name>', 'of a worker: pools whose hosts it reaches', several, [])
  .option('--store <url>', 'of a dispatcher: the store that all of them share')
  .option('--listen <host:port>', 'of a dispatcher: address of its API')
  .option('--worker-listen <host:port>', 'of a dispatcher: address for workers')
  .option('--host <name>', 'of a dispatcher: further names and addresses in its certificate', several, [])
  .action(
    async (
      role: 'dispatcher' | 'worker',
      name: string,
      options: {
        home: string;
        out: string;
        again: boolean;
        dispatcher: string[];
        pool: string[];
        store?: string;
        listen?: string;
        workerListen?: string;
        host: string[];
      },
    ) => {
      const { issueMachine } = await import('./instance/issue-machine.js');
      const { store, listen, workerListen } = options;
      const outcome = await issueMachine({
        home: resolve(options.home),
        out: resolve(options.out),
        again: options.again,
        machine:
          role === 'worker'
            ? { role, name, dispatchers: options.dispatcher, pools: options.pool }
            : { role, name, hosts: options.host, store, listen, workerListen },
        nowMs: systemClock.wallMs(),
        randomBytes: (count) => randomBytes(count),
      });
      if (outcome.kind === 'refused') return fail([outcome.message]);
      process.stdout.write(`${resolve(options.out)}: made, for ${role} ${name}\n`);
      for (const [key, fingerprint] of Object.entries(outcome.fingerprints)) {
        process.stdout.write(`  ${key.padEnd(14)} ${fingerprint}\n`);
      }
    },
  );

program
  .command('run')
  .description('serve until SIGTERM or SIGINT')
  .requiredOption('--config <file>', 'configuration file (YAML)')
  .option('--listen <host:port>', "API address, instead of the configuration's; port 0 takes a free one")
  .option('--worker-listen <host:port>', "workers' address, instead of the configuration's")
  .option('--allow-remote', 'allow addresses that other machines can reach', false)
  .option('--home <dir>', 'home whose client profile is told the address of the API')
  .addOption(
    new Option('--log-level <level>', 'least level that is logged')
      .choices(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
      .default('info'),
  )
  .option('--exit-with-parent', 'stop when the process that started this one is gone', false)
  .action(
    async (options: {
      config: string;
      listen?: string;
      workerListen?: string;
      allowRemote: boolean;
      home?: string;
      logLevel: string;
      exitWithParent: boolean;
    }) => {
      const { runDispatcher } = await import('./run-dispatcher.js');
      const { jsonLogger } = await import('./json-logger.js');
      const logger = jsonLogger({ level: options.logLevel, fileDescriptor: 2 });
      let stop: () => Promise<void> = () => Promise.resolve();
      let stopping = false;
      const end = (status: number) => {
        if (stopping) return;
        stopping = true;
        stop().then(
          () => process.exit(status),
          (error: unknown) => {
            logger.fatal({ err: error }, 'stopping failed');
            process.exit(1);
          },
        );
      };
      const outcome = await runDispatcher({
        configurationFile: resolve(options.config),
        listen: options.listen,
        workerListen: options.workerListen,
        allowRemote: options.allowRemote,
        home: options.home === undefined ? undefined : resolve(options.home),
        principal: principalName(),
        program: import.meta.filename,
        processUsage,
        clock: systemClock,
        random: Math.random,
        uniqueId: randomUUID,
        logger,
        fatal: (error) => {
          logger.fatal({ err: error }, 'the log can not be led');
          end(1);
        },
      });
      if (outcome.kind === 'refused') return fail(outcome.messages);
      const { dispatcher } = outcome;
      stop = () => dispatcher.stop();
      process.once('SIGTERM', () => end(0));
      process.once('SIGINT', () => end(0));
      if (options.exitWithParent) watchParent(() => end(0));
      const ready = { ready: true, api: dispatcher.apiUrl, workers: dispatcher.workersUrl };
      process.stdout.write(`${JSON.stringify(ready)}\n`);
      logger.info(ready, 'serves');
    },
  );

function processUsage(): ProcessUsage {
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    residentBytes: rss,
    heapBytes: heapUsed,
    externalBytes: external,
    cpuSeconds: (user + system) / 1e6,
  };
}

/** Nobody tells an orphan: it asks. */
function watchParent(gone: () => void): void {
  const parent = process.ppid;
  const check = () => (process.ppid === parent ? void systemClock.setTimer(1000, check) : gone());
  check();
}

/** The token belongs to whoever runs the dispatcher: its file is theirs alone. */
function principalName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

function fail(messages: readonly string[]): void {
  for (const message of messages) process.stderr.write(`pogo-dispatcher: ${message}\n`);
  process.exitCode = 1;
}

if (isMainThread) {
  await program.parseAsync();
} else {
  const { answerCheck } = await import('./namespaces/namespace-check.js');
  parentPort!.postMessage(answerCheck(workerData as Parameters<typeof answerCheck>[0]));
}
