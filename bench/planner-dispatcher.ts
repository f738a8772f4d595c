/**
 * The production dispatcher over the memory store, or another one, with its API and its worker listener short-circuited: leader
 * loop, fold, planner, snapshots, sessions, history and vault are what ships; TLS and sockets aren't there.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isEnded, type JobState, type LogEntry } from '@pogo/core';
import { AttachmentStore, Dispatcher, type Route } from '@pogo/dispatcher';
import { systemClock } from '@pogo/lifecycle';
import { type JobDocument, type PlanResponse, type Recipient, Secret } from '@pogo/protocol';
import { sealingRoot } from '@pogo/simulator';
import { openStore, type Store } from '@pogo/store';
import type { PeerListenerOptions } from '@pogo/wire';
import { pino } from 'pino';
import { countTransitions } from './planner-transitions.js';
import { InstantWorker } from './planner-worker.js';
import { outcomeOf } from './planner-outcome.js';

export interface BenchDispatcherOptions {
  /** Attempts that all workers together take at once. */
  atOnce: number;
  fails: (host: number, job: number) => boolean;
  /** The memory driver unless told; closed with the dispatcher. */
  store?: Store;
  /** How long the command of a host takes, in milliseconds; 0 unless told: it ends at once. */
  commandMs?: (host: number) => number;
  /** How long jobs are kept after their end, in milliseconds, and how often it is looked for older ones; long unless told. */
  retention?: { keptMs: number; everyMs: number };
}

/** As many as the simulated fleet has certificates for. */
const workerNames = ['worker-1', 'worker-2', 'worker-3'];

interface Ask {
  params?: object;
  query?: object;
  body?: unknown;
  headers?: Record<string, string>;
}

export class BenchDispatcher {
  /** Transitions of hosts that the log has. */
  transitions = 0;
  /** Batches of the log, and the entries that were in them. */
  batches = 0;
  entries = 0;
  largestBatch = 0;
  readonly #dispatcher: Dispatcher;
  readonly #close: () => Promise<void>;
  #routes: readonly Route[];
  readonly #workers: InstantWorker[];
  readonly #ended = new Map<number, JobState>();
  readonly #awaited = new Map<number, () => void>();
  #failed: unknown;

  static async start(options: BenchDispatcherOptions): Promise<BenchDispatcher> {
    const bench = new BenchDispatcher(options, options.store ?? (await openStore('memory:')));
    await bench.#start();
    return bench;
  }

