/**
 * Does the resolved spec say what was asked? Credentials are sealed over that spec, so whatever in it reaches a host must
 * be what the user asked for; the dispatcher may only shorten times, and that is said.
 */
import { foldTargets, type JobLimits, type Target } from '@pogo/core';
import { canonicalDigest, canonicalJson, type JobRequest, type PlanResponse } from '@pogo/protocol';
import { exitCodes, failed, type Result, success } from '../failure.js';

/** What the user should hear about, in sentences. */
export type Notices = readonly string[];

/** @param targets with account and port, in order: the client's own expansion */
export function verifyPlan(
  plan: PlanResponse,
  request: JobRequest,
  targets: readonly Target[],
): Result<Notices> {
  const { spec } = plan;
  const different: string[] = [];
  const compare = (what: string, got: unknown, wanted: unknown) => {
    if (canonicalJson(got) !== canonicalJson(wanted))
      different.push(`${what}: ${shown(got)} instead of ${shown(wanted)}`);
  };
  compare('command', spec.command, request.command);
  compare('targets', spec.targets, foldTargets(targets));
  compare('account', spec.user, request.user);
  compare('port', spec.port, request.port);
  compare('authentication methods', spec.auth, request.auth);
  compare('host keys', spec.hostKeys, request.hostKeys);
  compare('environment', spec.environment, request.environment);
  compare('namespace', spec.namespace, request.namespace);
  if (plan.hosts !== targets.length) different.push(`hosts: ${plan.hosts} instead of ${targets.length}`);
  if (plan.digest !== canonicalDigest(spec)) different.push('digest: it is not that of the spec');

  const notices: string[] = [];
  for (const name of ['connectMs', 'handshakeMs', 'commandMs'] as const) {
    const [got, wanted] = [spec.timeouts[name], request.timeouts[name]];
    if (got > wanted) different.push(`${timeoutNames[name]}: ${got} ms instead of ${wanted} ms`);
    else if (got < wanted)
      notices.push(`the dispatcher shortened the ${timeoutNames[name]} from ${wanted} ms to ${got} ms`);
  }
  notices.push(...limitNotices(plan.limits, request, targets.length));
  if (different.length === 0) return success([...notices, ...plan.warnings]);
  return failed({
    code: 'spec-changed',
    message: `the dispatcher resolved the job to something else than was asked, so nothing was sealed or sent:\n${different.map((line) => `  ${line}`).join('\n')}\nAsk who runs the dispatcher before you try again`,
    exitCode: exitCodes.error,
  });
}

const timeoutNames = {
  connectMs: 'connection timeout',
  handshakeMs: 'handshake timeout',
  commandMs: 'command timeout',
} as const;

/** Limits lie outside of the seal: a change is no danger to credentials, but the user wants to know. */
function limitNotices(limits: JobLimits, request: JobRequest, hosts: number): string[] {
  const notices: string[] = [];
  const asked = request.limits;
  const compare = (what: string, got: number | null, wanted: number | null) => {
    if (got !== wanted)
      notices.push(`the dispatcher set the ${what} to ${got ?? 'none'} instead of ${wanted ?? 'none'}`);
  };
  compare('number of hosts at once', limits.concurrent, countOf(asked.concurrent, hosts));
  compare('failure budget', limits.maxFailures, countOf(asked.maxFailures, hosts));
  compare('job timeout (ms)', limits.jobTimeoutMs, asked.jobTimeoutMs);
  return notices;
}

/** A count as it is, a percentage of the job's hosts rounded down, but at least 1. */
function countOf(text: string | null, hosts: number): number | null {
  if (text === null) return null;
  const number = Number.parseInt(text, 10);
  return text.endsWith('%') ? Math.max(1, Math.floor((number * hosts) / 100)) : number;
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : canonicalJson(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
