/** What the job of a plan would do, beside everything that goes on now, and how long it would take. */
import {
  Forecast,
  type ForecastResult,
  forecastState,
  formatJobId,
  type JobLimits,
  type Outcome,
} from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import { type EstimateDocument, type ForecastDocument, type ResolvedSpec, specDigest } from '@pogo/protocol';
import type { HostList } from '../jobs/host-names.js';
import { titleOf } from '../jobs/resolve-request.js';
import type { Leader } from '../leader/leader.js';
import type { WorkerRegistry } from '../workers/worker-registry.js';
import type { DurationHistory, KnownDurations } from './duration-history.js';
import { forecastDocument } from './forecast-view.js';
import { forecastHosts, restBetween, runForecast } from './run-forecast.js';

export interface ForecastContext {
  leader: Leader;
  registry: WorkerRegistry;
  clock: Clock;
  durations: DurationHistory;
}

export interface PlannedJob {
  spec: ResolvedSpec;
  limits: JobLimits;
  hosts: HostList;
}

export interface PlannedForecast {
  estimate: EstimateDocument;
  forecast: ForecastDocument;
  result: ForecastResult;
}

/** A duration for a forecast whose times nobody looks at, in milliseconds. */
const someMs = 1000;
const succeeded: Outcome = { state: 'succeeded', exitCode: 0 };

/** Undefined when nobody leads, or `signal` aborts. */
export async function forecastPlan(
  context: ForecastContext,
  job: PlannedJob,
  signal: AbortSignal,
): Promise<PlannedForecast | undefined> {
  const { durations } = context;
  const ofCommand = await durations.ofCommand(titleOf(job.spec));
  const known = ofCommand ?? (await durations.ofHosts(job.hosts.hosts));
  const from = known === undefined ? 'unknown' : ofCommand === undefined ? 'hosts' : 'command';
  const run = await runPlanned(context, job, known?.perHostMs ?? someMs, signal);
  if (run === undefined) return undefined;
  const { forecast, state } = run;
  const { result } = forecast;
  await restBetween(job.hosts.hosts.length, context.clock, signal);
  return {
    result,
    estimate: estimateOf(from, known, result),
    forecast: forecastDocument({
      result,
      state,
      concurrent: job.limits.concurrent,
      names: job.hosts,
      timed: known !== undefined,
    }),
  };
}

/**
 * The estimate alone, for a job that is about to be submitted: as far as it can matter, which is where the job might
 * outlast its timeout. Undefined as above.
 */
export async function estimatePlan(
  context: ForecastContext,
  job: PlannedJob,
  signal: AbortSignal,
): Promise<EstimateDocument | undefined> {
  const { spec, limits, hosts } = job;
  const count = hosts.hosts.length;
  const known = await context.durations.ofCommand(titleOf(spec));
  if (known === undefined) return unknownEstimate;
  if (count * known.perHostMs <= limits.jobTimeoutMs) return estimateOf('command', known, undefined);
  const run = await runPlanned(context, job, known.perHostMs, signal);
  return run && estimateOf('command', known, run.forecast.result);
}

const unknownEstimate: EstimateDocument = { from: 'unknown', attempts: 0, jobs: [] };

function estimateOf(
  from: EstimateDocument['from'],
  known: KnownDurations | undefined,
  result: ForecastResult | undefined,
): EstimateDocument {
  if (known === undefined) return unknownEstimate;
  const ending = result?.ending;
  return {
    from,
    attempts: known.attempts,
    jobs: known.jobs.map(formatJobId),
    perHostMs: known.perHostMs,
    ...(ending?.kind === 'ended' &&
      result!.never.length === 0 && { totalMs: ending.totalMs, clockMs: ending.clockMs }),
  };
}

async function runPlanned(
  { leader, registry, clock }: ForecastContext,
  { spec, limits, hosts }: PlannedJob,
  durationMs: number,
  signal: AbortSignal,
) {
  // A pause after a refusal is over soon.
  const present = registry.capacities().map(({ declined: _declined, ...worker }) => worker);
  // Where no worker is connected the order is that of one with room for all.
  const none = { name: 'none', capacity: Number.MAX_SAFE_INTEGER, keyIds: ['none'] };
  const pools = await leader.read(({ constraints }) =>
    Object.keys(constraints.namespace?.definition.pools ?? {}),
  );
  if (pools.kind === 'lost') return undefined;
  const workers = present.length > 0 ? present : [{ ...none, pools: pools.answer }];
  const accepted = {
    digest: specDigest(spec),
    submitter: spec.submitter,
    namespace: spec.namespace,
    title: titleOf(spec),
    recipients: workers.flatMap(({ keyIds }) => keyIds),
    provesPassword: false,
    limits,
    ...(spec.unconstrained && { unconstrained: true }),
    ...(spec.onPredecessorFailure && { onPredecessorFailure: spec.onPredecessorFailure }),
  };
  const copied = await leader.read((state) => {
    const nowMs = Math.max(state.atMs, leader.nowMs() ?? 0);
    return { nowMs, ...forecastState(state, { accepted, hosts: hosts.hosts }, nowMs) };
  });
  if (copied.kind === 'lost') return undefined;
  const { nowMs, state, job } = copied.answer;
  await restBetween(hosts.hosts.length, clock, signal);
  const end = { durationMs, outcome: succeeded };
  const forecast = new Forecast({ state, job, nowMs, workers, endOf: () => end, maxHosts: forecastHosts });
  return (await runForecast(forecast, clock, signal)) ? { forecast, state } : undefined;
}
