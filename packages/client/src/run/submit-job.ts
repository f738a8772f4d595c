/** Plan → verify → seal → submit, as named steps; each refusal comes before anything secret leaves (security.md). */
import type { Target } from '@pogo/core';
import { backoffDelayMs, type Clock, delay } from '@pogo/lifecycle';
import type { JobDocument, JobRequest, SubmitRequest } from '@pogo/protocol';
import type { Dispatcher } from '../api/dispatcher.js';
import type { PlanAnswer } from '../api/plan-answer.js';
import type { Credentials } from '../credentials/credentials.js';
import { failed, type Result, success } from '../failure.js';
import { type VerifiedPlan, verifyPlan } from './verify-spec.js';

export interface SubmitOptions {
  readonly dispatcher: Dispatcher;
  /** PEM of the pinned root. */
  readonly sealingRoot: string;
  readonly clock: Clock;
  readonly random: () => number;
  uniqueId(): string;
  /** Told what the dispatcher changed or warns of, once. */
  notice(text: string): void;
}

export interface JobToSubmit {
  readonly request: JobRequest;
  readonly targets: readonly Target[];
  readonly credentials: Credentials;
}

/** Workers may come and go between plan and submission; then it is planned and sealed anew. */
const maxPlans = 3;

export async function submitJob(job: JobToSubmit, options: SubmitOptions): Promise<Result<JobDocument>> {
  const told = new Set<string>();
  for (let planned = 1; ; planned++) {
    const plan = await resolveJob(job, options.dispatcher);
    if (!plan.ok) return plan;
    for (const notice of plan.value.notices) {
      if (!told.has(notice)) options.notice(notice);
      told.add(notice);
    }
    // For following the job: opens while the credentials are sealed.
    if (planned === 1) options.dispatcher.warm();
    const sealed = await sealFor(plan.value, job.credentials, options);
    if (!sealed.ok) return sealed;
    const submitted = await post(sealed.value, options);
    if (!submitted.ok && submitted.failure.code === 'recipients-changed' && planned < maxPlans) continue;
    return submitted;
  }
}

interface ResolvedJob extends VerifiedPlan {
  readonly plan: PlanAnswer;
}

/** The plan, verified against what was asked. */
async function resolveJob(
  { request, targets }: Pick<JobToSubmit, 'request' | 'targets'>,
  dispatcher: Dispatcher,
): Promise<Result<ResolvedJob>> {
  // What seals is loaded while the answer is under way.
  const plan = await dispatcher.resolve(request, () => void import('../credentials/seal.js'));
  if (!plan.ok) return plan;
  const verified = verifyPlan(plan.value, request, targets);
  return verified.ok ? success({ ...verified.value, plan: plan.value }) : verified;
}

async function sealFor(
  { plan, spec }: ResolvedJob,
  credentials: Credentials,
  { sealingRoot, clock }: SubmitOptions,
): Promise<Result<SubmitRequest>> {
  const { sealCredentials } = await import('../credentials/seal.js');
  const { digest, limits, recipients } = plan;
  const sealed = await sealCredentials({
    credentials,
    digest,
    lifetimeMs: spec.lifetimeMs,
    recipients,
    sealingRoot,
    nowMs: clock.wallMs(),
  });
  return sealed.ok ? success({ spec, digest, limits, credentials: sealed.value }) : sealed;
}

const tries = 6;
const backoff = { firstMs: 200, maxMs: 4000 };

/** Posts the job; a broken connection is tried again with the same key, which can't make a second job. */
async function post(
  request: SubmitRequest,
  { dispatcher, clock, random, uniqueId }: SubmitOptions,
): Promise<Result<JobDocument>> {
  const key = uniqueId();
  for (let attempt = 0; ; attempt++) {
    const submitted = await dispatcher.submit(request, key);
    if (submitted.ok || submitted.failure.code !== 'dispatcher-unreachable') return submitted;
    if (attempt + 1 === tries) {
      return failed({
        ...submitted.failure,
        message: `${submitted.failure.message}. The job may have been accepted before contact was lost: see \`pogo jobs\` before you run it again`,
      });
    }
    await delay(clock, backoffDelayMs(backoff, attempt, random()));
  }
}
