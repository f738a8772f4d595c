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

export async function startDaemon(...extra: string[]): Promise<Daemon> {
  const [program, rexec] = await Promise.all([programOf('../src/main.ts'), programOf('scripted-rexec.ts')]);
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
      'sealingCertificate: link.crt\nknownHosts: known_hosts\nspool: { dir: spool }\n',
  );
  const dispatcher = new Dispatcher();
  await dispatcher.start();
  cleanups.push(() => dispatcher.stop());
  const argv = [process.execPath, program, 'run', '--config', config, '--dispatcher', dispatcher.url];
  // Core dumps are allowed as far as this machine lets them, so that it shows whether rexec forbids its own.
  const child = spawn(
    '/bin/sh',
    ['-c', 'ulimit -S -c "$(ulimit -H -c)"; exec "$@"', 'sh', ...argv, '--rexec', rexec, ...extra],
    { stdio: ['pipe', 'pipe', 'pipe'] },
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
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
  daemonReadySchema.parse(JSON.parse(line));
  return { child, dispatcher, log: () => log.join(''), exited, rexecs: () => childrenOf(child.pid!, rexec) };
}
