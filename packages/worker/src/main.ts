#!/usr/bin/env node
/** `pogo-worker`: reads options and configuration, runs a {@link Worker}, and turns signals into its end. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isNamespaceName } from '@pogo/core';
import { systemClock } from '@pogo/lifecycle';
import { productVersion } from '@pogo/protocol';
import { Command, InvalidArgumentError } from 'commander';
import type { Log } from './log.js';
import { renderFigures, type WorkerFigures } from './metrics/gauges.js';
import { MetricsListener } from './metrics/metrics-listener.js';
import { spoolUsage } from './metrics/spool-usage.js';
import { FileJournal } from './journal/file/file-journal.js';
import { jsonLog } from './json-log.js';
import { RexecConnection } from './rexec-connection.js';
import { Worker } from './worker.js';
import { loadWorkerConfiguration, type WorkerSettings } from './worker-configuration.js';

const exitCodes = { error: 1, usage: 2 } as const;
const logLevels = ['debug', 'info', 'warn', 'error', 'silent'];
/**
 * A small young generation: 44 MB instead of 61 MB at 400 hosts, at the same CPU time and rate; what rexec makes is mostly
 * buffers outside of it.
 */
const rexecFlags = ['--max-semi-space-size=2'];
/** What rexec may see of the environment: nothing that could hold a secret. */
const passedOn = ['PATH', 'HOME', 'LANG', 'TZ'];

interface RunOptions {
  config: string;
  dispatcher: string[];
  pool: string[];
  exitWithParent: boolean;
  logLevel: string;
  drain: number;
  rexec?: string;
}

async function run(options: RunOptions): Promise<void> {
  const outcome = await loadWorkerConfiguration(options.config);
  if (!outcome.ok) fail(exitCodes.usage, outcome.code, outcome.message);
  const { configuration, tls, recipient } = outcome.loaded;
  const dispatchers = options.dispatcher.length > 0 ? options.dispatcher : configuration.dispatchers;
  if (dispatchers.length === 0) {
    fail(
      exitCodes.usage,
      'no-dispatcher',
      `name one: dispatchers in ${options.config}, or --dispatcher wss://HOST:PORT`,
    );
  }
  const rexec = options.rexec ?? process.env['POGO_REXEC'] ?? defaultRexec();
  const { rexecSocket } = configuration;
  if (rexecSocket === undefined && !existsSync(rexec))
    fail(exitCodes.error, 'no-rexec', `${rexec} is missing: build it, or give --rexec FILE`);
  const log = jsonLog({ level: options.logLevel, name: configuration.name, fileDescriptor: 2 });
  if (rexecSocket !== undefined && (await isReadable(configuration.sealingKey))) {
    log.warn(
      { sealingKey: configuration.sealingKey, rexecSocket },
      "the sealing key is readable by the worker's own account: give it to rexec's alone (chown, mode 0400)",
    );
  }
  const opened = await FileJournal.open({
    directory: configuration.journal,
    clock: systemClock,
    random: Math.random,
    log,
  });
  if (opened.kind === 'failed') fail(exitCodes.error, opened.failure.code, opened.failure.message);
  const worker = new Worker({
    dispatchers,
    pools: options.pool.length > 0 ? options.pool : configuration.pools,
    tls,
    recipient,
    sealingKeyFile: configuration.sealingKey,
    knownHostsFile: configuration.knownHosts,
    authPlugins: configuration.authPlugins,
    allowAgentForwarding: configuration.allowAgentForwarding,
    spool: {
      directory: configuration.spool.dir,
      retentionMs: configuration.spool.retentionMs,
      maxBytesPerHost: configuration.spool.maxBytesPerHost,
    },
    attachmentsDirectory: configuration.attachments,
    ...(rexecSocket !== undefined && {
      scriptsForGroup: true,
      startRexec: () => new RexecConnection({ path: rexecSocket, clock: systemClock, log }),
    }),
    maxConnections: configuration.maxConnections,
    maxHandshakes: configuration.maxHandshakes,
    rexec: { argv: [process.execPath, ...rexecFlags, rexec], environment: environmentOfRexec() },
    journal: opened.journal,
    endProcess: (pid) => process.kill(pid, 'SIGKILL'),
    incarnation: randomUUID(),
    clock: systemClock,
    random: Math.random,
    log,
    onFirstLinked: () => process.stdout.write(`${JSON.stringify({ ready: true })}\n`),
  });

  const metrics = metricsListener(configuration, worker, log);
  try {
    await metrics?.start();
    if (metrics !== undefined) log.info({ port: metrics.port }, 'serves metrics');
  } catch (error) {
    await opened.journal.close();
    fail(
      exitCodes.error,
      'metrics-unavailable',
      `metricsListen ${configuration.metricsListen}: ${(error as Error).message}; choose another port, or leave it out`,
    );
  }

  let draining = false;
  const end = async (exitCode: number) => {
    await metrics?.stop();
    await worker.stop();
    process.exit(exitCode);
  };
  const drain = async () => {
    if (draining) return end(exitCodes.error);
    draining = true;
    await worker.drain(options.drain * 1000);
    await end(0);
  };
  process.on('SIGTERM', () => void drain());
  process.on('SIGINT', () => void end(draining ? exitCodes.error : 130));
  if (options.exitWithParent) {
    // The other end of stdin is the parent's; it closes with the parent, however that ends.
    process.stdin.resume();
    process.stdin.on('end', () => void end(0));
    process.stdin.on('error', () => void end(0));
  }
  try {
    await worker.start();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    await worker.stop();
    fail(
      exitCodes.error,
      'directory-unavailable',
      `${message}: the worker needs its spool and its attachments to be directories of its own that it can write`,
    );
  }
}

