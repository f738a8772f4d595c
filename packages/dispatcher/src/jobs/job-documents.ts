import {
  type ClusterState,
  formatJobId,
  type HostRecord,
  hostStates,
  isEnded,
  type JobRecord,
  nextStepMs,
  rampWait,
  stepLimit,
} from '@pogo/core';
import type { HostCounts, JobDocument, JobHostDocument, RampState } from '@pogo/protocol';
import { outcomeDocument } from '../events/job-tracker.js';
import { deadlockDocument } from './deadlock-document.js';
import { needsCredentials } from './needs-credentials.js';

/** The job as the API shows it. */
export function jobDocument(record: JobRecord, state?: ClusterState): JobDocument {
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
    limits: limitsDocument(record.limits),
    ...(halt && { halt: { ...halt } }),
    ...(record.hold && { hold: { ...record.hold } }),
    ...rampOf(record),
    ...(state && frozenOf(record, state)),
    ...(record.state === 'needs-credentials' && { needs: needsCredentials }),
    ...(record.state === 'deadlocked' && record.deadlock && { deadlock: deadlockDocument(record.deadlock) }),
    acceptedAtMs: record.acceptedAtMs,
    ...(endedAtMs !== undefined && { endedAtMs }),
  };
}

/** The job, and the log index of its last change: its version. */
export interface VersionedJob {
  document: JobDocument;
  version: number;
}

export function versionedJob(record: JobRecord, state: ClusterState): VersionedJob {
  return { document: jobDocument(record, state), version: record.lastIndex };
}

export function limitsDocument({ ramp, ...limits }: JobRecord['limits']): JobDocument['limits'] {
  return { ...limits, ...(ramp && { ramp: { ...ramp, steps: [...ramp.steps] } }) };
}

function rampOf(record: JobRecord): Pick<JobDocument, 'ramp'> {
  const { ramp } = record;
  const state = rampState(record);
  if (ramp === undefined || state === undefined) return {};
  const nextAtMs = nextStepMs(record);
  return {
    ramp: {
      ...state,
      limit: stepLimit(record, ramp),
      started: ramp.started.size,
      ...(nextAtMs !== undefined && { nextAtMs }),
    },
  };
}

/** Where the ramp stands; undefined when it has no steps to go. */
export function rampState(record: Pick<JobRecord, 'limits' | 'ramp'>): RampState | undefined {
  const { ramp, limits } = record;
  if (ramp === undefined) return undefined;
  return {
    step: ramp.step,
    steps: (limits.ramp?.steps.length ?? 0) + 1,
    waitsFor: rampWait(record),
    failed: ramp.pause?.failed ?? 0,
  };
}

function frozenOf(record: JobRecord, { constraints }: ClusterState): Pick<JobDocument, 'frozen'> {
  const { all } = constraints.frozen;
  return all === undefined || isEnded(record.state) ? {} : { frozen: { ...all } };
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
