/**
 * What a worker's reports change. A report counts only from the worker that the log names for that attempt (A6), an
 * `unknown` gives way to evidence once (E2), and everything else that is final stays (I4). What changes nothing is
 * void: it may be acknowledged, since the log already holds something that settles it (L7).
 *
 * Besides the attempt's own worker, evidence may come
 * 1. for an `unknown` attempt, from the worker that the log has ask about it: outcomes, and "the host can't tell" (E2);
 * 2. for an attempt before the current one, from the worker of the current one, which settles it under the lock (E3).
 */
import {
  type ClusterState,
  hasJournalOf,
  holdsAttempt,
  type HostRecord,
  type JobRecord,
} from '../cluster-state.js';
import type { LogEntry } from '../entries.js';
import { toHostSet } from '../host-set.js';
import type { Outcome } from '../outcome.js';
import { finishEvents, type HostEvent, type HostState, nextHostState } from '../states.js';

interface AttemptKey {
  job: number;
  host: number;
  attempt: number;
}

export type ReportedEvent = AttemptKey &
  (
    | { event: 'begun' }
    | { event: 'started' }
    | { event: 'finished'; outcome: Outcome }
    | { event: 'refused'; reason: string }
    | { event: 'unsettled'; detail: string }
  );

export interface ReportDecision {
  entries: LogEntry[];
  /** Reports that changed nothing. */
  voidCount: number;
}

/** What the reports of one call add up to for one attempt. */
interface Pending {
  key: AttemptKey;
  /** Of the host, with these reports. */
  state: HostState;
  last: Consequence;
  /** Nothing that comes later in the call changes it. */
  final: boolean;
}

type Consequence =
  | { kind: 'begun' | 'started' }
  | { kind: 'refused'; reason: string }
  | { kind: 'finished'; outcome: Outcome }
  | { kind: 'confirmed'; outcome: Outcome }
  | { kind: 'unsettled'; detail: string }
  | { kind: 'earlier'; outcome: Outcome | undefined };

export function decideReports(
  state: ClusterState,
  worker: string,
  reports: readonly ReportedEvent[],
): ReportDecision {
  const pending = new Map<string, Pending>();
  let voidCount = 0;
  for (const report of reports) {
    const job = state.jobs.get(report.job);
    const record = job?.hosts[report.host];
    const key = `${report.job} ${report.host} ${report.attempt}`;
    const before = pending.get(key);
    const after =
      job === undefined || record === undefined || before?.final === true
        ? undefined
        : consequenceOf({ state, job, record, worker, before }, report);
    if (after === undefined) voidCount++;
    else pending.set(key, after);
  }
  return { entries: toEntries(pending.values()), voidCount };
}

interface Place {
  state: ClusterState;
  job: JobRecord;
  record: HostRecord;
  worker: string;
  before: Pending | undefined;
}

function consequenceOf(place: Place, report: ReportedEvent): Pending | undefined {
  const { state, job, record, worker, before } = place;
  const key = { job: report.job, host: report.host, attempt: report.attempt };
  if (report.attempt !== record.attempt) return earlierOf(place, key, report);
  const from = before?.state ?? record.state;
  const resolution = job.resolutions.get(report.host);
  const asks = resolution?.worker === worker;
  const holds = holdsAttempt(state, record, worker);
  if (report.event === 'unsettled') {
    const answers = from === 'unknown' && asks && resolution.asking;
    return answers ? ended(key, from, { kind: 'unsettled', detail: report.detail }) : undefined;
  }
  if (from === 'unknown' && !holds) {
    if (!asks || record.settled) return undefined;
    if (report.event === 'finished' && report.outcome.state !== 'unknown') {
      return ended(key, report.outcome.state, { kind: 'finished', outcome: report.outcome });
    }
    // Only its own worker can say that an attempt never began, or that it doesn't know.
    const detail = unsettledDetail(report);
    if (detail === undefined || !resolution.asking) return undefined;
    return ended(key, from, { kind: 'unsettled', detail });
  }
  if (!holds) return undefined;
  if (from === 'unknown') {
    if (before !== undefined || record.settled) return undefined;
    if (report.event === 'finished' && report.outcome.state === 'unknown') {
      if (asks && resolution.asking) {
        return ended(key, from, { kind: 'unsettled', detail: unsettledDetail(report)! });
      }
      const news = record.outcome?.reason === 'worker-lost' && report.outcome.reason !== 'worker-lost';
      return news ? ended(key, from, { kind: 'confirmed', outcome: report.outcome }) : undefined;
    }
  }
  const to = nextHostState(from, eventOf(report));
  if (to === undefined) return undefined;
  return { key, state: to, last: consequence(report), final: false };
}