async function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

/** Serves metrics where the configuration says so. */
function metricsListener(
  { metricsListen, spool }: WorkerSettings,
  worker: Worker,
  log: Log,
): MetricsListener | undefined {
  if (metricsListen === undefined) return undefined;
  const at = metricsListen.lastIndexOf(':');
  return new MetricsListener({
    host: metricsListen.slice(0, at).replace(/^\[|\]$/g, ''),
    port: Number(metricsListen.slice(at + 1)),
    scrape: async () =>
      renderFigures({ ...worker.figures(), spool: await spoolUsage(spool.dir), process: processUsage() }),
    failed: (error) => log.error({ err: error }, 'the metrics could not be told'),
  });
}

function processUsage(): WorkerFigures['process'] {
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    residentBytes: rss,
    heapBytes: heapUsed,
    externalBytes: external,
    cpuSeconds: (user + system) / 1e6,
  };
}

/** Beside this program, as it is built or as it is installed. */
function defaultRexec(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const beside = join(here, 'pogo-rexec.js');
  return existsSync(beside) ? beside : join(here, '..', '..', 'rexec', 'dist', 'pogo-rexec.js');
}

function environmentOfRexec(): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of passedOn) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

function fail(exitCode: number, code: string, message: string): never {
  process.stderr.write(`pogo-worker: ${code}: ${message}\n`);
  process.exit(exitCode);
}

function collect(value: string, all: string[]): string[] {
  if (!/^wss:\/\/[^/]+$/.test(value)) throw new InvalidArgumentError('give it as wss://HOST:PORT');
  return [...all, value];
}

function pool(value: string, all: string[]): string[] {
  if (!isNamespaceName(value)) throw new InvalidArgumentError('give a name of letters, digits, _, . and -');
  return [...all, value];
}

function seconds(value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new InvalidArgumentError('give it in whole seconds');
  return Number(value);
}

function logLevel(value: string): string {
  if (!logLevels.includes(value)) throw new InvalidArgumentError(`one of ${logLevels.join(', ')}`);
  return value;
}

const program = new Command('pogo-worker').version(productVersion).exitOverride((error) => {
  process.exit(error.exitCode === 0 ? 0 : exitCodes.usage);
});
program
  .command('run')
  .description('take orders from dispatchers, and run them on hosts')
  .requiredOption('--config <file>', 'configuration, YAML')
  .option(
    '--dispatcher <url>',
    'wss://HOST:PORT, instead of those in the configuration; repeatable',
    collect,
    [],
  )
  .option(
    '--pool <name>',
    'a pool whose hosts this worker reaches, instead of those in the configuration; repeatable',
    pool,
    [],
  )
  .option('--exit-with-parent', 'end when standard input ends', false)
  .option('--log-level <level>', logLevels.join(', '), logLevel, 'info')
  .option('--drain <seconds>', 'after SIGTERM, how long running commands may take to end', seconds, 30)
  .option('--rexec <file>', 'the rexec program; POGO_REXEC in the environment')
  .action((options: RunOptions) => run(options));
await program.parseAsync(process.argv);
