/**
 * One dispatcher: store, leader, vault, worker links and API put together, started and stopped in order.
 *
 * Start: store → API and worker listener → leadership. Stop: the other way round, so that nobody is answered by parts
 * that are gone.
 */
import { X509Certificate } from 'node:crypto';
import { type Clock, type Service, ServiceState } from '@pogo/lifecycle';
import { type Secret, specLimits } from '@pogo/protocol';
import type { Store } from '@pogo/store';
import { PeerListener, type PeerListenerOptions } from '@pogo/wire';
import type { Logger } from 'pino';
import { ApiServer, type ApiServerOptions } from './api/api-server.js';
import { BearerToken } from './api/bearer-token.js';
import type { ApiContext } from './api/context.js';
import { openApiRoute } from './api/openapi.js';
import { apiRoutes } from './api/routes.js';
import { dialHost, formatAddress, type ListenAddress } from './configuration/listen-address.js';
import { AttachmentStore } from './attachments/attachment-store.js';
import { AttachmentSweeper } from './attachments/attachment-sweeper.js';
import { serveAttachment } from './attachments/serve-attachment.js';
import { JobHistory } from './events/job-history.js';
import { HistorySegments } from './history/history-segments.js';
import { Archive } from './jobs/archive.js';
import { HostLists } from './jobs/host-names.js';
import { JobArchivist } from './jobs/job-archivist.js';
import { Specs } from './jobs/specs.js';
import { Leader } from './leader/leader.js';
import { ReferredDocuments } from './leader/referred-documents.js';
import { TermRenewal } from './leader/term-renewal.js';
import { Metrics } from './metrics.js';
import { checkHere, type NamespaceCheck } from './namespaces/namespace-check.js';
import { NamespaceDocuments } from './namespaces/namespace-documents.js';
import { VersionSweeper } from './namespaces/version-sweeper.js';
import { DurationHistory } from './plans/duration-history.js';
import { CredentialsKeeper } from './vault/credentials-keeper.js';
import { MemoryVault } from './vault/memory-vault.js';
import { WorkerLinks } from './workers/worker-links.js';
import { WorkerRegistry } from './workers/worker-registry.js';

export interface DispatcherOptions {
  name: string;
  /** Whose the API's token is: the submitter of what is submitted with it. */
  principal: string;
  listen: ListenAddress;
  workerListen: ListenAddress;
  /** Opened, and closed by whoever opened it. */
  store: Store;
  /** PEM texts. */
  tls: { key: Secret; certificate: string; linkRoot: string; sealingRoot: string };
  token: Secret;
  /** Directory of scripts that come with jobs; made when it is missing. */
  attachments: string;
  credentialsLifetimeMs: number;
  jobRetentionMs: number;
  clock: Clock;
  random: () => number;
  uniqueId: () => string;
  logger: Logger;
  /** It can't go on, and should be stopped. */
  fatal: (error: Error) => void;
  limits?: Partial<DispatcherLimits>;
  /** What it serves through; TLS listeners and the directory `attachments` unless told otherwise. */
  serveApi?: (options: ApiServerOptions) => Listener;
  listenForWorkers?: (options: PeerListenerOptions) => Listener;
  attachmentStore?: AttachmentStore;
  /** How namespace files are checked; at once, and here, unless told otherwise. */
  checkNamespace?: NamespaceCheck;
}

/** Something that listens once it is started. */
export interface Listener extends Service {
  readonly address: ListenAddress;
}

