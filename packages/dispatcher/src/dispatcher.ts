/**
 * One dispatcher: store, leader, vault, worker links and API put together, started and stopped in order.
 *
 * Start: store → API and worker listener → leadership. Stop: the other way round, so that nobody is answered by parts
 * that are gone.
 */
import { X509Certificate } from 'node:crypto';
import { type Clock, type Service, ServiceState } from '@pogo/lifecycle';
import { type Secret, specLimits, workerAttachmentPath } from '@pogo/protocol';
import type { Store } from '@pogo/store';
import { PeerListener, type PeerListenerOptions } from '@pogo/wire';
import type { Logger } from 'pino';
import { ApiServer, type ApiServerOptions } from './api/api-server.js';
import { BearerToken } from './api/bearer-token.js';
import { instanceRoutes } from './api/instance-routes.js';
import { type Forward, LeaderAnswers } from './api/leader-answers.js';
import { openApiRoute } from './api/openapi.js';
import { routesByNamespace } from './api/by-namespace.js';
import { dialHost, formatAddress, type ListenAddress } from './configuration/listen-address.js';
import { AttachmentStore } from './attachments/attachment-store.js';
import { AttachmentSweeper } from './attachments/attachment-sweeper.js';
import { serveAttachment } from './attachments/serve-attachment.js';
import { defaultLimits, type DispatcherLimits } from './dispatcher-limits.js';
import { HostLists } from './jobs/host-names.js';
import type { Leader } from './leader/leader.js';
import { Metrics } from './metrics/metrics.js';
import type { ProcessUsage } from './metrics/process-usage.js';
import { HostOwners } from './namespaces/host-owners.js';
import { checkHere, type NamespaceCheck } from './namespaces/namespace-check.js';
import { type NamespaceIdentity, NamespaceRegistry } from './namespaces/namespace-registry.js';
import { ServedNamespace, type SharedServices } from './namespaces/served-namespace.js';
import { ServedNamespaces } from './namespaces/served-namespaces.js';
import { DispatcherDirectory } from './peers/dispatcher-directory.js';
import { DispatcherPeers, type LinkDispatchers } from './peers/dispatcher-peers.js';
import { RequestForwarder } from './peers/request-forwarder.js';
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
  /** `https://HOST:PORT` for the other dispatchers; what it listens on unless told otherwise. */
  advertise?: string;
  /** `wss://HOST:PORT` for the other dispatchers; the host of `advertise`, or what it listens on, unless told otherwise. */
  advertiseLink?: string;
  /** How other dispatchers are reached; through TLS, where the store says that they are, unless told otherwise. */
  linkDispatchers?: LinkDispatchers;
  /** How requests reach other dispatchers; through TLS unless told otherwise. */
  forward?: Forward;
  /** What this process has used, for the metrics; not told unless it is given. */
  processUsage?: () => ProcessUsage;
  /** How namespace files are checked; at once, and here, unless told otherwise. */
  checkNamespace?: NamespaceCheck;
}

/** Something that listens once it is started. */
export interface Listener extends Service {
  readonly address: ListenAddress;
}

export class Dispatcher implements Service {
  readonly #state = new ServiceState();
  readonly #served: ServedNamespaces;
  readonly #vault: MemoryVault;
  readonly #links: WorkerLinks;
  readonly #listener: Listener;
  readonly #api: Listener;
  readonly #attachments: AttachmentStore;
  readonly #sweeper: AttachmentSweeper;
  readonly #directory: DispatcherDirectory;
  readonly #peers: DispatcherPeers;
  readonly #forwarder: RequestForwarder;

