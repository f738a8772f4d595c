import type { Clock } from '@pogo/lifecycle';
import type { Store } from '@pogo/store';
import type { Logger } from 'pino';
import type { AttachmentStore } from '../attachments/attachment-store.js';
import type { JobHistory } from '../events/job-history.js';
import type { HistorySegments } from '../history/history-segments.js';
import type { Archive } from '../jobs/archive.js';
import type { HostLists } from '../jobs/host-names.js';
import type { Specs } from '../jobs/specs.js';
import type { Leader } from '../leader/leader.js';
import type { ReferredDocuments } from '../leader/referred-documents.js';
import type { Metrics } from '../metrics/metrics.js';
import type { HostOwners } from '../namespaces/host-owners.js';
import type { NamespaceCheck } from '../namespaces/namespace-check.js';
import type { NamespaceDocuments } from '../namespaces/namespace-documents.js';
import type { DispatcherPeers } from '../peers/dispatcher-peers.js';
import type { DurationHistory } from '../plans/duration-history.js';
import type { Turns } from '../turns.js';
import type { Vault } from '../vault/vault.js';
import type { WorkerRegistry } from '../workers/worker-registry.js';

/** What the API's handlers work with. */
export interface ApiContext {
  /** Name of this dispatcher. */
  name: string;
  /** Who the holder of the token is. */
  principal: string;
  namespace: string;
  namespaceNumber: number;
  /** How long sealed credentials may be used after sealing, in milliseconds. */
  credentialsLifetimeMs: number;
  /** How long a plan waits for a first worker, in milliseconds. */
  workerWaitMs: number;
  clock: Clock;
  logger: Logger;
  store: Store;
  leader: Leader;
  history: JobHistory;
  segments: HistorySegments;
  archive: Archive;
  durations: DurationHistory;
  hostLists: HostLists;
  specs: Specs;
  namespaces: NamespaceDocuments;
  checkNamespace: NamespaceCheck;
  owners: HostOwners;
  referred: ReferredDocuments;
  vault: Vault;
  /** The other dispatchers. */
  peers: Pick<DispatcherPeers, 'credentials' | 'scripts'>;
  attachments: AttachmentStore;
  /** For verbs that bring credentials, by job. */
  renewals: Turns;
  registry: WorkerRegistry;
  metrics: Metrics;
}