/** Durations in milliseconds. */
export interface DispatcherLimits {
  /** How long a plan waits for a first worker. */
  workerWaitMs: number;
  /** How long a worker may be away before its hosts are `unknown`. */
  workerLostAfterMs: number;
  /** How long workers have to bring credentials back to a dispatcher that begins to lead (V2). */
  vaultRefillMs: number;
  /** How long a worker that refuses work is given none, at first. */
  refusalPauseMs: number;
  /** Time between two rounds of taking the term anew, so that workers may forget what they have settled. */
  renewTermEveryMs: number;
  /** Log entries between two snapshots. */
  snapshotEveryEntries: number;
  /** Log entries kept in memory for followers. */
  recentEntries: number;
  /** Hosts whose names are kept, over all jobs. */
  namedHosts: number;
  /** From a job's end to its archiving. */
  archiveAfterMs: number;
  /** Hosts of ended jobs that stay live at most. */
  endedHosts: number;
  /** Time between two rounds of the archivist. */
  archiveEveryMs: number;
  /** An upload that sends nothing for so long is broken off. */
  uploadIdleMs: number;
  /** How long an attachment that no job refers to stays. */
  attachmentKeptMs: number;
  /** Time between two rounds of removing attachments. */
  sweepEveryMs: number;
  /** Time between two rounds of removing versions of the namespace's file that are kept no longer. */
  versionSweepEveryMs: number;
}

const defaultLimits: DispatcherLimits = {
  workerWaitMs: 2000,
  workerLostAfterMs: 60_000,
  vaultRefillMs: 10_000,
  refusalPauseMs: 1000,
  renewTermEveryMs: 300_000,
  snapshotEveryEntries: 20_000,
  recentEntries: 10_000,
  namedHosts: 300_000,
  archiveAfterMs: 3_600_000,
  endedHosts: 50_000,
  archiveEveryMs: 60_000,
  uploadIdleMs: 30_000,
  attachmentKeptMs: 86_400_000,
  sweepEveryMs: 3_600_000,
  versionSweepEveryMs: 3_600_000,
};

const namespace = 'default';

export class Dispatcher implements Service {
  readonly leader: Leader;
  readonly #state = new ServiceState();
  readonly #vault: MemoryVault;
  readonly #keeper: CredentialsKeeper;
  readonly #links: WorkerLinks;
  readonly #listener: Listener;
  readonly #api: Listener;
  readonly #renewal: TermRenewal;
  readonly #archivist: JobArchivist;
  readonly #attachments: AttachmentStore;
  readonly #sweeper: AttachmentSweeper;
  readonly #versionSweeper: VersionSweeper;

