/**
 * The ramp of a job (S9): a few hosts first, more once these are well.
 *
 * 1. During a step at most so many hosts are ever started, a retry of one of them not counted; the next step begins only
 *    when all of them are over.
 * 2. If every one of them succeeded it begins after the pause, or when somebody confirms; else only when somebody does.
 *    Whoever confirms has seen the hosts that are not well by then: these don't ask again, unless another attempt fails.
 * 3. The job's clock stands still between two steps (S10).
 */
import type { JobRecord } from './cluster-state.js';
import type { JobLimits } from './entries.js';

/** What of a ramp is under way; a job has none without a ramp, and after the last step was confirmed. */
export interface RampProgress {
  /** Which of the steps, from 1; the last, in which all hosts may start, needs no record. */
  readonly step: number;
  /** Hosts that have had a permit since the ramp began. */
  readonly started: Set<number>;
  /** Of these, hosts that wait for another attempt: the step has room for them. */
  readonly again: Set<number>;
  /** Hosts that were not well when somebody confirmed a step, and haven't been tried again since (2). */
  readonly accepted: Set<number>;
  /** Set while the step is over and the next has not begun. */
  pause: { readonly sinceMs: number; readonly failed: number } | undefined;
}

/** What a ramp waits for: its hosts, the end of a pause, or somebody who confirms. */
export type RampWait = 'hosts' | 'pause' | 'confirmation';

/** The ramp with these hosts started already; undefined where every host may start. */
export function beginRamp({ ramp }: JobLimits, started: Set<number>): RampProgress | undefined {
  const index = ramp?.steps.findIndex((most) => most >= started.size) ?? -1;
  if (index < 0) return undefined;
  return { step: index + 1, started, again: new Set(), accepted: new Set(), pause: undefined };
}

/** The ramp after its present step. */
export function nextStep({ limits, ramp }: JobRecord): RampProgress | undefined {
  if (ramp === undefined) return undefined;
  const { step, started, again, accepted } = ramp;
  const index = limits.ramp?.steps.findIndex((most, at) => at >= step && most > started.size) ?? -1;
  return index < 0 ? undefined : { step: index + 1, started, again, accepted, pause: undefined };
}

/** The ramp after somebody confirmed its present step, hosts that are not well included (2). */
export function confirmedStep(job: JobRecord): RampProgress | undefined {
  const next = nextStep(job);
  return next && { ...next, accepted: new Set(notWell(job)) };
}

/** How many hosts may be started for the first time. */
export function rampRoom(job: JobRecord, ramp: RampProgress | undefined): number {
  return ramp === undefined ? Infinity : Math.max(0, stepLimit(job, ramp) - ramp.started.size);
}

/** Most hosts that may have been started in the step. */
export function stepLimit({ limits }: JobRecord, { step }: RampProgress): number {
  return limits.ramp?.steps[step - 1] ?? Infinity;
}

/** All hosts of the step are over, others wait, and the log doesn't say so yet. */
export function isStepOver(job: JobRecord): boolean {
  const { ramp, counts } = job;
  if (ramp === undefined || ramp.pause !== undefined || ramp.again.size > 0 || counts.waiting === 0)
    return false;
  const moving = counts.permitted + counts.assigned + counts.connecting + counts.running;
  return moving === 0 && rampRoom(job, ramp) === 0;
}

/** How many hosts of the ramp are not well, and nobody has accepted that (2). Looks at each that was started. */
export function stepFailures(job: JobRecord): number {
  return notWell(job).filter((host) => !job.ramp!.accepted.has(host)).length;
}

/** Hosts of the ramp that have neither succeeded nor were passed over. */
function notWell({ ramp, hosts }: JobRecord): number[] {
  return [...(ramp?.started ?? [])].filter((host) => {
    const { state } = hosts[host]!;
    return state !== 'succeeded' && state !== 'skipped';
  });
}

/** Between two steps: nothing is to start until its time, or somebody, has come. */
export function isBetweenSteps(job: JobRecord): boolean {
  return job.ramp?.pause !== undefined || isStepOver(job);
}

/** Log time at which the next step begins by itself; undefined where that isn't going to happen. */
export function nextStepMs({ limits, ramp }: Pick<JobRecord, 'limits' | 'ramp'>): number | undefined {
  const pauseMs = limits.ramp?.pauseMs ?? null;
  if (ramp?.pause === undefined || ramp.pause.failed > 0 || pauseMs === null) return undefined;
  return ramp.pause.sinceMs + pauseMs;
}

export function rampWait(job: Pick<JobRecord, 'limits' | 'ramp'>): RampWait {
  if (job.ramp?.pause === undefined) return 'hosts';
  return nextStepMs(job) === undefined ? 'confirmation' : 'pause';
}

/** Hosts of a job that had no ramp until now and have been started. Looks at every host. */
export function startedHosts({ hosts }: JobRecord): Set<number> {
  const started = new Set<number>();
  hosts.forEach(({ state }, index) => {
    if (state !== 'waiting' && state !== 'halted' && state !== 'skipped') started.add(index);
  });
  return started;
}
