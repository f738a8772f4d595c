/** A recounted job as the API shows it. Pure. */
import { foldForPeople, formatJobId, type JobReport, type LogPosition } from '@pogo/core';
import type { JobDocument, JobReportDocument, ReportVerdict, Verdict } from '@pogo/protocol';
import type { HostNames } from '../events/job-tracker.js';
import type { Recounted } from './recounted-job.js';

type Instant = JobReportDocument['periods'][number]['from'];

/** @param nowMs until when an open job has lasted */
export function reportDocument(
  document: JobDocument,
  recounted: Recounted,
  names: HostNames,
  nowMs: number,
): JobReportDocument {
  const { id, state, title, submitter } = document;
  const about = { job: id, state, title, submitter };
  if (recounted.kind !== 'recounted') return { ...about, ...unproven(document, recounted, nowMs) };
  const { report } = recounted;
  const own = report.own.map(({ limit, peak, at, violated }) => ({
    ...(limit !== undefined && { limit }),
    peak,
    ...instantAs('at', at),
    violations: violated,
    verdict: verdictOf(violated, limit !== undefined && peak > limit),
  }));
  const slots = report.slots.map(({ at, hosts, violations, violated, ...slot }) => ({
    ...slot,
    ...instantAs('at', at),
    hosts: foldForPeople(hosts),
    violations: violated,
    violated: violations.map((violation) => ({ ...violation })),
    verdict: verdictOf(violated, slot.peak > slot.limit),
  }));
  const sequences = report.sequences.map(({ lastEnd, firstStart, violated, ...sequence }) => ({
    ...sequence,
    ...instantAs('lastEnd', lastEnd),
    ...instantAs('firstStart', firstStart),
    violations: violated,
    verdict: verdictOf(violated, false),
  }));
  const missing = missingFrom(report);
  return {
    ...about,
    verdict: overall(
      [...own, ...slots, ...sequences].map(({ verdict }) => verdict),
      missing.length === 0,
    ),
    complete: missing.length === 0,
    missing,
    hosts: report.hosts,
    counts: report.counts,
    unconstrained: report.isUnconstrained,
    periods: report.periods.map(({ from, to, state: end }) => ({
      from: instant(from),
      ...instantAs('to', to),
      ...(end !== undefined && { state: end }),
    })),
    durationMs: report.periods.reduce((sum, { from, to }) => sum + (to?.atMs ?? nowMs) - from.atMs, 0),
    attempts: { ...report.attempts },
    failures: report.failures.map(({ state: end, reason, count, hosts }) => ({
      state: end,
      ...(reason !== undefined && { reason }),
      count,
      hosts: names.fold(hosts),
    })),
    own,
    slots,
    sequences,
  };
}

/** What the job's document says, where nothing can be recounted: it proves nothing about limits. */
function unproven(
  { hosts, counts, acceptedAtMs, endedAtMs }: JobDocument,
  missing: Exclude<Recounted, { kind: 'recounted' }>,
  nowMs: number,
): Omit<JobReportDocument, 'job' | 'state' | 'title' | 'submitter'> {
  return {
    verdict: 'unproven',
    complete: false,
    missing: [`${reasonOf(missing)}: nothing can be said about limits, sequences and attempts`],
    hosts,
    counts,
    unconstrained: false,
    periods: [],
    durationMs: (endedAtMs ?? nowMs) - acceptedAtMs,
    attempts: { total: 0, retriedHosts: 0, most: 0, failed: 0 },
    failures: [],
    own: [],
    slots: [],
    sequences: [],
  };
}

function reasonOf(missing: Exclude<Recounted, { kind: 'recounted' }>): string {
  return missing.kind === 'log-missing'
    ? `the log is kept from entry ${missing.from} on, and the job was accepted before`
    : `version ${missing.version} of the namespace, whose limits held in that time, is kept no longer`;
}

function missingFrom({ namelessJobs }: JobReport): string[] {
  if (namelessJobs.length === 0) return [];
  const jobs = namelessJobs.map(formatJobId).join(', ');
  return [
    `the hosts of ${jobs} are not on record any more, so they count nowhere: peaks of slots may have been higher`,
  ];
}

function verdictOf(violated: number, isExceeded: boolean): Verdict {
  return violated > 0 ? 'violated' : isExceeded ? 'exceeded' : 'kept';
}

function overall(verdicts: readonly Verdict[], isComplete: boolean): ReportVerdict {
  if (verdicts.includes('violated')) return 'violated';
  if (!isComplete) return 'unproven';
  return verdicts.includes('exceeded') ? 'exceeded' : 'kept';
}

function instant({ index, atMs }: LogPosition): Instant {
  return { atMs, index };
}

function instantAs<K extends string>(key: K, at: LogPosition | undefined): Partial<Record<K, Instant>> {
  return (at === undefined ? {} : { [key]: instant(at) }) as Partial<Record<K, Instant>>;
}
