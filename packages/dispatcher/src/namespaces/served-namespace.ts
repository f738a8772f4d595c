/**
 * One namespace as a dispatcher serves it: its log and who leads it, what is stored for it, what goes on in the background
 * while it is led, and the routes that ask about it. What belongs to the whole process comes from outside.
 */
import type { Clock } from '@pogo/lifecycle';
import { type Service, ServiceState } from '@pogo/lifecycle';
import type { Documents, Store } from '@pogo/store';
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
import type { Metrics } from '../metrics.js';
import { DurationHistory } from '../plans/duration-history.js';
import { CredentialsKeeper } from '../vault/credentials-keeper.js';
import type { Vault } from '../vault/vault.js';
import type { WorkerRegistry } from '../workers/worker-registry.js';
import type { NamespaceCheck } from './namespace-check.js';
import { NamespaceDocuments } from './namespace-documents.js';
import { VersionSweeper } from './version-sweeper.js';

/** What a namespace is called, and the number that its jobs' numbers begin with. */
export interface NamespaceIdentity {
  readonly name: string;
  readonly number: number;
}

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
  hostLists: HostLists;
  attachments: AttachmentStore;
  checkNamespace: NamespaceCheck;
  /** It can't go on, and should be stopped. */
  fatal: (error: Error) => void;
}

/** What those who hand its orders to workers look at. */
export interface OrderSource {
  leader: Leader;
  specs: Specs;
  keeper: CredentialsKeeper;
}

export interface ServedNamespaceOptions extends SharedServices {
  identity: NamespaceIdentity;
  /** Those of the namespace. */
  documents: Documents;
  /** Who hands its orders to workers; hears of a batch before anybody else, since orders are what a job waits for. */
  orders: (source: OrderSource) => LogObserver;
}

export class ServedNamespace implements Service {
  readonly identity: NamespaceIdentity;
  readonly leader: Leader;
  readonly specs: Specs;
  readonly archive: Archive;
  readonly keeper: CredentialsKeeper;
  /** What the handlers of its routes work with. */
  readonly context: ApiContext;
  readonly #state = new ServiceState();
  readonly #renewal: TermRenewal;
  readonly #archivist: JobArchivist;
  readonly #versionSweeper: VersionSweeper;

  constructor(options: ServedNamespaceOptions) {
    const { identity, documents, limits, name, store, clock, random, uniqueId, metrics, registry } = options;
    const logger = options.logger;
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
    const history = new JobHistory({ log: leader.log, keptEntries: limits.recentEntries });
    this.keeper = new CredentialsKeeper({
      vault: options.vault,
      leader,
      specs,
      clock,
      openable: (kids) => registry.mayOpen(kids),
      refillMs: limits.vaultRefillMs,
    });
    const { keeper } = this;
    leader.plansWith({
      workers: () => registry.capacities(),
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
    leader.observe(options.orders({ leader, specs, keeper }));
    for (const observer of [history, keeper, this.#renewal, this.#archivist, this.#versionSweeper])
      leader.observe(observer);
    this.context = {
      name,
      principal: options.principal,
      namespace: identity.name,
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
      referred,
      vault: options.vault,
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
      await this.leader.stop();
      this.keeper.lost();
    });
  }
}
