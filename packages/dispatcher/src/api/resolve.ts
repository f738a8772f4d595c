/** `POST /v1/jobs/:id/resolve`: hosts of unknown outcome are asked what became of their command. */
import { type ClusterState, decideResolve, hasJournalOf, type JobRecord } from '@pogo/core';
import { resolveRequestSchema } from '@pogo/protocol';
import { actOnJob } from '../jobs/act-on-job.js';
import type { WorkerRegistry } from '../workers/worker-registry.js';
import type { ApiContext } from './context.js';
import { firstWorker } from './first-worker.js';
import { ifMatchHeaders, readIfMatch } from './if-match.js';
import { jobParams } from './job-parameters.js';
import { credentialsBytes } from './jobs.js';
import { type Route, route } from './route.js';
import { verbAnswer, verbResponses } from './verb-answer.js';

export function resolveRoutes(context: ApiContext): Route[] {
  return [
    route({
      method: 'POST',
      url: '/v1/jobs/:id/resolve',
      namespaceBy: 'job',
      summary: 'Ask hosts of unknown outcome what became of their command',
      description:
        'Evidence replaces `unknown`; a host that can not tell stays unknown, and says why in `unsettled`. Opens an ended job again until the answers are in; its credentials have to come along when nobody holds them any more.',
      params: jobParams,
      headers: ifMatchHeaders,
      body: resolveRequestSchema,
      bodyLimitBytes: credentialsBytes,
      responses: verbResponses,
      async handle({ params: { id }, body: { hosts, credentials }, headers, signal }) {
        const match = readIfMatch(headers);
        if (!match.ok) return match.problem;
        const by = context.principal;
        await firstWorker(context, signal);
        const outcome = await actOnJob(
          context,
          { id, hosts, credentials, versions: match.versions },
          (job, input, state) => {
            const { credentials: atHand } = input;
            const kids = atHand.kind === 'given' ? atHand.recipients : job.recipients;
            const workerFor = askers(context.registry, state, job, kids);
            return decideResolve(job, { ...input, by, workerFor });
          },
        );
        return verbAnswer(context, { id, hosts }, outcome);
      },
    }),
  ];
}

/**
 * Who asks about a host: the worker that had the order, if it still has its journal, or else whoever reaches the host and can
 * open the credentials (E2), taking turns.
 */
function askers(
  registry: WorkerRegistry,
  state: ClusterState,
  job: JobRecord,
  kids: readonly string[],
): (host: number) => string | undefined {
  const able = registry.all().filter(({ name }) => registry.canOpen(name, kids));
  const byPool = new Map<string | undefined, string[]>();
  let turn = 0;
  return (host) => {
    const { worker, index } = job.hosts[host]!;
    const isAble = able.some(({ name }) => name === worker);
    if (worker !== undefined && isAble && hasJournalOf(state, worker, index)) return worker;
    const pool = poolOf(state, job, host);
    let others = byPool.get(pool);
    if (others === undefined) {
      const reaching = able.filter(({ pools }) => pool === undefined || pools.includes(pool));
      byPool.set(pool, (others = reaching.map(({ name }) => name)));
    }
    return others.length === 0 ? undefined : others[turn++ % others.length];
  };
}

/** Undefined where any worker reaches the host. */
function poolOf({ constraints }: ClusterState, { placement }: JobRecord, host: number): string | undefined {
  const member = placement?.members[host] ?? -1;
  return member < 0 ? undefined : constraints.namespace?.poolOf(member);
}
