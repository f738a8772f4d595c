import type { Clock } from '@pogo/lifecycle';
import type { Store } from '@pogo/store';
import type { AttachmentStore } from '../attachments/attachment-store.js';
import type { DispatcherLimits } from '../dispatcher-limits.js';
import type { Metrics } from '../metrics/metrics.js';
import type { ServedNamespaces } from '../namespaces/served-namespaces.js';
import type { ProcessUsage } from '../metrics/process-usage.js';
import type { DispatcherPeers } from '../peers/dispatcher-peers.js';
import type { Vault } from '../vault/vault.js';
import type { WorkerRegistry } from '../workers/worker-registry.js';
import { attachmentRoutes } from './attachments.js';
import { healthRoutes } from './health.js';
import type { LeaderAnswers } from './leader-answers.js';
import { namespaceListRoutes } from './namespace-list.js';
import { pingRoutes } from './ping.js';
import type { Route } from './route.js';
import { workerRoutes } from './workers.js';

/** What the handlers of routes work with that are about no namespace of their own. */
export interface InstanceContext {
  /** Name of this dispatcher. */
  name: string;
  /** Who the holder of the token is. */
  principal: string;
  limits: Pick<DispatcherLimits, 'workerLostAfterMs'>;
  clock: Clock;
  store: Store;
  served: ServedNamespaces;
  attachments: AttachmentStore;
  peers: Pick<DispatcherPeers, 'links' | 'scripts'>;
  registry: WorkerRegistry;
  metrics: Metrics;
  vault: Vault;
  /** Of this process; absent where nobody can tell. */
  processUsage?: (() => ProcessUsage) | undefined;
  leaders: LeaderAnswers;
}

/** Every route that is about the whole instance, `/openapi.json` excepted, which describes them. */
export function instanceRoutes(context: InstanceContext): Route[] {
  return [
    // Where the job that comes after it is accepted.
    ...attachmentRoutes(context).map((route) => ledRoute(context, route)),
    ...namespaceListRoutes(context),
    ...pingRoutes(context),
    ...workerRoutes(context),
    ...healthRoutes(context),
  ];
}

/** Served by who leads `default`. */
function ledRoute({ leaders, served }: InstanceContext, route: Route): Route {
  return {
    ...route,
    async serve(request, signal) {
      const elsewhere = await leaders.fromElsewhere(served.default.leader, request, signal);
      return elsewhere ?? route.serve(request, signal);
    },
  };
}
