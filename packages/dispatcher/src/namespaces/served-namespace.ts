/**
 * One namespace as a dispatcher serves it: its log and who leads it, what is stored for it, what goes on in the background
 * while it is led, and the routes that ask about it. What belongs to the whole process comes from outside.
 */
import { defaultNamespace, type LogEntry } from '@pogo/core';
import { type Clock, type Service, ServiceState } from '@pogo/lifecycle';
import { type Store, StoreError } from '@pogo/store';
import type { Logger } from 'pino';
import type { ApiContext } from '../api/context.js';
import type { AttachmentStore } from '../attachments/attachment-store.js';
import type { DispatcherLimits } from '../dispatcher-limits.js';
import { JobHistory } from '../events/job-history.js';
import { HistorySegments } from '../history/history-segments.js';
import { Archive } from '../jobs/archive.js';
import type { HostLists } from '../jobs/host-names.js';
import { JobArchivist } from '../jobs/job-archivist.js';
import { Specs } from '../jobs/specs.js';
import { Leader, type LogObserver } from '../leader/leader.js';
import { ReferredDocuments } from '../leader/referred-documents.js';
import { TermRenewal } from '../leader/term-renewal.js';
import { JobProgress } from '../metrics/job-progress.js';
import type { Metrics } from '../metrics/metrics.js';
import { type NamespaceFigures, namespaceFigures } from '../metrics/namespace-figures.js';
import type { DispatcherPeers } from '../peers/dispatcher-peers.js';
import { DurationHistory } from '../plans/duration-history.js';
import { Turns } from '../turns.js';
import { CredentialsKeeper } from '../vault/credentials-keeper.js';
import type { Vault } from '../vault/vault.js';
import { VaultFollower } from '../vault/vault-follower.js';
import { NamespaceOrders } from '../workers/namespace-orders.js';
import { sharedCapacities, type WorkerLoad } from '../workers/shared-capacity.js';
import type { WorkerRegistry } from '../workers/worker-registry.js';
import type { HostOwners } from './host-owners.js';
import type { NamespaceCheck } from './namespace-check.js';
import { NamespaceDocuments } from './namespace-documents.js';
import type { NamespaceIdentity } from './namespace-registry.js';
import { documentsOf } from './scoped-documents.js';
import { VersionSweeper } from './version-sweeper.js';

/** What all namespaces of a dispatcher share. */
export interface SharedServices {
  /** Name of the dispatcher. */
  name: string;
  principal: string;
  store: Store;
  credentialsLifetimeMs: number;
  jobRetentionMs: number;
  limits: DispatcherLimits;
  clock: Clock;
  random: () => number;
  uniqueId: () => string;
  logger: Logger;
  metrics: Metrics;
  registry: WorkerRegistry;
  vault: Vault;
  peers: Pick<DispatcherPeers, 'links' | 'offers' | 'credentials' | 'scripts'>;
  hostLists: HostLists;
  attachments: AttachmentStore;
  checkNamespace: NamespaceCheck;
  owners: HostOwners;
  /** What the other namespaces have at workers. */
  loadsBeside: (identity: NamespaceIdentity) => readonly WorkerLoad[];
  /** Workers may have more room than before, for the others. */
  roomFreed: (identity: NamespaceIdentity) => void;
  /** A namespace is led no longer. */
  lost: () => void;
  /** It can't go on, and should be stopped. */
  fatal: (error: Error) => void;
}

export interface ServedNamespaceOptions extends SharedServices {
  identity: NamespaceIdentity;
  /** It is led only while this one is; undefined for the first. */
  within: Leader | undefined;
}

export class ServedNamespace implements Service {
  readonly identity: NamespaceIdentity;
  readonly leader: Leader;
  readonly specs: Specs;
  readonly archive: Archive;
  /** Hands its orders to workers. */
  readonly orders: NamespaceOrders;
  /** Keeps the vault in step with the log, whoever leads. */
  readonly vaultFollower: VaultFollower;
  /** What the handlers of its routes work with. */
  readonly context: ApiContext;
  readonly #state = new ServiceState();
  readonly #keeper: CredentialsKeeper;
  readonly #renewal: TermRenewal;
  readonly #archivist: JobArchivist;
  readonly #versionSweeper: VersionSweeper;
  readonly #progress: JobProgress;