  private constructor(
    { atOnce, fails, commandMs = () => 0, retention }: BenchDispatcherOptions,
    store: Store,
  ) {
    const failed = (error: unknown) => {
      this.#failed ??= error;
      for (const over of this.#awaited.values()) over();
    };
    this.#routes = [];
    this.#workers = workerNames.map(
      (name) =>
        new InstantWorker({
          name,
          capacity: Math.ceil(atOnce / workerNames.length),
          outcome: (job, host) => outcomeOf(job, host, fails(host, job)),
          commandMs,
          failed,
        }),
    );
    let ids = 0;
    this.#dispatcher = new Dispatcher({
      name: 'bench',
      principal: 'bench',
      listen: { host: 'bench', port: 1 },
      workerListen: { host: 'bench', port: 2 },
      store,
      tls: { key: new Secret(''), certificate: '', linkRoot: '', sealingRoot },
      token: new Secret('x'.repeat(32)),
      credentialsLifetimeMs: 3_600_000,
      jobRetentionMs: retention?.keptMs ?? 86_400_000,
      clock: systemClock,
      random: () => 0.5,
      uniqueId: () => `id-${ids++}`,
      logger: pino({ level: 'silent' }),
      fatal: failed,
      attachments: '/nowhere',
      attachmentStore: new NoAttachments({
        directory: '/nowhere',
        clock: systemClock,
        maxBytes: 1,
        maxTotalBytes: 1,
        idleMs: 1,
      }),
      limits: {
        archiveEveryMs: 0x7fffffff,
        sweepEveryMs: 0x7fffffff,
        ...(retention && { archiveAfterMs: retention.everyMs, archiveEveryMs: retention.everyMs }),
      },
      serveApi: ({ routes }) => {
        this.#routes = routes;
        return silentService;
      },
      listenForWorkers: ({ onPeer }) => {
        this.#onPeer = onPeer;
        return silentService;
      },
    });
    this.#dispatcher.leader.observe({
      appended: ({ entries }) => {
        this.batches++;
        this.entries += entries.length;
        this.largestBatch = Math.max(this.largestBatch, entries.length);
        for (const entry of entries) this.#seen(entry);
      },
    });
    this.#close = () => store.close();
  }

  #onPeer: PeerListenerOptions['onPeer'] | undefined;

  async #start(): Promise<void> {
    await this.#dispatcher.start();
    await this.#dispatcher.leader.leading();
    for (const worker of this.#workers) await worker.connect(this.#onPeer!(worker.peer));
    // Jobs are sealed for the workers that are there: all of them.
    while ((await this.plan('n0', false)).recipients.length < this.#workers.length) await nextTurn();
  }

  async stop(): Promise<void> {
    await this.#dispatcher.stop();
    await this.#close();
  }

  async applyNamespace(text: string): Promise<void> {
    const params = { name: 'default' };
    await this.#ask('PUT', '/v1/namespaces/:name', 200, { params, body: { file: 'bench.yaml', text } });
  }

  /** @param isForecast whether it is asked for what every host would do, and not only for how long all of it takes */
  plan(targets: string, unconstrained: boolean, isForecast = false): Promise<PlanResponse> {
    const body = {
      version: 1,
      namespace: 'default',
      targets,
      command: { kind: 'argv', argv: ['true'] },
      user: 'root',
      port: 22,
      auth: { methods: ['publickey'] },
      hostKeys: { policy: 'strict', known: [] },
      timeouts: { connectMs: 5000, handshakeMs: 5000, commandMs: 60_000 },
      environment: {},
      limits: { concurrent: null, maxFailures: null, jobTimeoutMs: 3_600_000 },
      ...(unconstrained && { unconstrained: true }),
    };
    return this.#ask('POST', '/v1/plans', 200, { body, query: isForecast ? { forecast: '' } : {} });
  }

  /** Resolves to its number once the dispatcher has accepted it, and decided about its first hosts. */
  async submit({ spec, digest, limits, recipients }: PlanResponse, key: string): Promise<number> {
    const body = { spec, digest, limits, credentials: sealedFor(recipients, digest) };
    const headers = { 'idempotency-key': key };
    const job = await this.#ask<JobDocument>('POST', '/v1/jobs', 202, { body, headers });
    return Number(job.id.slice(1));
  }

  /** Resolves to how the job has ended. */
  async ended(job: number): Promise<JobState> {
    const state = this.#ended.get(job);
    if (state === undefined && this.#failed === undefined)
      await new Promise<void>((resolve) => this.#awaited.set(job, resolve));
    if (this.#failed !== undefined) throw this.#failed;
    return this.#ended.get(job)!;
  }

  #seen(entry: LogEntry): void {
    this.transitions += countTransitions(entry);
    if (entry.type !== 'job-ended' || !isEnded(entry.state)) return;
    this.#ended.set(entry.job, entry.state);
    this.#awaited.get(entry.job)?.();
    this.#awaited.delete(entry.job);
  }

  async #ask<T>(
    method: string,
    url: string,
    status: number,
    { params, query, body, headers }: Ask,
  ): Promise<T> {
    const found = this.#routes.find((route) => route.method === method && route.url === url)!;
    const answer = await found.serve(
      { method, url, params: params ?? {}, query: query ?? {}, body, headers: headers ?? {} },
      new AbortController().signal,
    );
    if (answer.kind === 'document' && answer.status === status) return answer.body as T;
    throw new Error(`${method} ${url}: ${JSON.stringify(answer).slice(0, 2000)}`);
  }
}

const silentService = {
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  address: { host: 'bench', port: 1 },
};

/** No job of the bench brings a script. */
class NoAttachments extends AttachmentStore {
  override open(): Promise<void> {
    return Promise.resolve();
  }
}

/** What a dispatcher looks at of a seal: for whom it is. */
function sealedFor(recipients: readonly Recipient[], digest: string): object {
  return {
    protected: 'bench',
    iv: 'bench',
    ciphertext: 'bench',
    tag: 'bench',
    aad: Buffer.from(digest).toString('base64url'),
    recipients: recipients.map(({ kid }) => ({
      header: { alg: 'RSA-OAEP-256', kid },
      encrypted_key: 'bench',
    })),
  };
}
