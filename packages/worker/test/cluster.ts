/**
 * A worker under test with a scripted dispatcher in front of it and a scripted rexec behind it: real TLS, real pipes,
 * real processes.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultNamespace } from '@pogo/core';
import { type Clock, systemClock } from '@pogo/lifecycle';
import {
  type AttemptReport,
  type AssignParams,
  decodeOutputFrame,
  helloParamsSchema,
  type HelloParams,
  leadResultSchema,
  type LeadResult,
  openOutputResultSchema,
  orderResultSchema,
  type OrderResult,
  type OutputFrame,
  type OpenOutputParams,
  reportParamsSchema,
  type ReportParams,
  returnCredentialsParamsSchema,
  type ReturnCredentialsParams,
  type ResolvedSpec,
  type SealedCredentials,
  specDigest,
} from '@pogo/protocol';
import { method, MethodError, type Peer, PeerListener } from '@pogo/wire';
import { Worker, MemoryJournal, type WorkerOptions } from '@pogo/worker';
import { build } from 'esbuild';
import { CertificateAuthority, linkTls } from '../../wire/test/certificate-authority.js';
import type { Script } from './scripted-rexec.js';

export const authority = new CertificateAuthority('test link root');
const workerTls = linkTls(authority, 'worker', 'w1');
const dispatcherTls = linkTls(authority, 'dispatcher', 'd1');
const options = { timeoutMs: 30_000 };

let programDirectory: Promise<string> | undefined;
const programs = new Map<string, Promise<string>>();

/** Path of a program's bundle, built once for a test file. `source` is relative to this folder. */
export async function programOf(source: string): Promise<string> {
  programDirectory ??= mkdtemp(join(tmpdir(), 'pogo-worker-programs-'));
  const directory = await programDirectory;
  let program = programs.get(source);
  if (program === undefined) {
    program = bundle(source, join(directory, String(programs.size)));
    programs.set(source, program);
  }
  return program;
}

/** As scripts/build.mjs does it. */
async function bundle(source: string, outdir: string): Promise<string> {
  await build({
    entryPoints: [{ in: fileURLToPath(new URL(source, import.meta.url)), out: 'program' }],
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    banner: { js: "import{createRequire as __r}from'node:module';const require=__r(import.meta.url);" },
    logLevel: 'warning',
  });
  return join(outdir, 'program.mjs');
}

export async function removePrograms(): Promise<void> {
  if (programDirectory !== undefined) await rm(await programDirectory, { recursive: true });
}

/** A log that is kept, for what must be in it and what must not. */
export class KeptLog {
  readonly lines: { level: string; fields: Record<string, unknown>; message: string }[] = [];
  readonly #waiting: { text: string; resolve: () => void }[] = [];
  readonly debug = this.#writer('debug');
  readonly info = this.#writer('info');
  readonly warn = this.#writer('warn');
  readonly error = this.#writer('error');

  #writer(level: string) {
    return (fields: object, message: string) => {
      this.lines.push({ level, fields: fields as Record<string, unknown>, message });
      for (const waiter of this.#waiting) if (message.includes(waiter.text)) waiter.resolve();
    };
  }

  /** Resolves once such a message was written. */
  wrote(text: string): Promise<void> {
    if (this.lines.some((line) => line.message.includes(text))) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ text, resolve }));
  }

  of(text: string): Record<string, unknown>[] {
    return this.lines.filter((line) => line.message.includes(text)).map((line) => line.fields);
  }
}

type Held = Omit<LeadResult & { kind: 'taken' }, 'kind'>;
export type ReportAnswer = 'acknowledge' | 'fail' | 'hang';

/** One scripted dispatcher. */
export class Dispatcher {
  /** Each with what is held of `default`, once this dispatcher's lead was taken. */
  readonly hellos: (HelloParams & Held)[] = [];
  readonly reports: AttemptReport[] = [];
  readonly calls: ReportParams[] = [];
  readonly frames: OutputFrame[] = [];
  readonly returned: ReturnCredentialsParams[] = [];
  /** Jobs whose credentials it asks for when it begins to lead. */
  wanted: number[] = [];
  term = 1;
  answer: ReportAnswer = 'acknowledge';
  peer: Peer | undefined;
  #listener: PeerListener | undefined;
  #port = 0;
  #changed: (() => void)[] = [];