  constructor(options: ServedNamespaceOptions) {
    const { identity, limits, name, store, clock, random, uniqueId, metrics, registry, vault } = options;
    const logger = isDefault(identity) ? options.logger : options.logger.child({ namespace: identity.name });
    const documents = documentsOf(identity, store.documents);
    this.identity = identity;
    this.specs = new Specs({ documents, uniqueId });
    const { specs } = this;
    const { hostLists } = options;
    const namespaces = new NamespaceDocuments({ documents, uniqueId });
    const referred = new ReferredDocuments({ namespaces, specs, hostLists });
    this.leader = new Leader({
      store,
      documents,
      namespace: identity,
      name,
      within: options.within,
      clock,
      random,
      uniqueId,
      logger,
      referred,
      snapshotEveryEntries: limits.snapshotEveryEntries,
      measured: (appendMs, entries) => metrics.appended(identity.name, appendMs, entries),
      fatal: (error) => this.#cannotGoOn(error, options),
    });
    const { leader } = this;
    const history = new JobHistory({ log: leader.log, keptEntries: limits.recentEntries });
    const { peers } = options;
    this.vaultFollower = new VaultFollower({
      namespace: identity.number,
      vault,
      offers: peers.offers,
      leader,
      links: peers.links,
      clock,
      logger,
      refilled: ({ job, accepted }) => this.#refilled(job, accepted.specRef, options),
    });
    this.#keeper = new CredentialsKeeper({
      vault,
      follower: this.vaultFollower,
      leader,
      specs,
      clock,
      openable: (kids) => registry.mayOpen(kids),
      refillMs: limits.vaultRefillMs,
    });
    const keeper = this.#keeper;
    this.orders = new NamespaceOrders({
      namespace: identity.number,
      leader,
      registry,
      specs,
      vault,
      keeper,
      clock,
      logger,
      lostAfterMs: limits.workerLostAfterMs,
      lost: options.lost,
    });
    const { orders } = this;
    leader.plansWith({
      workers: () => sharedCapacities(orders.capacities(), options.loadsBeside(identity)),
      due: (state) => keeper.due(state),
      paused: (state) => keeper.paused(state),
    });
    this.#renewal = new TermRenewal({ name, leader, clock, logger, everyMs: limits.renewTermEveryMs });
    const segments = new HistorySegments({ documents, uniqueId });
    this.archive = new Archive({ documents, specs, uniqueId });
    const { archive } = this;
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
    this.#versionSweeper = new VersionSweeper({
      leader,
      namespaces,
      clock,
      logger,
      everyMs: limits.versionSweepEveryMs,
    });
    // Orders first: they are what a job waits for.
    const freeing: LogObserver = {
      appended({ entries }) {
        if (entries.some(({ type }) => freesRoom.has(type))) options.roomFreed(identity);
      },
    };
    leader.observe(orders);
    this.#progress = new JobProgress({ ended: (state) => metrics.jobEnded(identity.name, state) });
    leader.observe(this.#progress);
    leader.observe(freeing);
    leader.observeAlways(history);
    leader.observeAlways(this.vaultFollower);
    for (const observer of [keeper, this.#renewal, this.#archivist, this.#versionSweeper])
      leader.observe(observer);
    this.context = {
      name,
      principal: options.principal,
      namespace: identity.name,
      namespaceNumber: identity.number,
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
      checkNamespace: options.checkNamespace,
      owners: options.owners,
      referred,
      vault,
      peers,
      renewals: new Turns(),
      attachments: options.attachments,
      registry,
      metrics,
    };
  }

  /** Resolves when campaigning has begun. */
  start(): Promise<void> {
    return this.#state.start(() => this.leader.start());
  }

  stop(): Promise<void> {
    return this.#state.stop(async () => {
      await this.#renewal.stop();
      await this.#archivist.stop();
      await this.#versionSweeper.stop();
      this.orders.stop();
      await this.leader.stop();
      await this.vaultFollower.stop();
      this.#keeper.lost();
    });
  }

  /** What the metrics tell of it. */
  figures(): NamespaceFigures {
    return namespaceFigures({
      namespace: this.identity.name,
      leader: this.leader,
      progress: this.#progress,
      paused: (state) => this.#keeper.paused(state),
    });
  }

  /** Another dispatcher had a job's credentials that weren't here: maybe its script isn't, either. */
  #refilled(job: number, specRef: string, { peers, logger }: SharedServices): void {
    this.orders.credentialsBack(job);
    this.leader.wake();
    this.specs
      .get(specRef)
      .then(({ command }) => (command.kind === 'script' ? peers.scripts.fetch(command.sha256) : undefined))
      .catch((error: unknown) => logger.warn({ err: error, job }, 'the script of a job was not looked for'));
  }

  /** A log that can't be read stops its own namespace; everything else stops the dispatcher (served-namespaces.ts, 3). */
  #cannotGoOn(error: Error, { logger, fatal }: SharedServices): void {
    if (isDefault(this.identity) || !(error instanceof StoreError)) fatal(error);
    else logger.error({ namespace: this.identity.name, err: error }, 'the namespace can not be led');
  }
}

/** What ends an attempt, or all that a job may still want. */
const freesRoom: ReadonlySet<LogEntry['type']> = new Set<LogEntry['type']>([
  'host-finished',
  'hosts-refused',
  'job-ended',
]);

function isDefault({ number }: NamespaceIdentity): boolean {
  return number === defaultNamespace.number;
}
