/** `POST /v1/plans`: what would run, in which order, and for whom to seal. Changes nothing. */
import { type ForecastResult, hostCount, unionOf } from '@pogo/core';
import {
  planRequestSchema,
  type PlanResponse,
  planResponseSchema,
  specDigest,
  specLimits,
} from '@pogo/protocol';
import * as z from 'zod';
import type { HostList } from '../jobs/host-names.js';
import { limitsDocument } from '../jobs/job-documents.js';
import { resolveRequest } from '../jobs/resolve-request.js';
import { poolHosts, unreachedPools } from '../namespaces/pool-hosts.js';
import { estimatePlan, forecastPlan } from '../plans/forecast-plan.js';
import { planBasis } from '../plans/plan-basis.js';
import { forecastWarnings, namespaceWarnings, timeoutWarnings } from '../plans/plan-warnings.js';
import { restBetween } from '../plans/run-forecast.js';
import { type Answer, document, problem, storeUnavailable } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { firstWorker } from './first-worker.js';
import { booleanQuery, type Route, route } from './route.js';
import { strangersElsewhere } from '../namespaces/host-owners.js';
import { foreignHostsProblem, targetProblem, unknownHosts } from './target-problem.js';

/** How long a plan waits for a dispatcher that has just started, in milliseconds. */
const leaderWaitMs = 5000;

export function planRoutes(context: ApiContext): Route[] {
  return [
    route({
      method: 'POST',
      url: '/v1/plans',
      namespaceBy: 'body',
      summary: 'Resolve a request into the spec that would run, and tell what it would do',
      description:
        'Expands the targets, resolves percentages, and names the workers to seal credentials for. Check the spec against what you asked for, seal over its digest, and submit it. With `?forecast` the answer tells which hosts start together, what holds the others back, and how long it takes; it comes without a worker, too.',
      query: z.strictObject({ forecast: booleanQuery }),
      body: planRequestSchema,
      bodyLimitBytes: specLimits.maxBytes,
      responses: {
        200: { description: 'The resolved spec', schema: planResponseSchema },
        ...problemResponses(400, 401, 413, 503),
      },
      async handle({ body, query, signal }) {
        const { namespace, registry, hostLists } = context;
        await context.leader.soon(leaderWaitMs, signal);
        const present = await context.leader.read(({ constraints: { version, namespace: inForce } }) => ({
          version,
          namespace: inForce,
        }));
        if (present.kind === 'lost') return storeUnavailable(context.leader);
        const outcome = resolveRequest(body, {
          namespace: present.answer.namespace,
          submitter: context.principal,
          lifetimeMs: context.credentialsLifetimeMs,
        });
        switch (outcome.kind) {
          case 'target-error':
            return targetProblem(body.targets, outcome.error);
          case 'no-targets':
            return problem('invalid-target', 'The target expression leaves no host at all.', {
              errors: [{ path: 'targets', message: 'no host is left' }],
            });
          case 'unknown-hosts':
            return unknownHosts(namespace, outcome.hosts);
          case 'invalid-limit':
            return problem('invalid-request', `limits.${outcome.member}: ${outcome.message}.`, {
              errors: [{ path: `limits.${outcome.member}`, message: outcome.message }],
            });
          case 'resolved':
            break;
        }
        const { spec, limits, hosts, warnings } = outcome.resolution;
        const rest = () => restBetween(hosts.hosts.length, context.clock, signal);
        await rest();
        const elsewhere = await strangersElsewhere(context, present.answer.namespace, hosts.hosts);
        if (elsewhere.kind === 'lost') return storeUnavailable(elsewhere.leader);
        if (elsewhere.foreign.size > 0) return foreignHostsProblem(namespace, elsewhere.foreign);
        await firstWorker(context, signal);
        const pools = poolHosts(present.answer.namespace, hosts.hosts);
        const isAnyHere = registry.recipients().length > 0;
        if (isAnyHere) warnings.push(...unreachedPools(pools, (pool) => registry.inPool(pool, []).connected));
        const recipients = registry.recipients(pools.keys());
        if (recipients.length === 0 && !query.forecast) return noWorker(isAnyHere ? [...pools.keys()] : []);
        hostLists.remember(spec.targets, hosts);
        const common = {
          spec,
          digest: specDigest(spec),
          limits: limitsDocument(limits),
          hosts: hosts.hosts.length,
          basis: planBasis(present.answer, hosts),
          recipients,
        };
        await rest();
        const job = { spec, limits, hosts };
        if (!query.forecast) {
          const estimate = await estimatePlan(context, job, signal);
          if (estimate === undefined) return storeUnavailable(context.leader);
          return document({ ...common, estimate, warnings } satisfies PlanResponse);
        }
        const planned = await forecastPlan(context, job, signal);
        if (planned === undefined) return storeUnavailable(context.leader);
        const { estimate, forecast, result } = planned;
        const response: PlanResponse = {
          ...common,
          estimate,
          order: orderOf(result, hosts),
          forecast,
          warnings: [
            ...warnings,
            ...namespaceWarnings(present.answer.namespace, common.basis, hosts),
            ...forecastWarnings(forecast),
            ...timeoutWarnings(estimate, limits.jobTimeoutMs),
            ...(!isAnyHere ? ['no worker is connected, so nobody could run the job just now'] : []),
          ],
        };
        return document(response);
      },
    }),
  ];
}

/** @param pools that all hosts are in, where workers are connected that don't reach them */
function noWorker(pools: readonly (string | undefined)[]): Answer {
  const detail =
    pools.length === 0
      ? 'No worker is connected, so nobody could run the job: start a worker, or see its log for why it does not connect.'
      : `No worker of pool ${pools.join(', ')} is connected, and only such reach the hosts: start one whose configuration names the pool.`;
  return problem('no-worker', detail, { headers: { 'retry-after': '2' } });
}

/** The hosts that would start at once, and how many would not. */
function orderOf({ waves }: ForecastResult, hosts: HostList): NonNullable<PlanResponse['order']> {
  const first = waves[0]?.atMs === 0 ? waves[0].starts : [];
  const set = unionOf(first.map((start) => start.hosts));
  const firstWaveHosts = hostCount(set);
  return {
    firstWave: firstWaveHosts === 0 ? '' : hosts.fold(set),
    firstWaveHosts,
    remainingHosts: hosts.hosts.length - firstWaveHosts,
  };
}