  async start(): Promise<void> {
    this.#listener = new PeerListener({
      listen: { host: '127.0.0.1', port: this.#port },
      tls: dispatcherTls,
      expectRole: 'worker',
      clock: systemClock,
      onPeer: (peer) => ({
        methods: {
          'worker.hello': method(helloParamsSchema, (hello) => {
            systemClock.setTimer(0, () => void this.#begin(peer, hello));
            return { dispatcher: 'd1', version: '0' };
          }),
          'worker.report': method(reportParamsSchema, (params) => this.#take(params)),
          'worker.credentials': method(returnCredentialsParamsSchema, (params) => {
            this.returned.push(params);
            this.#tell();
            return {};
          }),
        },
        binary: (bytes) => {
          const frame = decodeOutputFrame(bytes)!;
          this.frames.push(frame);
          this.#tell();
        },
      }),
    });
    await this.#listener.start();
    this.#port = this.#listener.address.port;
  }

  /** Goes away; `start` brings it back at the same address. */
  async stop(): Promise<void> {
    await this.#listener?.stop();
    this.peer = undefined;
  }

  get url(): string {
    return `wss://127.0.0.1:${this.#port}`;
  }

  /** Resolves once this holds; looked at after every hello, report and frame. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  async order(name: 'open' | 'assign' | 'settle' | 'halt' | 'close', params: object): Promise<OrderResult> {
    const answer = await this.peer!.call(
      `job.${name}`,
      { term: this.term, ...params },
      orderResultSchema,
      options,
    );
    if (answer.kind !== 'ok') throw new Error(JSON.stringify(answer));
    return answer.value;
  }

  open(job: number, script: Script): Promise<OrderResult> {
    return this.openSpec(job, specOf(script), sealedCredentials);
  }

  openSpec(job: number, spec: ResolvedSpec, credentials: SealedCredentials): Promise<OrderResult> {
    return this.order('open', { job, spec, digest: specDigest(spec), credentials });
  }

  assign(job: number, hosts: readonly number[], attempt = 1): Promise<OrderResult> {
    const attempts: AssignParams['attempts'] = hosts.map((host) => ({
      host,
      attempt,
      index: 100 + attempt,
      fence: false,
    }));
    return this.order('assign', { job, attempts });
  }

  settle(job: number, hosts: readonly number[], attempt = 1): Promise<OrderResult> {
    const attempts = hosts.map((host) => ({ host, attempt, index: 100 + attempt }));
    return this.order('settle', { job, attempts });
  }

  async openOutput(
    params: Partial<OpenOutputParams> & { subscription: number; job: number },
  ): Promise<boolean> {
    const answer = await this.peer!.call(
      'output.open',
      { from: 0, follow: false, creditBytes: 1 << 30, ...params },
      openOutputResultSchema,
      options,
    );
    if (answer.kind !== 'ok') throw new Error(JSON.stringify(answer));
    return answer.value.found;
  }

  /** Everything that came of a subscription, up to its end. */
  async output(subscription: number): Promise<OutputFrame[]> {
    const ours = () => this.frames.filter((frame) => frame.subscription === subscription);
    await this.until(() => ours().some((frame) => frame.kind === 'end'));
    return ours();
  }

  /** The final report of each attempt, once there are as many. */
  async ends(count: number): Promise<AttemptReport[]> {
    const ends = () => this.reports.filter(({ event }) => event === 'finished' || event === 'refused');
    await this.until(() => ends().length >= count);
    return ends();
  }

  eventsOf(host: number): string[] {
    return this.reports.filter((report) => report.host === host).map(({ event }) => event);
  }

  /** It leads another namespace as well, or `default` once more. */
  async lead(namespace: number, term = this.term): Promise<LeadResult> {
    const answer = await this.peer!.call('namespace.lead', { namespace, term }, leadResultSchema, options);
    if (answer.kind !== 'ok') throw new Error(JSON.stringify(answer));
    return answer.value;
  }

  async #begin(peer: Peer, hello: HelloParams): Promise<void> {
    const params = { namespace: defaultNamespace.number, term: this.term };
    const answer = await peer.call('namespace.lead', params, leadResultSchema, options);
    // Whoever is killed in the middle of it connects anew.
    if (answer.kind !== 'ok') return;
    const led = answer.value;
    this.peer = peer;
    this.hellos.push({ ...hello, ...(led.kind === 'taken' ? led : { held: [], credentials: [] }) });
    if (this.wanted.length > 0) peer.notify('credentials.want', { jobs: this.wanted });
    this.#tell();
  }

