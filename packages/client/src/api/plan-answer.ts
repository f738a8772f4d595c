import type { PlanResponse } from '@pogo/protocol';

/** A plan whose spec has yet to be compared with what was asked; see `verifyPlan`. */
export type PlanAnswer = Pick<PlanResponse, 'digest' | 'limits' | 'hosts' | 'warnings' | 'recipients'> & {
  readonly spec: Readonly<Record<string, unknown>>;
  /** What of the namespace it rests on; its form isn't checked. */
  readonly basis: unknown;
  readonly estimate: Pick<PlanResponse['estimate'], 'from' | 'attempts' | 'clockMs'>;
};

/** Checks the form of an answer to `POST /v1/plans` by hand; undefined when it isn't one. */
export function planAnswer(value: unknown): PlanAnswer | undefined {
  if (!isRecord(value)) return undefined;
  const { spec, digest, limits, hosts, warnings, recipients, basis, estimate } = value;
  if (!isRecord(spec) || typeof digest !== 'string' || !isLimits(limits) || !isCount(hosts)) return undefined;
  if (!Array.isArray(warnings) || !warnings.every((warning) => typeof warning === 'string')) return undefined;
  if (!Array.isArray(recipients) || !recipients.every(isRecipient)) return undefined;
  if (!isEstimate(estimate)) return undefined;
  return { spec, digest, limits, hosts, warnings, recipients, basis, estimate };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isLimits(value: unknown): value is PlanResponse['limits'] {
  if (!isRecord(value)) return false;
  const { concurrent, maxFailures, jobTimeoutMs, ramp } = value;
  if (![concurrent, maxFailures].every((one) => one === null || isCount(one))) return false;
  return isCount(jobTimeoutMs) && (ramp === undefined || isRamp(ramp));
}

function isRamp(value: unknown): value is NonNullable<PlanResponse['limits']['ramp']> {
  if (!isRecord(value)) return false;
  const { steps, pauseMs } = value;
  return Array.isArray(steps) && steps.every(isCount) && (pauseMs === null || isCount(pauseMs));
}

function isEstimate(value: unknown): value is PlanAnswer['estimate'] {
  if (!isRecord(value)) return false;
  const { from, attempts, clockMs } = value;
  return typeof from === 'string' && isCount(attempts) && (clockMs === undefined || isCount(clockMs));
}

function isRecipient(value: unknown): value is PlanResponse['recipients'][number] {
  if (!isRecord(value)) return false;
  return [value.worker, value.kid, value.certificate].every((one) => typeof one === 'string');
}
