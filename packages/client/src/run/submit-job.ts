/**
 * Plan → verify → upload → seal → submit, as named steps; each refusal comes before anything secret leaves (security.md),
 * and before a script is uploaded for nothing.
 */
import type { Target } from '@pogo/core';
import { backoffDelayMs, type Clock, delay } from '@pogo/lifecycle';
import type { JobDocument, SubmitRequest } from '@pogo/protocol';
import type { Dispatcher } from '../api/dispatcher.js';
import type { PlanAnswer } from '../api/plan-answer.js';
import type { Credentials } from '../credentials/credentials.js';
import { exitCodes, failed, type Result, success } from '../failure.js';
import type { ScriptFile } from '../script/script-file.js';
import { planJob, type PlannableJob, type PlannedJob } from './planned-job.js';

export interface SubmitOptions {
  readonly dispatcher: Dispatcher;
  /** PEM of the pinned root. */
  readonly sealingRoot: string;
  readonly clock: Clock;
  readonly random: () => number;
  uniqueId(): string;
  /** Told what the dispatcher changed or warns of, once. */
  notice(text: string): void;
  /** Stops an upload, and only that: a job is made whole or not at all. */
  readonly uploadSignal?: AbortSignal;
  /** Told how much of the script has been uploaded, in bytes. */
  onUpload?(sentBytes: number): void;
  /** Told when the script is there, or isn't needed. */
  onUploaded?(): Promise<void> | undefined;
}

export interface JobToSubmit extends PlannableJob {
  readonly credentials: Credentials;
  /** The file of a job whose command is a script. */
  readonly script?: ScriptFile | undefined;
  /** Looks at the plan before anything is sealed; a failure ends it. */
  check?(plan: PlanAnswer): Result<undefined>;
}

export interface SubmittedJob {
  readonly job: JobDocument;
  /** With account and port, in order. */
  readonly targets: readonly Target[];
}

/** Workers may come and go between plan and submission, and an attachment may: then it is planned and sealed anew. */
const maxPlans = 3;
const passing = ['recipients-changed', 'attachment-missing'];

export async function submitJob(job: JobToSubmit, options: SubmitOptions): Promise<Result<SubmittedJob>> {
  const told = new Set<string>();
  let asked: PlannableJob = job;
  for (let planned = 1; ; planned++) {
    const plan = await resolveJob(asked, options.dispatcher);
    if (!plan.ok) return plan;
    asked = plan.value.job;
    const checked = job.check?.(plan.value.plan) ?? success(undefined);
    if (!checked.ok) return checked;
    for (const notice of plan.value.notices) {
      if (!told.has(notice)) options.notice(notice);
      told.add(notice);
    }
    // For following the job: opens while the credentials are sealed.
    if (planned === 1) options.dispatcher.warm();
    if (job.script !== undefined) {
      const uploaded = await upload(job.script, options);
      await options.onUploaded?.();
      if (!uploaded.ok) return uploaded;
    }
    const sealed = await sealFor(plan.value, job.credentials, options);
    if (!sealed.ok) return sealed;
    const submitted = await post(sealed.value, options);
    if (!submitted.ok && passing.includes(submitted.failure.code) && planned < maxPlans) continue;
    if (!submitted.ok) return submitted;
    const accepted = checkedJob(submitted.value, plan.value.plan.digest);
    return accepted.ok ? success({ job: accepted.value, targets: asked.targets }) : accepted;
  }
}

/** What was sealed was sealed for one digest: a job of another can't use it, and isn't the one that was asked for. */
function checkedJob(job: JobDocument, digest: string): Result<JobDocument> {
  if (job.digest === digest) return success(job);
  return failed({
    code: 'spec-changed',
    message: `the dispatcher answered with job ${job.id} of digest ${job.digest}, and ${digest} was submitted: ask who runs it, and see \`pogo status ${job.id}\``,
    exitCode: exitCodes.error,
  });
}

type ResolvedJob = PlannedJob<PlanAnswer>;

/** The plan, verified against what was asked. */
function resolveJob(job: PlannableJob, dispatcher: Dispatcher): Promise<Result<ResolvedJob>> {
  // What seals is loaded while the answer is under way.
  const sealing = () => void import('../credentials/seal.js');
  return planJob(job, (request) => dispatcher.resolve(request, sealing));
}

async function upload(script: ScriptFile, options: SubmitOptions): Promise<Result<undefined>> {
  const { uploadScript } = await import('../script/upload-script.js');
  const { dispatcher, clock, random } = options;
  return uploadScript(script, {
    dispatcher,
    clock,
    random,
    signal: options.uploadSignal ?? new AbortController().signal,
    onProgress: (sentBytes) => options.onUpload?.(sentBytes),
  });
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

/** Together about 18 s: long enough for another dispatcher to take over. */
const tries = 9;
const backoff = { firstMs: 200, maxMs: 4000 };

/** After these the job may have been accepted or not. */
const doubtful = ['dispatcher-unreachable', 'store-unavailable', 'leader-broke-off', 'not-ready'];

/** Posts the job; what leaves doubt is tried again with the same key, which can't make a second job. */
async function post(
  request: SubmitRequest,
  { dispatcher, clock, random, uniqueId }: SubmitOptions,
): Promise<Result<JobDocument>> {
  const key = uniqueId();
  for (let attempt = 0; ; attempt++) {
    const submitted = await dispatcher.submit(request, key);
    if (submitted.ok || !doubtful.includes(submitted.failure.code)) return submitted;
    if (attempt + 1 === tries) {
      return failed({
        ...submitted.failure,
        message: `${submitted.failure.message}. The job may have been accepted before contact was lost: see \`pogo jobs\` before you run it again`,
      });
    }
    await delay(clock, backoffDelayMs(backoff, attempt, random()));
  }
}
