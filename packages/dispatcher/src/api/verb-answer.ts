/** What verbs about one job answer. */
import {
  formatJobId,
  type HoldDecision,
  type ResolveDecision,
  type ResumeDecision,
  toHostSet,
} from '@pogo/core';
import { type VerbResponse, verbResponseSchema } from '@pogo/protocol';
import type { ActOutcome } from '../jobs/act-on-job.js';
import { findJob } from '../jobs/find-job.js';
import type { HostList } from '../jobs/host-names.js';
import { versionedJob } from '../jobs/job-documents.js';
import type { LimitsOutcome } from '../jobs/resolve-limits.js';
import { type Answer, problem, storeUnavailable } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { jobAnswer, jobChanged } from './if-match.js';
import { lookupProblem, unknownJob } from './job-parameters.js';
import type { ResponseDocumentation } from './route.js';
import { targetProblem } from './target-problem.js';

/** Every refusal that some verb has. */
export type Refusal = Exclude<
  ResolveDecision | ResumeDecision | HoldDecision | InvalidLimit,
  { kind: 'decided' }
>;

type InvalidLimit = Extract<LimitsOutcome, { kind: 'invalid-limit' }>;

export const verbResponses: Readonly<Record<number, ResponseDocumentation>> = {
  202: { description: 'Decided, and durable', schema: verbResponseSchema },
  ...problemResponses(400, 401, 404, 409, 412, 413, 422, 503),
};

export async function verbAnswer(
  context: ApiContext,
  { id, hosts }: { id: string; hosts?: string | undefined },
  outcome: ActOutcome<Refusal>,
): Promise<Answer> {
  switch (outcome.kind) {
    case 'done': {
      const { job, affected, affectedHosts } = outcome;
      const found = await findJob(context, formatJobId(job), versionedJob);
      if (found.kind !== 'live') return storeUnavailable(context.leader);
      const response: VerbResponse = { job: found.value.document, affected, affectedHosts };
      return jobAnswer(found.value, 202, response);
    }
    case 'refused':
      return refusalAnswer(outcome.refusal, outcome.hosts);
    case 'changed':
      return jobChanged(outcome.current);
    case 'unknown':
      return unknownJob(id);
    case 'lost':
      return lookupProblem(outcome, id, context.leader);
    case 'archived':
      return problem(
        'job-ended',
        'The job ended long ago and was archived, so nothing of it changes any more: submit it anew.',
      );
    case 'target-error':
      return targetProblem(hosts ?? '', outcome.error);
    case 'unknown-hosts':
      return problem(
        'unknown-host',
        `hosts: the job has no ${outcome.hosts}: name hosts as GET /v1/jobs/${id}/hosts does.`,
        { errors: [{ path: 'hosts', message: outcome.hosts }] },
      );
    case 'recipients-changed':
      return problem(
        'recipients-changed',
        `The credentials are sealed for keys that no worker here has (${outcome.unknown.join(', ')}): seal for the recipients of GET /v1/jobs/${id}/spec.`,
      );
    case 'digest-mismatch':
      return problem(
        'digest-mismatch',
        `The credentials are not sealed over the digest of this job's spec, which is ${outcome.expected}.`,
      );
  }
}

function refusalAnswer(refusal: Refusal, names: HostList): Answer {
  const about = (hosts: readonly number[]) => {
    const folded = names.fold(toHostSet(hosts));
    return { folded, extras: { errors: [{ path: 'hosts', message: folded }] } };
  };
  switch (refusal.kind) {
    case 'nothing-to-do':
      return problem(
        'nothing-to-do',
        'No host of the job, or none of those named, is in a state that this applies to.',
      );
    case 'job-ended':
      return problem('job-ended', 'The job has ended: retry and resolve open it again.');
    case 'halting':
      return problem('job-running', 'The job is being halted: try again when it has ended.');
    case 'job-running':
      return problem(
        'job-running',
        'The job is not held, and waits neither for credentials nor for a step of its ramp to be confirmed, so there is nothing to resume.',
      );
    case 'credentials-needed':
      return problem(
        'credentials-needed',
        "Nobody holds the job's credentials any more, or workers are connected that can't open them: send some with the request, sealed over its digest for the recipients that GET its spec names.",
      );
    case 'no-worker':
      return problem(
        'no-worker',
        'No worker is connected that reaches the hosts and can open the credentials: start one, or wait.',
        {
          headers: { 'retry-after': '2' },
        },
      );
    case 'worker-may-return': {
      const { folded, extras } = about(refusal.hosts);
      return problem(
        'worker-may-return',
        `${folded}: the worker that had the order may come back, and carry it out yet. Wait for it; or, if it is gone for good, retry the hosts with "fence": true.`,
        extras,
      );
    }
    case 'invalid-limit': {
      const path = `limits.${refusal.member}`;
      return problem('invalid-request', `${path}: ${refusal.message}.`, {
        errors: [{ path, message: refusal.message }],
      });
    }
    case 'host-not-unknown': {
      const { folded, extras } = about(refusal.hosts);
      return problem('host-not-unknown', `${folded}: what became of the command is known already.`, extras);
    }
  }
}
