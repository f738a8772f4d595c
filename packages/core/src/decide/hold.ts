/** Decides what a person asks of a job as a whole while it goes on: to start nothing new, and to have other limits. */
import type { JobRecord } from '../cluster-state.js';
import type { JobLimits, LogEntry } from '../entries.js';
import { isEnded } from '../states.js';

/** Without entries where it is as asked already. */
export type HoldDecision =
  | { kind: 'decided'; entries: LogEntry[] }
  | { kind: 'job-ended' }
  /** It is being halted: nothing of it starts any more. */
  | { kind: 'halting' };

/** Nothing new of it starts; what runs goes on. */
export function decideHold(job: JobRecord, { by }: { by: string }): HoldDecision {
  if (isEnded(job.state)) return { kind: 'job-ended' };
  if (job.halt !== undefined) return { kind: 'halting' };
  const entries: LogEntry[] = job.hold === undefined ? [{ type: 'job-held', job: job.job, by }] : [];
  return { kind: 'decided', entries };
}

/** What is to be altered; absent members stay, and without a ramp all hosts may start. */
export type LimitsChange = Partial<Omit<JobLimits, 'ramp'>> & {
  readonly ramp?: JobLimits['ramp'] | null;
};

/** Other limits are in force from here on: whatever runs goes on, also where there is more of it than may be. */
export function decideAlter(
  job: JobRecord,
  { by, change }: { by: string; change: LimitsChange },
): HoldDecision {
  if (isEnded(job.state)) return { kind: 'job-ended' };
  const { ramp: wanted, ...others } = change;
  const { ramp: present, ...rest } = job.limits;
  const ramp = wanted === undefined ? present : (wanted ?? undefined);
  const limits: JobLimits = { ...rest, ...others, ...(ramp && { ramp }) };
  const isAltered =
    limits.concurrent !== job.limits.concurrent ||
    limits.maxFailures !== job.limits.maxFailures ||
    limits.jobTimeoutMs !== job.limits.jobTimeoutMs ||
    JSON.stringify(ramp) !== JSON.stringify(present);
  return {
    kind: 'decided',
    entries: isAltered ? [{ type: 'limits-altered', job: job.job, by, limits }] : [],
  };
}
