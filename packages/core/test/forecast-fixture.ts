/** Forecasts of jobs beside what a {@link Leader} has, and real runs of them to compare with. */
import {
  Forecast,
  type ForecastResult,
  forecastState,
  hostIndexes,
  type JobAccepted,
  type Outcome,
  resolveTargets,
  type WorkerCapacity,
} from '@pogo/core';
import { type Leader, submission, workerA } from './job-fixture.js';

export type DurationOf = (job: number, host: number) => number;
const succeeded: Outcome = { state: 'succeeded', exitCode: 0 };

export interface Foreseen extends ForecastResult {
  hosts: readonly string[];
  /** Start of each host by name, in milliseconds. */
  startsMs: Map<string, number>;
  forecast: Forecast;
}

export interface ForeseeOptions {
  durationOf?: DurationOf;
  workers?: readonly WorkerCapacity[];
  maxHosts?: number;
  /** Hosts that are gone through at a time. */
  piece?: number;
}

/** What a job on these targets would do now. */
export function foresee(
  leader: Leader,
  targets: string,
  overrides: Partial<Omit<JobAccepted, 'type' | 'job' | 'hosts'>> = {},
  options: ForeseeOptions = {},
): Foreseen {
  const { durationOf = () => 1000, workers = [workerA], maxHosts = Infinity, piece = 100 } = options;
  const expanded = resolveTargets(targets, { groups: leader.state.constraints.namespace?.groups });
  if (!expanded.ok) throw new Error(expanded.error.message);
  const hosts = expanded.targets.map(({ host }) => host);
  const nowMs = leader.state.atMs;
  const { state, job } = forecastState(leader.state, { accepted: submission(overrides), hosts }, nowMs);
  const forecast = new Forecast({
    state,
    job,
    nowMs,
    workers,
    endOf: (number, host) => ({ durationMs: durationOf(number, host), outcome: succeeded }),
    maxHosts,
  });
  while (!forecast.advance(piece));
  const { result } = forecast;
  const startsMs = new Map<string, number>();
  for (const { atMs, starts } of result.waves)
    for (const start of starts) for (const host of hostIndexes(start.hosts)) startsMs.set(hosts[host]!, atMs);
  return { ...result, hosts, startsMs, forecast };
}

/** Runs everything that is open to its end, each command for its duration; when each host of the job started. */
export function reallyRun(
  leader: Leader,
  job: number,
  { durationOf = () => 1000, workers = [workerA] }: ForeseeOptions = {},
): Map<string, number> {
  const beginsMs = leader.state.atMs;
  const startsMs = new Map<string, number>();
  const endsMs = new Map<string, { atMs: number; job: number; host: number }>();
  const begin = (number: number, host: number, atMs: number) => {
    endsMs.set(`${number} ${host}`, { atMs: atMs + durationOf(number, host), job: number, host });
    if (number === job) startsMs.set(leader.hostNames(job)[host]!, atMs - beginsMs);
  };
  for (const record of leader.state.jobs.values())
    record.hosts.forEach(({ state }, host) => {
      if (['assigned', 'connecting', 'running'].includes(state)) begin(record.job, host, beginsMs);
    });
  for (let nowMs = beginsMs; ;) {
    for (const entry of leader.plan({ nowMs, workers }))
      if (entry.type === 'hosts-assigned')
        for (const host of hostIndexes(entry.hosts)) begin(entry.job, host, nowMs);
    if (endsMs.size === 0) return startsMs;
    nowMs = Math.min(...[...endsMs.values()].map(({ atMs }) => atMs));
    for (const [key, { atMs, job: number, host }] of endsMs) {
      if (atMs > nowMs) continue;
      endsMs.delete(key);
      const { attempt } = leader.state.jobs.get(number)!.hosts[host]!;
      leader.append([{ type: 'host-finished', job: number, host, attempt, outcome: succeeded }], nowMs);
    }
  }
}
