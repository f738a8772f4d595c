import { formatJobId, type HostRecord, hostStates, type JobRecord } from '@pogo/core';
import type { HostCounts, JobDocument, JobHostDocument } from '@pogo/protocol';
import { outcomeDocument } from '../events/job-tracker.js';
import { needsCredentials } from './needs-credentials.js';

/** The job as the API shows it. */
export function jobDocument(record: JobRecord): JobDocument {
  const { accepted, endedAtMs } = record;
  const halt = record.halt ?? record.looking?.halt;
  const counts: HostCounts = {};
  for (const state of hostStates) if (record.counts[state] > 0) counts[state] = record.counts[state];
  return {
    id: formatJobId(record.job),
    state: record.state,
    title: accepted.title,
    submitter: accepted.submitter,
    namespace: accepted.namespace,
    digest: accepted.digest,
    hosts: accepted.hosts,
    counts,
    limits: { ...accepted.limits },
    ...(halt && { halt: { ...halt } }),
    ...(record.state === 'needs-credentials' && { needs: needsCredentials }),
    acceptedAtMs: record.acceptedAtMs,
    ...(endedAtMs !== undefined && { endedAtMs }),
  };
}

/** One host of a job as the API shows it; `unsettled` tells why the host could not say what became of its attempt. */
export function hostDocument(host: string, record: HostRecord, unsettled?: string): JobHostDocument {
  const { state, attempt, worker, outcome, released } = record;
  return {
    host,
    state,
    attempt,
    ...(worker !== undefined && { worker }),
    ...(outcome && { outcome: outcomeDocument(outcome) }),
    ...(released && { released }),
    ...(unsettled !== undefined && { unsettled }),
  };
}