  constructor(options: DispatcherOptions) {
    const limits = { ...defaultLimits, ...options.limits };
    const { name, clock, random, uniqueId, logger, store, tls } = options;
    const wake = () => {
      for (const { leader } of this.#served.all) leader.wake();
    };
    this.#vault = new MemoryVault({ clock, expired: wake });
    const registry = new WorkerRegistry({
      returnMs: limits.workerReturnMs,
      clock,
      random,
      refusalPauseMs: limits.refusalPauseMs,
      changed: wake,
    });
    this.#attachments =
      options.attachmentStore ??
      new AttachmentStore({
        directory: options.attachments,
        clock,
        maxBytes: specLimits.maxScriptBytes,
        maxTotalBytes: limits.attachmentsMaxBytes,
        idleMs: limits.uploadIdleMs,
      });
    const attachments = this.#attachments;
    const metrics = new Metrics();
    const linkTls = { key: tls.key.reveal(), cert: tls.certificate, ca: tls.linkRoot };
    this.#directory = new DispatcherDirectory({
      documents: store.documents,
      name,
      url: () => options.advertise ?? this.apiUrl,
      link: () => options.advertiseLink ?? this.#linkUrl(options.advertise),
      clock,
      random,
      logger,
    });
    this.#peers = new DispatcherPeers({
      name,
      directory: this.#directory,
      tls: linkTls,
      vault: this.#vault,
      attachments,
      followers: {
        all: () => this.#served.all.map(({ vaultFollower }) => vaultFollower),
        of: async (number) => (await this.#served.withNumber(number))?.vaultFollower,
      },
      limits,
      clock,
      random,
      uniqueId,
      logger,
      metrics,
      linkDispatchers: options.linkDispatchers,
    });
    const peers = this.#peers;
    const shared: SharedServices = {
      name,
      principal: options.principal,
      store,
      credentialsLifetimeMs: options.credentialsLifetimeMs,
      jobRetentionMs: options.jobRetentionMs,
      limits,
      clock,
      random,
      uniqueId,
      logger,
      metrics,
      registry,
      vault: this.#vault,
      peers,
      hostLists: new HostLists({ maxHosts: limits.namedHosts }),
      attachments,
      checkNamespace: options.checkNamespace ?? checkHere,
      owners: new HostOwners({ namespaces: () => this.#served.known() }),
      loadsBeside: (identity) => this.#beside(identity).flatMap(({ leader }) => leader.load ?? []),
      roomFreed: (identity) => {
        for (const { leader } of this.#beside(identity)) leader.wake();
      },
      lost: () => this.#lost(),
      fatal: options.fatal,
    };
    this.#served = new ServedNamespaces({
      registry: new NamespaceRegistry(store.documents),
      make: (identity, within) => new ServedNamespace({ ...shared, identity, within }),
      clock,
      random,
      logger,
    });
    const served = this.#served;
    this.#links = new WorkerLinks({
      name,
      namespaces: served,
      registry,
      sealingRoot: new X509Certificate(tls.sealingRoot),
      clock,
      logger,
    });
    this.#sweeper = new AttachmentSweeper({
      store: attachments,
      referring: () => (served.isComplete ? served.all : undefined),
      clock,
      logger,
      everyMs: limits.sweepEveryMs,
      keptMs: limits.attachmentKeptMs,
    });
    // Copies for others lie at those who lead nothing, too.
    this.leader.observeAlways(this.#sweeper);

    this.#forwarder = new RequestForwarder({
      name,
      directory: this.#directory,
      linkRoot: tls.linkRoot,
      clock,
    });
    const forward: Forward =
      options.forward ?? ((to, request, signal) => this.#forwarder.forward(to, request, signal));
    const leaders = new LeaderAnswers({ name, forward, clock, takeoverWaitMs: limits.takeoverWaitMs });
    const routes = [
      ...routesByNamespace(served, leaders),
      ...instanceRoutes({ ...shared, served, leaders, processUsage: options.processUsage }),
    ];
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
      tls: linkTls,
      expectRole: 'worker',
      clock,
      onPeer: (peer) => this.#links.serve(peer),
      onRequest: (request, response) => {
        const fetch = (sha256: string) => peers.scripts.fetch(sha256);
        const served = { store: attachments, logger, path: workerAttachmentPath, fetch };
        void serveAttachment(served, request, response);
      },
      doors: [peers.door],
      onRefused: (refusal) => logger.warn(refusal, 'a connection to the worker listener was refused'),
    });
  }

  /** Who leads the namespace `default`. */
  get leader(): Leader {
    return this.#served.default.leader;
  }

  /** Resolves when both listeners are up and campaigning has begun; {@link Leader.leading} tells of the rest. */
  start(): Promise<void> {
    return this.#state.start(async () => {
      await this.#attachments.open();
      await this.#api.start();
      await this.#listener.start();
      await this.#directory.start();
      await this.#peers.start();
      await this.#served.start();
    });
  }

  stop(): Promise<void> {
    return this.#state.stop(async () => {
      await this.#api.stop();
      this.#forwarder.close();
      await this.#directory.stop();
      this.#links.stop();
      await this.#peers.stop();
      await this.#listener.stop();
      await this.#sweeper.stop();
      await this.#served.stop();
      this.#vault.close();
    });
  }

  /**
   * Resolves when it leads, or knows who does, and has asked the others for the credentials of running jobs (V2); or when it
   * stops.
   */
  async ready(): Promise<void> {
    await this.leader.serving();
    await this.#served.default.vaultFollower.refilled();
  }

  /** Where the listener of links is on the host that others reach the API at. */
  #linkUrl(advertise: string | undefined): string {
    if (advertise === undefined) return this.workersUrl;
    const { hostname } = new URL(advertise);
    return `wss://${hostname}:${this.#listener.address.port}`;
  }

  #beside({ number }: NamespaceIdentity): readonly ServedNamespace[] {
    return this.#served.all.filter(({ identity }) => identity.number !== number);
  }

  /** While nothing is led here, workers look for a dispatcher that leads. */
  #lost(): void {
    if (this.#served.all.every(({ leader }) => leader.term === undefined))
      this.#links.closeAll('leadership has ended');
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
