/**
 * A plan that says what was asked. Where hosts were given by other names than their own (S6), the job is planned anew under
 * their own: those that the namespace in force has for them, read here, and never a name that only the answer has.
 */
import type { Target } from '@pogo/core';
import type { JobRequest } from '@pogo/protocol';
import type { PlanAnswer } from '../api/plan-answer.js';
import { type Result, success } from '../failure.js';
import type { DescribedJob } from './prepare-job.js';
import { specChanged, type VerifiedPlan, verifyPlan } from './verify-spec.js';

/** What a dispatcher is asked to plan. */
export interface PlannableJob {
  readonly request: JobRequest;
  /** With account and port, in order: what the resolved spec must name. */
  readonly targets: readonly Target[];
  /** What the user should hear about it, in sentences. */
  readonly notices?: readonly string[];
  /** The same under the hosts' own names; undefined when it names them so already. */
  underOwnNames?(): Promise<Result<PlannableJob | undefined>>;
}

/** A plan, and the job that it answers. */
export interface PlannedJob<Plan extends PlanAnswer> extends VerifiedPlan {
  readonly job: PlannableJob;
  readonly plan: Plan;
}

export async function planJob<Plan extends PlanAnswer>(
  job: PlannableJob,
  ask: (request: JobRequest) => Promise<Result<Plan>>,
): Promise<Result<PlannedJob<Plan>>> {
  const planned = await planAsIs(job, ask);
  if (planned.ok || planned.failure.code !== specChanged || job.underOwnNames === undefined) return planned;
  const own = await job.underOwnNames();
  if (!own.ok) return own;
  return own.value === undefined ? planned : planAsIs(own.value, ask);
}

async function planAsIs<Plan extends PlanAnswer>(
  job: PlannableJob,
  ask: (request: JobRequest) => Promise<Result<Plan>>,
): Promise<Result<PlannedJob<Plan>>> {
  const plan = await ask(job.request);
  if (!plan.ok) return plan;
  const verified = verifyPlan(plan.value, job.request, job.targets);
  if (!verified.ok) return verified;
  const { spec, notices } = verified.value;
  return success({ job, plan: plan.value, spec, notices: [...(job.notices ?? []), ...notices] });
}

/** @param methods authentication methods, in order */
export function plannable(described: DescribedJob, methods: readonly string[]): PlannableJob {
  return {
    request: described.request(methods),
    targets: described.targets,
    notices: described.notices,
    async underOwnNames() {
      const own = await described.underOwnNames();
      if (!own.ok) return own;
      return success(own.value && plannable(own.value, methods));
    },
  };
}
