/** An ended job again, under other limits, beside what really happened. Changes nothing. */
import {
  changeLimits,
  compileNamespace,
  type ConcurrencyLimit,
  formatJobId,
  isEnded,
  type JobLimits,
  type LimitChange,
  type Namespace,
  ObservedRun,
  type RecordedHost,
  replayOf,
  type ReplayInput,
  toHostSet,
} from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import type { ReplayRequest, ReplayResponse, ReplayRun } from '@pogo/protocol';
import type { JobHistory } from '../events/job-history.js';
import { findJob } from '../jobs/find-job.js';
import { type JobView, type JobViewContext, viewJob } from '../jobs/job-view.js';
import { countOf } from '../jobs/resolve-limits.js';
import { peaksOf } from './forecast-view.js';
import { forecastHosts, runForecast } from './run-forecast.js';

export interface ReplayContext extends JobViewContext {
  history: JobHistory;
  clock: Clock;
}

export type ReplayOutcome =
  | { kind: 'replayed'; response: ReplayResponse }
  | { kind: 'unknown' | 'lost' }
  /** It hasn't ended. */
  | { kind: 'running' }
  /** No host of it ever had a command that ended. */
  | { kind: 'no-durations' }
  /** @param path member of the request */
  | { kind: 'invalid'; path: string; message: string };

interface Recorded {
  accepted: ReplayInput['accepted'];
  hosts: readonly RecordedHost[];
  isEnded: boolean;
}

export async function replayJob(
  context: ReplayContext,
  id: string,
  request: ReplayRequest,
  signal: AbortSignal,
): Promise<ReplayOutcome> {
  const viewed = await viewJob(context, id);
  if (viewed.kind !== 'found') return viewed;
  const { view } = viewed;
  const recorded = await readRecorded(context, view);
  if (recorded === undefined) return { kind: 'lost' };
  if (!recorded.isEnded) return { kind: 'running' };
  const present = await context.leader.view(({ constraints: { version, namespace } }) => ({
    version,
    namespace,
  }));
  if (present.kind === 'lost') return { kind: 'lost' };
  const { version, namespace } = present.answer;
  const changes = readChanges(request, namespace, recorded.accepted.limits, view.hosts.hosts.length);
  if (changes.kind === 'invalid') return changes;

  const run = async (under: { namespace: Namespace | undefined; limits: JobLimits }) => {
    const replay = replayOf({
      accepted: { ...recorded.accepted, limits: under.limits },
      hosts: view.hosts.hosts,
      recorded: recorded.hosts,
      namespace: under.namespace,
      maxHosts: forecastHosts,
    });
    if (replay === undefined) return 'no-durations';
    const { forecast, assumedHosts } = replay;
    if (!(await runForecast(forecast, context.clock, signal))) return 'lost';
    const { ending, started, peak, never } = forecast.result;
    const shown: ReplayRun = {
      ending: ending.kind === 'ended' ? ending.state : ending.kind,
      totalMs: ending.totalMs,
      startedHosts: started,
      peak,
      peaks: peaksOf(forecast.state, forecast.result),
      never: never.length === 0 ? '' : view.hosts.fold(toHostSet(never.flatMap(({ hosts }) => hosts))),
    };
    return { shown, assumedHosts };
  };
  const unchanged = await run({ namespace, limits: recorded.accepted.limits });
  if (typeof unchanged === 'string') return { kind: unchanged };
  const changed = changes.isAny ? await run(changes) : undefined;
  if (typeof changed === 'string') return { kind: changed };
  const observed = await observe(context, view, namespace);
  return {
    kind: 'replayed',
    response: {
      job: formatJobId(view.job),
      hosts: view.hosts.hosts.length,
      namespaceVersion: version,
      assumedHosts: unchanged.assumedHosts,
      ...(observed && { observed }),
      unchanged: unchanged.shown,
      ...(changed && { changed: changed.shown }),
    },
  };
}

