/**
 * What a worker's reports change. A report counts only from the worker that the log names for that attempt (A6), an
 * `unknown` gives way to evidence once (E2), and everything else that is final stays (I4). What changes nothing is
 * void: it may be acknowledged, since the log already holds something that settles it (L7).
 */
import type { ClusterState, HostRecord } from '../cluster-state.js';
import type { LogEntry } from '../entries.js';
import { toHostSet } from '../host-set.js';
import type { Outcome } from '../outcome.js';
import { type HostEvent, type HostState, nextHostState } from '../states.js';

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
  );

export interface ReportDecision {
  entries: LogEntry[];
  /** Reports that changed nothing. */
  voidCount: number;
}

/** What the reports of one call add up to for one host: the last event that the table allows. */
interface Pending {
  job: number;
  host: number;
  state: HostState;
  last: ReportedEvent;
}

export function decideReports(
  state: ClusterState,
  worker: string,
  reports: readonly ReportedEvent[],
): ReportDecision {
  const pending = new Map<HostRecord, Pending>();
  let voidCount = 0;
  for (const report of reports) {
    const record = state.jobs.get(report.job)?.hosts[report.host];
    if (record === undefined || record.attempt !== report.attempt || record.worker !== worker) {
      voidCount++;
      continue;
    }
    const before = pending.get(record);
    const from = before?.state ?? record.state;
    const settledAlready = record.settled || (from === 'unknown' && before !== undefined);
    const to = from === 'unknown' && settledAlready ? undefined : nextHostState(from, eventOf(report));
    if (to === undefined) {
      voidCount++;
      continue;
    }
    pending.set(record, { job: report.job, host: report.host, state: to, last: report });
  }
  return { entries: toEntries(pending.values()), voidCount };
}

function eventOf(report: ReportedEvent): HostEvent {
  switch (report.event) {
    case 'begun':
      return 'begin';
    case 'started':
      return 'start';
    case 'refused':
      return 'refuse';
    case 'finished':
      return `finish-${report.outcome.state}`;
  }
}

/** One entry per job and kind of movement; a host that began and ended within one call only ends in the log. */
function toEntries(pending: Iterable<Pending>): LogEntry[] {
  const moved = new Map<string, { entry: (hosts: number[]) => LogEntry; hosts: number[] }>();
  const finished: LogEntry[] = [];
  for (const { job, host, last } of pending) {
    if (last.event === 'finished') {
      finished.push({ type: 'host-finished', job, host, attempt: last.attempt, outcome: last.outcome });
      continue;
    }
    const reason = last.event === 'refused' ? last.reason : '';
    const key = `${job} ${last.event} ${reason}`;
    const group = moved.get(key);
    if (group) group.hosts.push(host);
    else moved.set(key, { entry: entryFor(job, last.event, reason), hosts: [host] });
  }
  return [...[...moved.values()].map(({ entry, hosts }) => entry(hosts)), ...finished];
}

function entryFor(
  job: number,
  event: 'begun' | 'started' | 'refused',
  reason: string,
): (hosts: number[]) => LogEntry {
  switch (event) {
    case 'begun':
      return (hosts) => ({ type: 'hosts-begun', job, hosts: toHostSet(hosts) });
    case 'started':
      return (hosts) => ({ type: 'hosts-started', job, hosts: toHostSet(hosts) });
    case 'refused':
      return (hosts) => ({ type: 'hosts-refused', job, hosts: toHostSet(hosts), reason });
  }
}