  #take(params: ReportParams): unknown {
    this.calls.push(params);
    if (this.answer === 'fail') throw new MethodError('not-ready', 'no leader');
    if (this.answer === 'hang') {
      this.#tell();
      return new Promise(() => undefined);
    }
    this.reports.push(...params.reports);
    this.#tell();
    return {};
  }

  #tell(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}

export function specOf(script: Script): ResolvedSpec {
  return {
    version: 1,
    namespace: 'default',
    submitter: 'operator',
    targets: 'u@h[1-1000]:22',
    command: { kind: 'argv', argv: ['script', JSON.stringify(script)] },
    user: 'u',
    port: 22,
    auth: { methods: ['publickey'] },
    hostKeys: { policy: 'strict', known: [] },
    timeouts: { connectMs: 1000, handshakeMs: 1000, commandMs: 1000 },
    environment: {},
    lifetimeMs: 60_000,
  };
}

/** A marker that must turn up nowhere but in the orders. */
export const credentialsMarker = 'SEALED-CREDENTIALS-MARKER';
export const sealedCredentials: SealedCredentials = {
  protected: 'p',
  iv: 'i',
  ciphertext: credentialsMarker,
  tag: 't',
  aad: 'a',
  recipients: [{ header: { alg: 'RSA-OAEP-256', kid: 'k' }, encrypted_key: 'e' }],
};

export interface Cluster {
  dispatcher: Dispatcher;
  worker: Worker;
  log: KeptLog;
  directory: string;
  /** Process ids of this worker's rexecs that exist. */
  rexecs(): number[];
}

const clusters: Cluster[] = [];

export async function startCluster(
  overrides: Partial<WorkerOptions> & { clock?: Clock; dispatcher?: Dispatcher } = {},
): Promise<Cluster> {
  const program = await programOf('scripted-rexec.ts');
  const directory = await mkdtemp(join(tmpdir(), 'pogo-worker-'));
  const rexecProgram = overrides.rexec?.argv.at(-1) ?? program;
  const dispatcher = overrides.dispatcher ?? new Dispatcher();
  if (overrides.dispatcher === undefined) await dispatcher.start();
  const log = new KeptLog();
  await writeFile(join(directory, 'sealing.key'), 'never opened here', { mode: 0o600 });
  const worker = new Worker({
    dispatchers: [dispatcher.url],
    pools: ['default'],
    tls: workerTls,
    recipient: { worker: 'w1', kid: 'sha256:kid', certificate: 'certificate' },
    sealingKeyFile: join(directory, 'sealing.key'),
    knownHostsFile: join(directory, 'known_hosts'),
    authPlugins: {},
    allowAgentForwarding: false,
    spool: { directory: join(directory, 'spool'), retentionMs: 3_600_000, maxBytesPerHost: 1024 ** 3 },
    attachmentsDirectory: join(directory, 'attachments'),
    maxConnections: 100,
    maxHandshakes: 50,
    rexec: { argv: [process.execPath, program], environment: { PATH: process.env['PATH'] ?? '', LANG: 'C' } },
    journal: new MemoryJournal(),
    endProcess: (pid) => process.kill(pid, 'SIGKILL'),
    incarnation: randomUUID(),
    clock: systemClock,
    random: () => 0,
    log,
    ...overrides,
  });
  const cluster = {
    dispatcher,
    worker,
    log,
    directory,
    rexecs: () => childrenOf(process.pid, rexecProgram),
  };
  clusters.push(cluster);
  await worker.start();
  await dispatcher.until(() => dispatcher.hellos.length > 0);
  return cluster;
}

/** TCP sockets and servers of this process. */
export function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCP')).length;
}

/** Stops everything, and fails on what is left behind, beyond the sockets that the test had open before. */
export async function stopClusters(socketsBefore = 0): Promise<void> {
  for (const { worker, dispatcher, directory, rexecs } of clusters.splice(0).reverse()) {
    await worker.stop();
    await dispatcher.stop();
    const left = rexecs();
    if (left.length > 0) throw new Error(`rexec processes are left behind: ${left.join(', ')}`);
    await rm(directory, { recursive: true });
  }
  while (openSockets() > socketsBefore) await new Promise((resolve) => setImmediate(resolve));
}

export function childrenOf(parent: number, program: string): number[] {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ');
  return children
    .filter((text) => text !== '')
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(program);
      } catch {
        return false;
      }
    });
}
