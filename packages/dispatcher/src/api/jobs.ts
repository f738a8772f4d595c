/** `POST /v1/jobs`, `GET /v1/jobs`, `GET /v1/jobs/:id`. */
import { formatJobId, type JobState, jobStates, parseJobId } from '@pogo/core';
import { type JobDocument, jobListSchema, jobSchema, specLimits, submitRequestSchema } from '@pogo/protocol';
import * as z from 'zod';
import { findJob } from '../jobs/find-job.js';
import { jobDocument, versionedJob } from '../jobs/job-documents.js';
import { submitJob } from '../jobs/submit-job.js';
import { type Answer, document, problem, storeUnavailable } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { jobAnswer } from './if-match.js';
import { jobParams, lookupProblem } from './job-parameters.js';
import { type Route, route } from './route.js';
import { foreignHostsProblem, targetProblem, unknownHosts } from './target-problem.js';

const maxKeyLength = 255;
/** Room for the credentials beside a spec of full size, in bytes. */
export const credentialsBytes = 4 * 1024 * 1024;
/** Archived jobs that one request looks at. */
const scannedArchives = 500;

export function jobRoutes(context: ApiContext): Route[] {
  return [
    route({
      method: 'POST',
      url: '/v1/jobs',
      namespaceBy: 'spec',
      summary: 'Submit a job',
      description:
        'Accepted means durable. Repeating it with the same key and spec gives the same job, also after an answer was lost; the key is remembered until the job has ended and a while longer.',
      headers: z.object({ 'idempotency-key': z.string().min(1).max(maxKeyLength) }),
      body: submitRequestSchema,
      bodyLimitBytes: specLimits.maxBytes + credentialsBytes,
      responses: {
        202: { description: 'Accepted; `Location` has its path', schema: jobSchema },
        ...problemResponses(400, 401, 403, 409, 413, 422, 503),
      },
      async handle({ body, headers }) {
        const key = headers['idempotency-key'];
        if (typeof key !== 'string' || !/^[\x21-\x7e]+$/.test(key) || key.length > maxKeyLength) {
          return problem(
            'idempotency-key-missing',
            `Send an Idempotency-Key header of 1 to ${maxKeyLength} printable characters, such as a UUID, and the same one when you repeat the request.`,
          );
        }
        return submitAnswer(context, body.spec.targets, await submitJob(context, key, body));
      },
    }),
    route({
      method: 'GET',
      url: '/v1/jobs',
      namespaceBy: 'list',
      summary: 'List jobs, newest first',
      description:
        'Of all namespaces, or of one. A page may be shorter than `limit` though there are more: go on while there is a `nextCursor`.',
      query: z.strictObject({
        // One position for each of a hundred namespaces, at most.
        cursor: z.string().max(1300).optional().describe('`nextCursor` of the page before'),
        state: z.enum(jobStates).optional(),
        limit: z.coerce.number().int().min(1).max(1000).default(100),
      }),
      responses: {
        200: { description: 'One page', schema: jobListSchema },
        ...problemResponses(400, 401, 503),
      },
      async handle({ query }) {
        const before = query.cursor === undefined ? Infinity : parseJobId(query.cursor);
        if (before === undefined) return invalidCursor();
        return listJobs(context, { before, state: query.state, limit: query.limit });
      },
    }),
    route({
      method: 'GET',
      url: '/v1/jobs/:id',
      namespaceBy: 'job',
      summary: 'One job',
      description: 'Its `ETag` names its version, for `If-Match` of what is asked of it next.',
      params: jobParams,
      responses: { 200: { description: 'The job', schema: jobSchema }, ...problemResponses(401, 404, 503) },
      async handle({ params }) {
        const found = await findJob(context, params.id, versionedJob);
        if (found.kind === 'live') return jobAnswer(found.value);
        return found.kind === 'archived'
          ? jobAnswer({ document: found.archived.document, version: found.archived.lastIndex })
          : lookupProblem(found, params.id, context.leader);
      },
    }),
  ];
}

export function invalidCursor(): Answer {
  return problem('invalid-request', 'query.cursor: not the cursor of a page before.', {
    errors: [{ path: 'query.cursor', message: 'not the cursor of a page before' }],
  });
}

