/**
 * The worker's program, except that it kills itself at a named point of its journal: `POGO_CRASH=begun:after:2` when the
 * second `begun` is durable, `before` before anything of it is written, `during` once it is on its way.
 */
import { randomUUID } from 'node:crypto';
import { systemClock } from '@pogo/lifecycle';
import { type FinalReport, FileJournal, type Journal, type JobAttempt, Worker } from '@pogo/worker';
import { loadWorkerConfiguration, type ProcessIdentity } from '@pogo/worker';

const option = (name: string) => process.argv[process.argv.indexOf(name) + 1]!;
const [point, phase, count] = (process.env['POGO_CRASH'] ?? '').split(':');
let left = Number(count);

function crash(): void {
  process.kill(process.pid, 'SIGKILL');
}

class CrashingJournal implements Journal {
  readonly #inner: Journal;

  constructor(inner: Journal) {
    this.#inner = inner;
  }

  get id() {
    return this.#inner.id;
  }

  get state() {
    return this.#inner.state;
  }

  term(term: number, namespace: number): Promise<boolean> {
    return this.#passing('term', () => this.#inner.term(term, namespace));
  }

  received(attempts: readonly JobAttempt[]): Promise<boolean> {
    return this.#passing('received', () => this.#inner.received(attempts));
  }

  begun(attempts: readonly JobAttempt[]): Promise<boolean> {
    return this.#passing('begun', () => this.#inner.begun(attempts));
  }

  refused(attempts: readonly JobAttempt[], reason: string): Promise<boolean> {
    return this.#passing('refused', () => this.#inner.refused(attempts, reason));
  }

  finished(reports: readonly FinalReport[]): Promise<boolean> {
    return this.#passing('finished', () => this.#inner.finished(reports));
  }

  acknowledged(reports: readonly FinalReport[]): void {
    if (reports.length === 0) return;
    void this.#passing('acknowledged', () => {
      this.#inner.acknowledged(reports);
      return Promise.resolve(true);
    });
  }

  rexecStarted(rexec: ProcessIdentity): Promise<boolean> {
    return this.#passing('rexec-started', () => this.#inner.rexecStarted(rexec));
  }

  rexecEnded(rexec: ProcessIdentity): void {
    this.#inner.rexecEnded(rexec);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #passing(name: string, act: () => Promise<boolean>): Promise<boolean> {
    const isPoint = name === point && --left === 0;
    if (isPoint && phase === 'before') crash();
    const acting = act();
    if (isPoint && phase === 'during') setImmediate(crash);
    const isDurable = await acting;
    if (isPoint && phase === 'after') crash();
    return isDurable;
  }
}

const loaded = await loadWorkerConfiguration(option('--config'));
if (!loaded.ok) throw new Error(loaded.message);
const { configuration, tls, recipient } = loaded.loaded;
const write = (fields: object, message: string) => {
  process.stderr.write(`${JSON.stringify({ ...fields, msg: message })}\n`);
};
const log = { debug: write, info: write, warn: write, error: write };
const opened = await FileJournal.open({
  directory: configuration.journal,
  clock: systemClock,
  random: Math.random,
  log,
});
if (opened.kind === 'failed') throw new Error(opened.failure.message);
const worker = new Worker({
  dispatchers: [option('--dispatcher')],
  pools: configuration.pools,
  tls,
  recipient,
  sealingKeyFile: configuration.sealingKey,
  knownHostsFile: configuration.knownHosts,
  authPlugins: {},
  allowAgentForwarding: false,
  spool: { directory: configuration.spool.dir, retentionMs: 3_600_000, maxBytesPerHost: 1024 ** 3 },
  attachmentsDirectory: configuration.attachments,
  maxConnections: configuration.maxConnections,
  maxHandshakes: configuration.maxHandshakes,
  rexec: {
    argv: [process.execPath, option('--rexec')],
    environment: { PATH: process.env['PATH'] ?? '', SCRIPTED_ORDERS: process.env['SCRIPTED_ORDERS'] ?? '' },
  },
  journal: new CrashingJournal(opened.journal),
  endProcess: (pid) => process.kill(pid, 'SIGKILL'),
  incarnation: randomUUID(),
  clock: systemClock,
  random: Math.random,
  log,
  onFirstLinked: () => process.stdout.write(`${JSON.stringify({ ready: true })}\n`),
});
process.on('SIGTERM', () => void worker.stop().then(() => process.exit(0)));
await worker.start();