/** An attempt before the current one, on whose account the host still counts (E1). */
function earlierOf(
  { state, record, worker }: Place,
  key: AttemptKey,
  report: ReportedEvent,
): Pending | undefined {
  const earlier = record.earlier?.find(({ attempt }) => attempt === key.attempt);
  if (earlier === undefined) return undefined;
  const own = earlier.worker === worker && hasJournalOf(state, worker, earlier.index);
  const later = record.worker === worker;
  if (report.event === 'finished' && report.outcome.state !== 'unknown' && (own || later)) {
    return ended(key, record.state, { kind: 'earlier', outcome: report.outcome });
  }
  if (report.event === 'refused' && own) {
    return ended(key, record.state, { kind: 'earlier', outcome: undefined });
  }
  return undefined;
}

function ended(key: AttemptKey, state: HostState, last: Consequence): Pending {
  return { key, state, last, final: true };
}

function unsettledDetail(report: ReportedEvent): string | undefined {
  switch (report.event) {
    case 'refused':
      return report.reason;
    case 'finished':
      return report.outcome.message ?? report.outcome.reason ?? 'the outcome is still unknown';
    default:
      return undefined;
  }
}

function consequence(report: Exclude<ReportedEvent, { event: 'unsettled' }>): Consequence {
  switch (report.event) {
    case 'begun':
    case 'started':
      return { kind: report.event };
    case 'refused':
      return { kind: 'refused', reason: report.reason };
    case 'finished':
      return { kind: 'finished', outcome: report.outcome };
  }
}

function eventOf(report: Exclude<ReportedEvent, { event: 'unsettled' }>): HostEvent {
  switch (report.event) {
    case 'begun':
      return 'begin';
    case 'started':
      return 'start';
    case 'refused':
      return 'refuse';
    case 'finished':
      return finishEvents[report.outcome.state];
  }
}

/** One entry per job and kind of movement; a host that began and ended within one call only ends in the log. */
function toEntries(pending: Iterable<Pending>): LogEntry[] {
  const moved = new Map<string, { entry: (hosts: number[]) => LogEntry; hosts: number[] }>();
  const earlier: LogEntry[] = [];
  const single: LogEntry[] = [];
  for (const { key, last } of pending) {
    const alone = singleEntry(key, last);
    if (alone !== undefined) {
      if (last.kind === 'earlier') earlier.push(alone);
      else single.push(alone);
      continue;
    }
    const group = groupOf(key.job, last);
    const known = moved.get(group.key);
    if (known) known.hosts.push(key.host);
    else moved.set(group.key, { entry: group.entry, hosts: [key.host] });
  }
  // A success of the current attempt would settle the earlier ones as well, so they come first.
  return [...[...moved.values()].map(({ entry, hosts }) => entry(hosts)), ...earlier, ...single];
}

function singleEntry(key: AttemptKey, last: Consequence): LogEntry | undefined {
  switch (last.kind) {
    case 'finished':
      return { type: 'host-finished', ...key, outcome: last.outcome };
    case 'confirmed':
      return { type: 'unknown-confirmed', ...key, outcome: last.outcome };
    case 'earlier':
      return { type: 'earlier-settled', ...key, ...(last.outcome && { outcome: last.outcome }) };
    default:
      return undefined;
  }
}

function groupOf(job: number, last: Consequence): { key: string; entry: (hosts: number[]) => LogEntry } {
  switch (last.kind) {
    case 'begun':
      return {
        key: `${job} begun`,
        entry: (hosts) => ({ type: 'hosts-begun', job, hosts: toHostSet(hosts) }),
      };
    case 'started':
      return {
        key: `${job} started`,
        entry: (hosts) => ({ type: 'hosts-started', job, hosts: toHostSet(hosts) }),
      };
    case 'refused': {
      const { reason } = last;
      return {
        key: `${job} refused ${reason}`,
        entry: (hosts) => ({ type: 'hosts-refused', job, hosts: toHostSet(hosts), reason }),
      };
    }
    case 'unsettled': {
      const { detail } = last;
      return {
        key: `${job} unsettled ${detail}`,
        entry: (hosts) => ({ type: 'hosts-unsettled', job, hosts: toHostSet(hosts), detail }),
      };
    }
    default:
      throw new Error(`${last.kind} stands for itself`);
  }
}
