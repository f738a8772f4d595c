/**
 * Does the resolved spec say what was asked? Credentials are sealed over that spec, so the whole of it must be what the
 * client expects, member by member, with three exceptions: the submitter's name and the credentials' lifetime are the
 * dispatcher's to say, and it may shorten times, which the user is told.
 */
import { foldTargets, type JobLimits, rampSteps, type Target } from '@pogo/core';
import { canonicalDigest, canonicalJson, type JobRequest, type ResolvedSpec } from '@pogo/protocol';
import type { PlanAnswer } from '../api/plan-answer.js';
import { exitCodes, failed, type Result, success } from '../failure.js';

export interface VerifiedPlan {
  readonly spec: ResolvedSpec;
  /** What the user should hear about, in sentences. */
  readonly notices: readonly string[];
}

/** Code of the failure where it isn't what was asked. */
export const specChanged = 'spec-changed';

/** What members are called in messages, where that isn't their name. */
const names: Readonly<Record<string, string>> = {
  auth: 'authentication methods',
  hostKeys: 'host keys',
  runAs: 'account to run as',
  forwardAgent: 'agent forwarding',
  surviveDisconnect: 'surviving a lost connection',
  user: 'account',
};

/** @param targets with account and port, in order: the client's own expansion */
export function verifyPlan(
  plan: PlanAnswer,
  request: JobRequest,
  targets: readonly Target[],
): Result<VerifiedPlan> {
  const notices: string[] = [];
  const expected = expectedSpec(plan.spec, request, targets, notices);
  const different: string[] = [];
  for (const member of new Set([...Object.keys(expected), ...Object.keys(plan.spec)])) {
    const got = canonicalText(plan.spec[member]);
    const wanted = canonicalText(expected[member as keyof ResolvedSpec]);
    if (got !== wanted)
      different.push(`${names[member] ?? member}: ${shown(got)} instead of ${shown(wanted)}`);
  }
  if (plan.hosts !== targets.length) different.push(`hosts: ${plan.hosts} instead of ${targets.length}`);
  if (different.length === 0 && plan.digest !== canonicalDigest(expected)) {
    different.push('digest: it is not that of the spec');
  }
  notices.push(...limitNotices(plan.limits, request, targets.length), ...plan.warnings);
  if (different.length === 0) return success({ spec: expected, notices });
  return failed({
    code: specChanged,
    message: `the dispatcher resolved the job to something else than was asked, so nothing was sealed or sent:\n${different.map((line) => `  ${line}`).join('\n')}\nAsk who runs the dispatcher before you try again`,
    exitCode: exitCodes.error,
  });
}

/** The spec that answers the request, with those members of `got` that are the dispatcher's to say. */
function expectedSpec(
  got: Readonly<Record<string, unknown>>,
  request: JobRequest,
  targets: readonly Target[],
  notices: string[],
): ResolvedSpec {
  const { limits: _limits, targets: _targets, timeouts, ...asked } = request;
  const { submitter, lifetimeMs } = got;
  return {
    ...asked,
    targets: foldTargets(targets),
    submitter: typeof submitter === 'string' && submitter !== '' ? submitter : 'a name',
    lifetimeMs: isTime(lifetimeMs) ? lifetimeMs : 1000,
    timeouts: shortened(got.timeouts, timeouts, notices),
  };
}

const timeoutNames = {
  connectMs: 'connection timeout',
  handshakeMs: 'handshake timeout',
  commandMs: 'command timeout',
} as const;

/** The times that were asked for, or the dispatcher's own where those are shorter. */
function shortened(got: unknown, asked: JobRequest['timeouts'], notices: string[]): ResolvedSpec['timeouts'] {
  const times = { ...asked };
  for (const name of ['connectMs', 'handshakeMs', 'commandMs'] as const) {
    const time: unknown =
      got !== null && typeof got === 'object' && name in got ? got[name as keyof typeof got] : undefined;
    if (!isTime(time) || time >= asked[name]) continue;
    times[name] = time;
    notices.push(`the dispatcher shortened the ${timeoutNames[name]} from ${asked[name]} ms to ${time} ms`);
  }
  return times;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

/** Limits lie outside of the seal: a change is no danger to credentials, but the user wants to know. */
function limitNotices(limits: JobLimits, request: JobRequest, hosts: number): string[] {
  const notices: string[] = [];
  const asked = request.limits;
  const compare = (what: string, got: number | string | null, wanted: number | string | null) => {
    if (got !== wanted)
      notices.push(`the dispatcher set the ${what} to ${got ?? 'none'} instead of ${wanted ?? 'none'}`);
  };
  compare('number of hosts at once', limits.concurrent, countOf(asked.concurrent, hosts));
  compare('failure budget', limits.maxFailures, countOf(asked.maxFailures, hosts));
  compare('job timeout (ms)', limits.jobTimeoutMs, asked.jobTimeoutMs);
  const { ramp } = asked;
  const steps = ramp && rampSteps(ramp.steps, hosts);
  const wanted = steps?.ok === true && steps.steps.length > 0 ? { ...ramp, steps: steps.steps } : undefined;
  compare('ramp', rampText(limits.ramp), rampText(wanted));
  return notices;
}

function rampText(ramp: { steps: readonly number[]; pauseMs?: number | null } | undefined): string | null {
  if (ramp === undefined) return null;
  return `${ramp.steps.join(', ')} hosts, ${ramp.pauseMs === null ? 'each step confirmed' : `${ramp.pauseMs} ms apart`}`;
}

/** A count as it is, a percentage of the job's hosts rounded down, but at least 1. */
function countOf(text: string | null, hosts: number): number | null {
  if (text === null) return null;
  const number = Number.parseInt(text, 10);
  return text.endsWith('%') ? Math.max(1, Math.floor((number * hosts) / 100)) : number;
}

/** Canonical text, or for what a spec can't hold a text that equals no other. */
function canonicalText(value: unknown): string {
  if (value === undefined) return 'nothing';
  try {
    return canonicalJson(value);
  } catch {
    return 'something that no spec can hold';
  }
}

function shown(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
