/** The worker as the program that it is, with a scripted dispatcher and a scripted rexec. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { daemonReadySchema } from '@pogo/protocol';
import { linkTls } from '../../wire/test/certificate-authority.js';
import { authority, childrenOf, Dispatcher, programOf } from './cluster.js';

export interface Daemon {
  child: ChildProcess;
  dispatcher: Dispatcher;
  log(): string;
  exited: Promise<number | null>;
  rexecs(): number[];
}

const cleanups: (() => Promise<void>)[] = [];
export async function runCleanups(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

/** What a worker has on its disk: more than one process may come and go on it. */
export interface WorkerHome {
  directory: string;
  config: string;
}

export async function makeHome(extraConfiguration = ''): Promise<WorkerHome> {
  const directory = await mkdtemp(join(tmpdir(), 'pogo-worker-daemon-'));
  cleanups.push(() => rm(directory, { recursive: true }));
  const { key, cert, ca } = linkTls(authority, 'worker', 'w1');
  for (const [name, text] of Object.entries({
    'link.key': key,
    'link.crt': cert,
    'root.crt': ca,
    'sealing.key': 'x',
  })) {
    await writeFile(join(directory, name), text, { mode: 0o600 });
  }
  const config = join(directory, 'worker.yaml');
  await writeFile(
    config,
    'name: w1\nlinkKey: link.key\nlinkCertificate: link.crt\nlinkRoot: root.crt\nsealingKey: sealing.key\n' +
      'sealingCertificate: link.crt\nknownHosts: known_hosts\nspool: { dir: spool }\n' +
      extraConfiguration,
  );
  return { directory, config };
}

export async function startDispatcher(): Promise<Dispatcher> {
  const dispatcher = new Dispatcher();
  await dispatcher.start();
  cleanups.push(() => dispatcher.stop());
  return dispatcher;
}

export async function startDaemon(...extra: string[]): Promise<Daemon> {
  return startOn(await makeHome(), await startDispatcher(), { extra });
}

/** Resolves when it serves, or has ended before that. `program` is relative to this folder. */
export async function startOn(
  { config }: WorkerHome,
  dispatcher: Dispatcher,
  options: { program?: string; extra?: readonly string[]; environment?: Record<string, string> } = {},
): Promise<Daemon> {
  const { program: source = '../src/main.ts', extra = [], environment = {} } = options;
  const before = dispatcher.hellos.length;
  const [program, rexec] = await Promise.all([programOf(source), programOf('scripted-rexec.ts')]);
  const argv = [process.execPath, program, 'run', '--config', config, '--dispatcher', dispatcher.url];
  // Core dumps are allowed as far as this machine lets them, so that it shows whether rexec forbids its own.
  const child = spawn(
    '/bin/sh',
    ['-c', 'ulimit -S -c "$(ulimit -H -c)"; exec "$@"', 'sh', ...argv, '--rexec', rexec, ...extra],
    { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environment } },
  );
  cleanups.push(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
  const log: string[] = [];
  child.stderr!.on('data', (chunk: Buffer) => log.push(chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const ready = once(createInterface(child.stdout!), 'line') as Promise<[string]>;
  const line = await Promise.race([ready, exited]);
  if (Array.isArray(line)) daemonReadySchema.parse(JSON.parse(line[0]));
  else void ready.catch(() => undefined);
  await Promise.race([exited, dispatcher.until(() => dispatcher.hellos.length > before)]);
  return { child, dispatcher, log: () => log.join(''), exited, rexecs: () => childrenOf(child.pid!, rexec) };
}