  constructor(options: DispatcherOptions) {
    const limits = { ...defaultLimits, ...options.limits };
    const { name, clock, random, uniqueId, logger, store, tls } = options;
    const metrics = new Metrics();
    const specs = new Specs({ documents: store.documents, uniqueId });
    const hostLists = new HostLists({ maxHosts: limits.namedHosts });
    const namespaces = new NamespaceDocuments({ documents: store.documents, uniqueId });
    const referred = new ReferredDocuments({ namespaces, specs, hostLists });
    this.leader = new Leader({
      store,
      namespace,
      name,
      clock,
      random,
      uniqueId,
      logger,
      referred,
      snapshotEveryEntries: limits.snapshotEveryEntries,
      measured: (appendMs, entries) => metrics.appended(appendMs, entries),
      fatal: options.fatal,
    });
    const { leader } = this;
    this.#vault = new MemoryVault({ clock, expired: () => leader.wake() });
    const vault = this.#vault;
    const registry = new WorkerRegistry({
      clock,
      random,
      refusalPauseMs: limits.refusalPauseMs,
      changed: () => leader.wake(),
    });
    const history = new JobHistory({ log: leader.log, keptEntries: limits.recentEntries });
    this.#keeper = new CredentialsKeeper({
      vault,
      leader,
      specs,
      clock,
      openable: (kids) => registry.mayOpen(kids),
      refillMs: limits.vaultRefillMs,
    });
    const keeper = this.#keeper;
    this.#links = new WorkerLinks({
      name,
      leader,
      registry,
      specs,
      vault,
      keeper,
      sealingRoot: new X509Certificate(tls.sealingRoot),
      clock,
      logger,
      lostAfterMs: limits.workerLostAfterMs,
    });
    leader.plansWith({
      workers: () => registry.capacities(),
      due: (state) => keeper.due(state),
      paused: (state) => keeper.paused(state),
    });
    this.#renewal = new TermRenewal({
      name,
      leader,
      clock,
      logger,
      everyMs: limits.renewTermEveryMs,
    });
    const segments = new HistorySegments({ documents: store.documents, uniqueId });
    const archive = new Archive({ documents: store.documents, specs, uniqueId });
    this.#archivist = new JobArchivist({
      leader,
      archive,
      specs,
      hostLists,
      segments,
      clock,
      logger,
      archiveAfterMs: limits.archiveAfterMs,
      endedHosts: limits.endedHosts,
      retentionMs: options.jobRetentionMs,
      everyMs: limits.archiveEveryMs,
    });
    this.#attachments =
      options.attachmentStore ??
      new AttachmentStore({
        directory: options.attachments,
        clock,
        maxBytes: specLimits.maxScriptBytes,
        idleMs: limits.uploadIdleMs,
      });
    const attachments = this.#attachments;
    this.#sweeper = new AttachmentSweeper({
      store: attachments,
      leader,
      archive,
      specs,
      clock,
      logger,
      everyMs: limits.sweepEveryMs,
      keptMs: limits.attachmentKeptMs,
    });
    this.#versionSweeper = new VersionSweeper({
      leader,
      namespaces,
      clock,
      logger,
      everyMs: limits.versionSweepEveryMs,
    });
    // Orders first: they are what a job waits for.
    const observers = [
      this.#links,
      history,
      keeper,
      this.#renewal,
      this.#archivist,
      this.#sweeper,
      this.#versionSweeper,
    ];
    for (const observer of observers) leader.observe(observer);

    const context: ApiContext = {
      name,
      principal: options.principal,
      namespace,
      credentialsLifetimeMs: options.credentialsLifetimeMs,
      workerWaitMs: limits.workerWaitMs,
      clock,
      logger,
      store,
      leader,
      history,
      segments,
      archive,
      durations: new DurationHistory({ leader, archive, referred }),
      hostLists,
      specs,
      namespaces,
      checkNamespace: options.checkNamespace ?? checkHere,
      referred,
      vault,
      attachments,
      registry,
      metrics,
    };
    const routes = apiRoutes(context);
    const serveApi = options.serveApi ?? ((given) => new ApiServer(given));
    this.#api = serveApi({
      listen: options.listen,
      tls: { key: tls.key.reveal(), cert: tls.certificate },
      token: new BearerToken(options.token),
      routes: [...routes, openApiRoute(routes)],
      logger,
    });
    const listenForWorkers = options.listenForWorkers ?? ((given) => new PeerListener(given));
    this.#listener = listenForWorkers({
      listen: options.workerListen,
      tls: { key: tls.key.reveal(), cert: tls.certificate, ca: tls.linkRoot },
      expectRole: 'worker',
      clock,
      onPeer: (peer) => this.#links.serve(peer),
      onRequest: (request, response) => {
        void serveAttachment({ store: attachments, logger }, request, response);
      },
      onRefused: (refusal) => logger.warn(refusal, 'a connection to the worker listener was refused'),
    });
  }

  /** Resolves when both listeners are up and campaigning has begun; {@link Leader.leading} tells of the rest. */
  start(): Promise<void> {
    return this.#state.start(async () => {
      await this.#attachments.open();
      await this.#api.start();
      await this.#listener.start();
      await this.leader.start();
    });
  }

  stop(): Promise<void> {
    return this.#state.stop(async () => {
      await this.#api.stop();
      this.#links.stop();
      await this.#listener.stop();
      await this.#renewal.stop();
      await this.#archivist.stop();
      await this.#sweeper.stop();
      await this.#versionSweeper.stop();
      await this.leader.stop();
      this.#keeper.lost();
      this.#vault.close();
    });
  }

  /** `https://HOST:PORT` as a client on this machine dials it; after `start`. */
  get apiUrl(): string {
    return `https://${dialable(this.#api.address)}`;
  }

  /** `wss://HOST:PORT`; after `start`. */
  get workersUrl(): string {
    return `wss://${dialable(this.#listener.address)}`;
  }
}

function dialable({ host, port }: ListenAddress): string {
  return formatAddress({ host: dialHost(host), port });
}
