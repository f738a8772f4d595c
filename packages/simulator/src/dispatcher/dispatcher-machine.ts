/**
 * A machine that runs a dispatcher, starts it again after a crash, and lets clients and workers reach it. What runs is the
 * production dispatcher; its listeners and its store are simulated.
 */
import { AttachmentStore, Dispatcher, noPeers, type Route } from '@pogo/dispatcher';
import { Secret } from '@pogo/protocol';
import { StoreError } from '@pogo/store';
import type { Logger } from 'pino';
import { sealingRoot } from '../certificates.js';
import type { Network } from '../network/network.js';
import type { PlantedBug } from '../planted-bug.js';
import type { Random } from '../random.js';
import { SimulatedProcess } from '../simulated-process.js';
import type { SimulatedStoreOptions } from '../store/simulated-store.js';
import { SimulatedStore } from '../store/simulated-store.js';
import type { Trace } from '../trace.js';
import type { VirtualTime } from '../virtual-time.js';

export interface DispatcherMachineOptions {
  name: string;
  time: VirtualTime;
  trace: Trace;
  random: Random;
  network: Network;
  store: Pick<SimulatedStoreOptions, 'backing' | 'elections' | 'weather'>;
  bug: PlantedBug | undefined;
  logger: Logger;
  wallStartMs: number;
  workerLostAfterMs: number;
  snapshotEveryEntries: number;
  archiveAfterMs: number;
  violated: (rule: string, what: string) => void;
}

export interface ApiAnswer {
  status: number;
  body: unknown;
}

export interface ApiRequest {
  params?: object;
  body?: unknown;
  headers?: Record<string, string>;
}

interface Incarnation {
  process: SimulatedProcess;
  routes: readonly Route[];
}

export const principal = 'simulated';

export class DispatcherMachine {
  readonly name: string;
  readonly url: string;
  readonly #options: DispatcherMachineOptions;
  #incarnation: Incarnation | undefined;
  #starts = 0;

  constructor(options: DispatcherMachineOptions) {
    this.#options = options;
    this.name = options.name;
    this.url = `wss://${options.name}`;
  }

  get process(): SimulatedProcess | undefined {
    return this.#incarnation?.process;
  }

  start(): void {
    if (this.#incarnation !== undefined) return;
    const { name, time, trace, network, store, bug, logger, violated } = this.#options;
    const random = this.#options.random.fork(`start ${this.#starts++}`);
    const process = new SimulatedProcess({
      name,
      time,
      wallOffsetMs: this.#options.wallStartMs + random.integer(-120_000, 120_000),
    });
    const incarnation: Incarnation = { process, routes: [] };
    this.#incarnation = incarnation;
    trace.add(name, 'starts');
    let ids = 0;
    const handle = new SimulatedStore({
      ...store,
      process,
      time,
      trace,
      random: random.fork('store'),
      wrapLog: (log) => bug?.wrapLog?.(log, process) ?? log,
    });
    const dispatcher = new Dispatcher({
      name,
      principal,
      listen: { host: name, port: 1 },
      workerListen: { host: name, port: 2 },
      store: handle,
      tls: { key: new Secret(''), certificate: '', linkRoot: '', sealingRoot },
      token: new Secret('x'.repeat(32)),
      credentialsLifetimeMs: 3_600_000,
      jobRetentionMs: 86_400_000,
      clock: process.clock,
      random: () => random.next(),
      uniqueId: () => `${name}-${this.#starts}-${ids++}`,
      logger,
      fatal: (error) => {
        violated('bug', `dispatcher ${name} can't go on: ${error.stack ?? String(error)}`);
      },
      attachments: '/attachments',
      attachmentStore: new NoAttachments({
        directory: '/attachments',
        clock: process.clock,
        maxBytes: 1,
        maxTotalBytes: 1,
        idleMs: 1,
      }),
      limits: {
        vaultRefillMs: 5000,
        renewTermEveryMs: 3000,
        sweepEveryMs: 0x7fffffff,
        archiveEveryMs: 4000,
        archiveAfterMs: this.#options.archiveAfterMs,
        workerLostAfterMs: this.#options.workerLostAfterMs,
        snapshotEveryEntries: this.#options.snapshotEveryEntries,
      },
      serveApi: ({ routes }) => {
        incarnation.routes = routes;
        return silentService(name);
      },
      // Credentials come back from workers alone here.
      linkDispatchers: () => noPeers,
      // Clients of a simulation go to the next dispatcher themselves.
      forward: () =>
        Promise.resolve({
          kind: 'answered',
          answer: { kind: 'document', status: 503, body: {} },
          headers: {},
        }),
      listenForWorkers: ({ onPeer }) => {
        network.listen(this.url, process, onPeer);
        return silentService(name);
      },
    });
    bug?.beforeStart?.(dispatcher);
    void dispatcher.start();
  }

  /** Ends without a word; the lease goes on until it is noticed. */
  crash(restartAfterMs: number): void {
    const { trace, time, store, random } = this.#options;
    const process = this.#incarnation?.process;
    if (process === undefined) return;
    trace.add(this.name, 'crashes');
    this.#incarnation = undefined;
    process.crash();
    time.schedule(random.spread(1, 4000), () => store.elections.expire(process, 0));
    time.schedule(restartAfterMs, () => this.start());
  }

  freeze(forMs: number): void {
    const { trace, time, store, random } = this.#options;
    if (this.#incarnation === undefined) return;
    const { process } = this.#incarnation;
    trace.add(this.name, `is frozen for ${Math.round(forMs)} ms`);
    process.freeze(forMs);
    // Its session with the store ends when it is silent for too long; it hears of that when it goes on.
    time.schedule(random.spread(300, 3000), () => {
      if (process.isFrozen) store.elections.expire(process, 0);
    });
  }

  /** One request of a client; undefined when no answer comes. `answer` is called as the dispatcher gives it. */
  request(
    method: string,
    url: string,
    request: ApiRequest,
    answer: (answer: ApiAnswer | undefined) => void,
  ): void {
    const incarnation = this.#incarnation;
    if (incarnation === undefined) return answer(undefined);
    const route = incarnation.routes.find(
      (candidate) => candidate.method === method && candidate.url === url,
    );
    if (route === undefined) throw new Error(`no route ${method} ${url}`);
    const { params = {}, headers = {} } = request;
    const body: unknown = request.body === undefined ? undefined : JSON.parse(JSON.stringify(request.body));
    incarnation.process.deliver(() => {
      route.serve({ method, url, params, query: {}, body, headers }, new AbortController().signal).then(
        (answered) => {
          if (answered.kind === 'document') answer({ status: answered.status, body: answered.body });
          else if (answered.kind === 'problem')
            answer({ status: answered.problem.status, body: answered.problem });
          else answer(undefined);
        },
        (error: unknown) => {
          if (!(error instanceof StoreError))
            this.#options.violated('bug', `${method} ${url} throws: ${String(error)}`);
          answer({ status: 503, body: {} });
        },
      );
    });
  }
}

function silentService(host: string) {
  return { start: () => Promise.resolve(), stop: () => Promise.resolve(), address: { host, port: 1 } };
}

/** No job of a simulation brings a script. */
class NoAttachments extends AttachmentStore {
  override open(): Promise<void> {
    return Promise.resolve();
  }
}
