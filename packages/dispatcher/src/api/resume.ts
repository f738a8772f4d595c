/** `GET /v1/jobs/:id/spec` and `POST /v1/jobs/:id/resume`: a job that needs credentials gets them (V5). */
import { type ClusterState, decideResume, explainJob, type JobRecord } from '@pogo/core';
import { type JobSpec, jobSpecSchema, resumeRequestSchema } from '@pogo/protocol';
import { actOnJob } from '../jobs/act-on-job.js';
import { unstartedHosts } from '../jobs/unstarted-hosts.js';
import { viewJob } from '../jobs/job-view.js';
import { poolHosts } from '../namespaces/pool-hosts.js';
import type { WorkerRegistry } from '../workers/worker-registry.js';
import { document, storeUnavailable } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { firstWorker } from './first-worker.js';
import { ifMatchHeaders, readIfMatch } from './if-match.js';
import { jobParams, lookupProblem } from './job-parameters.js';
import { credentialsBytes } from './jobs.js';
import { type Route, route } from './route.js';
import { verbAnswer, verbResponses } from './verb-answer.js';

export function resumeRoutes(context: ApiContext): Route[] {
  const by = context.principal;
  return [
    route({
      method: 'GET',
      url: '/v1/jobs/:id/spec',
      namespaceBy: 'job',
      summary: "A job's resolved spec, and who could run it now",
      description: 'What credentials are sealed over, and for whom, when a job asks for them again.',
      params: jobParams,
      responses: {
        200: { description: 'The spec', schema: jobSpecSchema },
        ...problemResponses(401, 404, 503),
      },
      async handle({ params, signal }) {
        const viewed = await viewJob(context, params.id);
        if (viewed.kind !== 'found') return lookupProblem(viewed, params.id, context.leader);
        await firstWorker(context, signal);
        const { spec, digest, hosts } = viewed.view;
        const inForce = await context.leader.read(({ constraints }) => ({
          namespace: constraints.namespace,
        }));
        if (inForce.kind === 'lost') return storeUnavailable(context.leader);
        const pools = poolHosts(inForce.answer.namespace, hosts.hosts).keys();
        const response: JobSpec = { spec, digest, recipients: context.registry.recipients(pools) };
        return document(response);
      },
    }),
    route({
      method: 'POST',
      url: '/v1/jobs/:id/resume',
      namespaceBy: 'job',
      summary: 'Let a job go on that waits for a person',
      description:
        'Lifts a hold, and takes credentials where the job needs them, or where workers are connected for hosts that wait and can not open those that it has. Where neither stood in its way, confirms the step of its ramp that is over: the next begins.',
      params: jobParams,
      headers: ifMatchHeaders,
      body: resumeRequestSchema,
      bodyLimitBytes: credentialsBytes,
      responses: verbResponses,
      async handle({ params: { id }, body: { credentials }, headers }) {
        const match = readIfMatch(headers);
        if (!match.ok) return match.problem;
        const outcome = await actOnJob(
          context,
          { id, credentials, versions: match.versions },
          (job, { credentials: atHand }, state) => {
            const isSealedForTooFew = sealedForTooFew(state, job, context.registry);
            const decision = decideResume(job, { by, credentials: atHand, isSealedForTooFew });
            if (decision.kind !== 'decided') return decision;
            // Which hosts a step of a ramp takes is seen when they start.
            if (decision.entries.some(({ type }) => type === 'ramp-confirmed'))
              return { ...decision, hosts: [] };
            return { ...decision, hosts: unstartedHosts(job) };
          },
        );
        return verbAnswer(context, { id }, outcome);
      },
    }),
  ];
}

/** Whether a worker that reaches hosts of the job that wait can't open its credentials (V3). Looks at every host. */
function sealedForTooFew(state: ClusterState, job: JobRecord, registry: WorkerRegistry): boolean {
  const pools = new Set(explainJob(state, job).map(({ pool }) => pool));
  return [...pools].some((pool) => {
    const { connected, able } = registry.inPool(pool, job.recipients);
    return able < connected;
  });
}
