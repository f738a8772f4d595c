/** `POST /v1/plans`: what would run, and for whom to seal. Changes nothing. */
import {
  planRequestSchema,
  type PlanResponse,
  planResponseSchema,
  specDigest,
  specLimits,
} from '@pogo/protocol';
import { resolveRequest } from '../jobs/resolve-request.js';
import { document, problem, storeUnavailable } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { firstWorker } from './first-worker.js';
import { type Route, route } from './route.js';
import { targetProblem, unknownHosts } from './target-problem.js';

/** How long a plan waits for a dispatcher that has just started, in milliseconds. */
const leaderWaitMs = 5000;

export function planRoutes(context: ApiContext): Route[] {
  return [
    route({
      method: 'POST',
      url: '/v1/plans',
      summary: 'Resolve a request into the spec that would run',
      description:
        'Expands the targets, resolves percentages, and names the workers to seal credentials for. Check the spec against what you asked for, seal over its digest, and submit it.',
      body: planRequestSchema,
      bodyLimitBytes: specLimits.maxBytes,
      responses: {
        200: { description: 'The resolved spec', schema: planResponseSchema },
        ...problemResponses(400, 401, 413, 503),
      },
      async handle({ body, signal }) {
        const { namespace, registry, hostLists } = context;
        if (body.namespace !== namespace) {
          const message = `there is no namespace ${body.namespace} here, only ${namespace}`;
          return problem('invalid-request', `namespace: ${message}.`, {
            errors: [{ path: 'namespace', message }],
          });
        }
        await context.leader.soon(leaderWaitMs, signal);
        const present = await context.leader.read(({ constraints }) => constraints.namespace);
        if (present.kind === 'lost') return storeUnavailable(context.leader);
        const outcome = resolveRequest(body, {
          namespace: present.answer,
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
        await firstWorker(context, signal);
        const recipients = registry.recipients();
        if (recipients.length === 0) {
          return problem(
            'no-worker',
            'No worker is connected, so nobody could run the job: start a worker, or see its log for why it does not connect.',
            { headers: { 'retry-after': '2' } },
          );
        }
        hostLists.remember(spec.targets, hosts);
        const room = registry.capacities().reduce((sum, { capacity }) => sum + capacity, 0);
        const count = hosts.hosts.length;
        const firstWaveHosts = Math.min(count, limits.concurrent ?? count, Math.max(1, room));
        const response: PlanResponse = {
          spec,
          digest: specDigest(spec),
          limits,
          hosts: count,
          order: {
            firstWave: hosts.fold([[0, firstWaveHosts - 1]]),
            firstWaveHosts,
            remainingHosts: count - firstWaveHosts,
          },
          warnings,
          recipients,
        };
        return document(response);
      },
    }),
  ];
}
