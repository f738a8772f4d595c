/** Limits of a job in words. Pure. */
import type { JobLimits } from '@pogo/core';
import { durationText } from './summary.js';

export function capText({ concurrent }: JobLimits): string {
  return concurrent === null
    ? 'no cap of its own'
    : `at most ${concurrent} host${concurrent === 1 ? '' : 's'}`;
}

export function budgetText({ maxFailures }: JobLimits): string {
  return maxFailures === null ? 'no budget' : `nothing new starts after ${maxFailures}`;
}

/** `1 host, then 10, then all; each step is confirmed by somebody` */
export function rampText({ ramp }: JobLimits): string {
  if (ramp === undefined) return 'none: all hosts may start';
  const [first, ...others] = ramp.steps;
  const steps = [`${first} host${first === 1 ? '' : 's'}`, ...others.map(String), 'all'].join(', then ');
  if (ramp.pauseMs === null) return `${steps}; each step is confirmed by somebody`;
  return ramp.pauseMs === 0 ? steps : `${steps}; ${durationText(ramp.pauseMs)} apart`;
}

/** All of them, on one line. */
export function limitsText(limits: JobLimits): string {
  return [
    `at once: ${capText(limits)}`,
    `failures: ${budgetText(limits)}`,
    `ramp: ${rampText(limits)}`,
    `job timeout: ${durationText(limits.jobTimeoutMs)}`,
  ].join('; ');
}
