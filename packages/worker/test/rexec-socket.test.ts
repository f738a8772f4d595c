/** Rexecs that something else starts, one for each connection to a socket: as systemd does it, under another account. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@pogo/lifecycle';
import { type Log, MemoryJournal, RexecConnection } from '@pogo/worker';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startTimeOf } from '../src/process-identity.js';
import { type Cluster, programOf, removePrograms, startCluster, stopClusters } from './cluster.js';

/** Other processes, and this machine, may be slow. */
const patient = { timeout: 45_000, interval: 50 };

/** Stands for systemd: hands each connection to a fresh rexec, as descriptor 3. */
class Acceptor {
  readonly children: ChildProcess[] = [];
  readonly #server: Server;

  constructor(program: string) {
    this.#server = createServer({ pauseOnConnect: true }, (socket) => {
      const child = spawn(process.execPath, [program], {
        stdio: ['ignore', 'ignore', 'inherit', socket],
        env: { PATH: process.env['PATH'] ?? '' },
      });
      this.children.push(child);
      // The child has its own copy.
      socket.destroy();
    });
  }

  async listen(path: string): Promise<void> {
    this.#server.listen(path);
    await once(this.#server, 'listening');
  }

  /** Fails on rexecs that are left behind. */
  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
    for (const child of this.children)
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

let directory: string;
let acceptor: Acceptor;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pogo-rexec-socket-'));
  path = join(directory, 'rexec.sock');
  acceptor = new Acceptor(await programOf('scripted-rexec.ts'));
  await acceptor.listen(path);
});
afterEach(async () => {
  await stopClusters();
  await acceptor.stop();
  await rm(directory, { recursive: true });
});
afterAll(removePrograms);

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

function start({ at = path, journal = new MemoryJournal() } = {}): Promise<Cluster> {
  const startRexec = () => new RexecConnection({ path: at, clock: systemClock, log: silent });
  return startCluster({ startRexec, journal, scriptsForGroup: true });
}

test('a job runs in the rexec that a connection gives, which ends with the job', async () => {
  const { dispatcher, directory: home } = await start();
  await dispatcher.open(1, {});
  await dispatcher.assign(1, [0, 1, 2]);
  for (const end of await dispatcher.ends(3)) expect(end).toMatchObject({ outcome: { state: 'succeeded' } });
  await dispatcher.order('close', { job: 1 });
  expect((await stat(join(home, 'attachments'))).mode & 0o777).toBe(0o750);
  expect((await stat(join(home, 'spool'))).mode & 0o777).toBe(0o700);
});

test('one that dies leaves its hosts unknown, and the next connection takes up the rest', async () => {
  const { dispatcher } = await start();
  await dispatcher.open(1, { 0: 'die' });
  await dispatcher.assign(1, [0]);
  expect(await dispatcher.ends(1)).toMatchObject([{ outcome: { state: 'unknown', reason: 'rexec-lost' } }]);
  await dispatcher.assign(1, [1]);
  expect((await dispatcher.ends(2)).at(-1)).toMatchObject({ host: 1, outcome: { state: 'succeeded' } });
});

test('each is known to the journal before it holds an attempt, and no longer once it is gone', async () => {
  const journal = new MemoryJournal();
  const { dispatcher } = await start({ journal });
  await dispatcher.open(1, { '*': 'hold' });
  await dispatcher.assign(1, [0]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  const pids = acceptor.children.map(({ pid }) => pid);
  expect(journal.state.rexecs).toHaveLength(1);
  expect(pids).toContain(journal.state.rexecs[0]!.pid);
  await dispatcher.order('halt', { job: 1, kill: true });
  await dispatcher.ends(1);
  await dispatcher.order('close', { job: 1 });
  await vi.waitFor(() => expect(journal.state.rexecs).toEqual([]), patient);
});

test('all of them end with the worker', async () => {
  const { worker, dispatcher } = await start();
  await dispatcher.open(1, { '*': 'hold' });
  await dispatcher.assign(1, [0]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  await worker.stop();
  // One that was still starting notices a moment later.
  await vi.waitFor(() => {
    for (const { pid } of acceptor.children) expect(startTimeOf(pid!)).toBeUndefined();
  }, patient);
});

test('where nothing answers, the job is refused with the cause, and nothing is asked of any host', async () => {
  const { dispatcher } = await start({ at: join(directory, 'nobody.sock') });
  await dispatcher.open(1, {});
  await dispatcher.assign(1, [0]);
  expect(await dispatcher.ends(1)).toMatchObject([
    { event: 'refused', reason: expect.stringContaining('nobody.sock') as string },
  ]);
});
