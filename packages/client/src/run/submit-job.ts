/** Plan → verify → seal → submit, as named steps; each refusal comes before anything secret leaves (security.md). */
import type { Target } from '@pogo/core';
import { backoffDelayMs, type Clock, delay } from '@pogo/lifecycle';
import type { JobDocument, JobRequest, PlanResponse, SubmitRequest } from '@pogo/protocol';
import type { Dispatcher } from '../api/dispatcher.js';
import type { Credentials } from '../credentials/credentials.js';
import { failed, type Result, success } from '../failure.js';
import { verifyPlan } from './verify-spec.js';

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
    const plan = await planJob(job, options.dispatcher, (notice) => {
      if (!told.has(notice)) options.notice(notice);
      told.add(notice);
    });
    if (!plan.ok) return plan;
    // For following the job: opens while the credentials are sealed.
    if (planned === 1) options.dispatcher.warm();
    const sealed = await sealFor(plan.value, job.credentials, options);
    if (!sealed.ok) return sealed;
    const submitted = await post(sealed.value, options);
    if (!submitted.ok && submitted.failure.code === 'recipients-changed' && planned < maxPlans) continue;
    return submitted;
  }
}

/** The plan, verified against what was asked. */
export async function planJob(
  { request, targets }: Pick<JobToSubmit, 'request' | 'targets'>,
  dispatcher: Dispatcher,
  notice: (text: string) => void,
): Promise<Result<PlanResponse>> {
  const plan = await dispatcher.plan(request);
  if (!plan.ok) return plan;
  const verified = verifyPlan(plan.value, request, targets);
  if (!verified.ok) return verified;
  for (const text of verified.value) notice(text);
  return plan;
}

async function sealFor(
  plan: PlanResponse,
  credentials: Credentials,
  { sealingRoot, clock }: SubmitOptions,
): Promise<Result<SubmitRequest>> {
  const { sealCredentials } = await import('../credentials/seal.js');
  const { spec, digest, limits, recipients } = plan;
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
