/** What a scripted dispatcher makes of a request: everything that was asked for, and nothing else. */
import { foldTargets, rampSteps, resolveTargets, type TargetError } from '@pogo/core';
import { type JobRequest, type PlanResponse, type Recipient, specDigest } from '@pogo/protocol';
import { keyIdOf, type TestInstance } from './certificates.js';

export const submitter = 'tester';

/** The instance's only worker. */
export function recipientOf({ sealing: { certificate } }: Pick<TestInstance, 'sealing'>): Recipient {
  return { worker: 'worker-1', kid: keyIdOf(certificate), certificate };
}

export function planOf(
  request: JobRequest,
  instance: TestInstance,
): { ok: true; plan: PlanResponse } | { ok: false; error: TargetError } {
  const { limits, targets, ...rest } = request;
  const expanded = resolveTargets(targets);
  if (!expanded.ok) return expanded;
  const all = expanded.targets.map(({ host, user = rest.user, port = rest.port }) => ({ host, user, port }));
  const spec = { ...rest, targets: foldTargets(all), submitter, lifetimeMs: 60_000 };
  const plan: PlanResponse = {
    spec,
    digest: specDigest(spec),
    limits: {
      concurrent: countOf(limits.concurrent, all.length),
      maxFailures: countOf(limits.maxFailures, all.length),
      jobTimeoutMs: limits.jobTimeoutMs,
      ...rampOf(limits.ramp, all.length),
    },
    hosts: all.length,
    basis: { namespaceVersion: 0, holdFailures: 'until-well', groups: [], slots: [], stages: [] },
    estimate: { from: 'unknown', attempts: 0, jobs: [] },
    order: {
      firstWave: foldTargets(all.map(({ host }) => ({ host }))),
      firstWaveHosts: all.length,
      remainingHosts: 0,
    },
    forecast: forecastOf(foldTargets(all.map(({ host }) => ({ host }))), all.length),
    warnings: [],
    recipients: [recipientOf(instance)],
  };
  return { ok: true, plan };
}

/** All of them at once. */
function forecastOf(hosts: string, count: number): NonNullable<PlanResponse['forecast']> {
  return {
    ending: 'succeeded',
    startedHosts: count,
    waves: [{ count, starts: [{ hosts, count, waitedFor: [] }], full: [] }],
    waveCount: 1,
    waiting: [],
    never: [],
    peaks: [],
  };
}

function rampOf(ramp: JobRequest['limits']['ramp'], hosts: number): Pick<PlanResponse['limits'], 'ramp'> {
  const resolved = ramp && rampSteps(ramp.steps, hosts);
  return resolved?.ok === true ? { ramp: { steps: resolved.steps, pauseMs: ramp!.pauseMs } } : {};
}

function countOf(text: string | null, hosts: number): number | null {
  if (text === null) return null;
  const number = Number.parseInt(text);
  return text.endsWith('%') ? Math.max(1, Math.floor((number * hosts) / 100)) : number;
}
