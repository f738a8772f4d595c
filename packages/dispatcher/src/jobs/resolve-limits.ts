/** From limits as a person writes them to counts of hosts; what isn't asked for is absent. Pure. */
import { type LimitsChange, rampSteps } from '@pogo/core';
import type { AlterRequest } from '@pogo/protocol';

export type LimitsOutcome =
  | { kind: 'resolved'; limits: LimitsChange; warnings: string[] }
  | { kind: 'invalid-limit'; member: 'concurrent' | 'maxFailures' | 'ramp'; message: string };

/** @param hosts of the job: what percentages are of */
export function resolveLimits(asked: AlterRequest['limits'], hosts: number): LimitsOutcome {
  const warnings: string[] = [];
  const limits: { -readonly [Member in keyof LimitsChange]: LimitsChange[Member] } = {};
  if (asked.jobTimeoutMs !== undefined) limits.jobTimeoutMs = asked.jobTimeoutMs;
  for (const member of ['concurrent', 'maxFailures'] as const) {
    const text = asked[member];
    if (text === undefined) continue;
    if (text === null) {
      limits[member] = null;
      continue;
    }
    const count = countOf(text, hosts);
    if (count === undefined) {
      const message = `${text} allows no host at all: it must be at least 1`;
      return { kind: 'invalid-limit', member, message };
    }
    if (count.raised) warnings.push(`${member} ${text} of ${hosts} hosts is less than one: 1 is used`);
    limits[member] = count.value;
  }
  if (asked.ramp === undefined) return { kind: 'resolved', limits, warnings };
  if (asked.ramp === null) return { kind: 'resolved', limits: { ...limits, ramp: null }, warnings };
  const resolved = rampSteps(asked.ramp.steps, hosts);
  if (!resolved.ok) {
    const message =
      resolved.cause === 'no-host'
        ? `${resolved.step} allows no host at all: a step is at least 1`
        : `${resolved.step} is less than the step before it: steps must rise`;
    return { kind: 'invalid-limit', member: 'ramp', message };
  }
  const { steps, raised } = resolved;
  for (const step of raised) warnings.push(`ramp ${step} of ${hosts} hosts is less than one: 1 is used`);
  if (steps.length === 0) warnings.push(`the ramp's first step has all ${hosts} hosts: there is no ramp`);
  const { pauseMs } = asked.ramp;
  return {
    kind: 'resolved',
    limits: { ...limits, ramp: steps.length === 0 ? null : { steps, pauseMs } },
    warnings,
  };
}

/** A count, or a percentage of the hosts rounded down, but at least 1 (as S2); undefined for zero. */
export function countOf(text: string, hosts: number): { value: number; raised: boolean } | undefined {
  const number = Number(text.replace('%', ''));
  if (number === 0) return undefined;
  if (!text.endsWith('%')) return { value: number, raised: false };
  const share = Math.floor((number * hosts) / 100);
  return { value: Math.max(1, share), raised: share === 0 };
}