async function readRecorded(context: ReplayContext, view: JobView): Promise<Recorded | undefined> {
  const { spec, digest } = view;
  const common = {
    digest,
    submitter: spec.submitter,
    namespace: spec.namespace,
    provesPassword: false,
    ...(spec.unconstrained && { unconstrained: true }),
    ...(spec.onPredecessorFailure && { onPredecessorFailure: spec.onPredecessorFailure }),
  };
  const found = await findJob(context, formatJobId(view.job), ({ state, accepted, hosts }) => ({
    accepted: { ...common, title: accepted.title, limits: accepted.limits },
    hosts: hosts.map((host) => ({ state: host.state, outcome: host.outcome })),
    isEnded: isEnded(state),
  }));
  if (found.kind === 'live') return found.value;
  if (found.kind !== 'archived') return undefined;
  const { archived } = found;
  const hosts = await context.archive.hosts(archived);
  return {
    accepted: { ...common, title: archived.document.title, limits: archived.document.limits },
    hosts: hosts.map(({ state, outcome }) => ({ state, outcome })),
    isEnded: true,
  };
}

type Changes =
  | { kind: 'changes'; isAny: boolean; namespace: Namespace | undefined; limits: JobLimits }
  | { kind: 'invalid'; path: string; message: string };

function readChanges(
  { concurrent, maxFailures, constraints = [] }: ReplayRequest,
  namespace: Namespace | undefined,
  present: JobLimits,
  hosts: number,
): Changes {
  const limits = { ...present };
  for (const [member, text] of [
    ['concurrent', concurrent],
    ['maxFailures', maxFailures],
  ] as const) {
    if (text === undefined) continue;
    const count = text === 'none' ? null : countOf(text, hosts)?.value;
    if (count === undefined)
      return {
        kind: 'invalid',
        path: member,
        message: `${text} allows no host at all: it must be at least 1`,
      };
    limits[member] = count;
  }
  const isAny = constraints.length > 0 || concurrent !== undefined || maxFailures !== undefined;
  if (constraints.length === 0) return { kind: 'changes', isAny, namespace, limits };
  const path = 'constraints';
  if (namespace === undefined)
    return { kind: 'invalid', path, message: 'no namespace was ever applied, so that nothing has a limit' };
  const changed = changeLimits(
    namespace.definition,
    constraints.map(({ type, app, limit }): LimitChange => ({
      type,
      app,
      limit: limit === 'none' ? undefined : limitOf(limit),
    })),
  );
  if (!changed.ok) {
    const what = changed.unknown === 'app' ? 'app' : 'environment type';
    return { kind: 'invalid', path, message: `the namespace has no ${what} ${changed.name}` };
  }
  const compiled = compileNamespace(changed.definition);
  if (!compiled.ok) return { kind: 'invalid', path, message: compiled.problems[0]!.message };
  return { kind: 'changes', isAny, namespace: compiled.namespace, limits };
}

function limitOf(text: string): ConcurrencyLimit {
  const number = Number.parseInt(text, 10);
  return text.endsWith('%') ? { kind: 'percent', percent: number } : { kind: 'count', count: number };
}

/** Undefined once the log no longer has it all. */
async function observe(
  { history, leader }: ReplayContext,
  view: JobView,
  namespace: Namespace | undefined,
): Promise<ReplayResponse['observed']> {
  const lastIndex = await lastIndexOf(leader, view);
  const observed = new ObservedRun(view.job, view.hosts.hosts, namespace);
  for (let index = view.acceptedIndex; lastIndex === undefined || index <= lastIndex;) {
    const read = await history.read(index);
    if (read.kind === 'pruned') return undefined;
    if (read.kind === 'end') break;
    for (const batch of read.batches) observed.add(batch);
    index = read.batches.at(-1)!.index + 1;
  }
  const { totalMs, peak, peaks } = observed;
  if (totalMs === undefined) return undefined;
  return {
    totalMs,
    peak,
    peaks: [...peaks]
      .sort(([one], [other]) => one - other)
      .map(([slot, most]) => ({ slot: namespace!.slots[slot]!.name, peak: most })),
  };
}

async function lastIndexOf(
  leader: ReplayContext['leader'],
  { job, archived }: JobView,
): Promise<number | undefined> {
  if (archived !== undefined) return archived.lastIndex;
  const found = await leader.view((state) => state.jobs.get(job)?.lastIndex);
  return found.kind === 'ok' ? found.answer : undefined;
}