async function submitAnswer(
  context: ApiContext,
  targets: string,
  outcome: Awaited<ReturnType<typeof submitJob>>,
): Promise<Answer> {
  const invalid = (path: string, message: string) =>
    problem('invalid-request', `${path}: ${message}.`, { errors: [{ path, message }] });
  switch (outcome.kind) {
    case 'accepted':
    case 'known': {
      const id = formatJobId(outcome.job);
      const found = await findJob(context, id, jobDocument);
      if (found.kind === 'unknown' || found.kind === 'lost') return storeUnavailable(context.leader);
      const job = found.kind === 'live' ? found.value : found.archived.document;
      return document(job, 202, { location: `/v1/jobs/${id}` });
    }
    case 'mismatch':
      return problem(
        'idempotency-mismatch',
        `This Idempotency-Key was used for ${formatJobId(outcome.job)}, which is another job: use a new key for a new job.`,
      );
    case 'digest-mismatch':
      return problem(
        'digest-mismatch',
        `The digest is not that of the spec, which is ${outcome.expected}: submit the spec of the plan unchanged.`,
      );
    case 'foreign-submitter':
      return problem('forbidden', 'spec.submitter is somebody else: submit the spec of your own plan.');
    case 'lifetime-too-long':
      return invalid('spec.lifetimeMs', `at most ${context.credentialsLifetimeMs} are allowed here`);
    case 'target-error':
      return targetProblem(targets, outcome.error);
    case 'no-targets':
      return invalid('spec.targets', 'no host is left');
    case 'unknown-hosts':
      return unknownHosts(context.namespace, outcome.hosts);
    case 'foreign-hosts':
      return foreignHostsProblem(context.namespace, outcome.foreign);
    case 'same-host': {
      const [one, other] = outcome.hosts;
      return invalid('spec.targets', `${one} and ${other} are one host: plan again`);
    }
    case 'recipients-changed':
      return problem(
        'recipients-changed',
        `The credentials are sealed for keys that no worker here has (${outcome.unknown.join(', ')}): plan again, and seal for its recipients.`,
      );
    case 'attachment-missing':
      return problem(
        'attachment-missing',
        `The script that the job refers to isn't here whole: PUT /v1/attachments/${outcome.sha256} first.`,
      );
    case 'numbers-used-up':
      return problem(
        'numbers-used-up',
        `Namespace ${context.namespace} has had as many jobs as there are numbers for: go on in another namespace.`,
      );
    case 'lost':
      return storeUnavailable(context.leader);
  }
}

async function listJobs(
  { leader, archive }: ApiContext,
  { before, state: wanted, limit }: { before: number; state: JobState | undefined; limit: number },
): Promise<Answer> {
  const live = await leader.view((state) => {
    const numbers = [...state.jobs.keys()].filter((job) => job < before).sort((a, b) => b - a);
    // Archived ones come between them, so that a page needs no more of these.
    const documents = new Map<number, JobDocument>();
    for (const job of numbers) {
      const record = state.jobs.get(job)!;
      if (wanted === undefined || record.state === wanted) documents.set(job, jobDocument(record, state));
      if (documents.size === limit) break;
    }
    return { numbers: new Set(numbers), documents };
  });
  if (live.kind === 'lost') return storeUnavailable(leader);
  const archived = (await archive.list()).filter((job) => job < before && !live.answer.numbers.has(job));
  const numbers = [...live.answer.numbers, ...archived].sort((a, b) => b - a);
  const jobs: JobDocument[] = [];
  let scanned = 0;
  for (const [at, job] of numbers.entries()) {
    const isLive = live.answer.numbers.has(job);
    if (!isLive) scanned++;
    const found = isLive ? live.answer.documents.get(job) : (await archive.get(job))?.document;
    if (found !== undefined && (wanted === undefined || found.state === wanted)) jobs.push(found);
    if ((jobs.length === limit || scanned === scannedArchives) && at < numbers.length - 1) {
      return document({ jobs, nextCursor: formatJobId(job) });
    }
  }
  return document({ jobs });
}
