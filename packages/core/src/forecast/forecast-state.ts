/**
 * A state of its own for a forecast: what counts now, over all jobs, and one job more. Nothing that is done to it is seen by
 * anyone else.
 *
 * 1. It is copied by way of a snapshot, so that whatever a restart would keep is there, and nothing is shared that changes.
 * 2. Jobs that have no say any more are left out.
 * 3. The job's own timeout is put off: how long it would take is the question. Whoever is to confirm the steps of its ramp is
 *    taken to do so at once.
 */
import { type ClusterState, createState } from '../cluster-state.js';
import { mayCount } from '../constraints/apply-namespace.js';
import type { JobAccepted, JobLimits } from '../entries.js';
import { applyBatch } from '../fold.js';
import type { Namespace } from '../namespace/namespace.js';
import { restoreState, snapshotState } from '../snapshot.js';

/** A time that no job of a forecast sees, in milliseconds. */
export const neverMs = 2 ** 50;

export interface ForecastJob {
  accepted: Omit<JobAccepted, 'type' | 'job' | 'hosts' | 'specRef' | 'idempotencyKey'>;
  /** Names of its hosts, in order. */
  hosts: readonly string[];
}

export interface ForecastState {
  state: ClusterState;
  /** Number of the job in question. */
  job: number;
}

/** The present, with the job as if it had just been accepted. */
export function forecastState(present: ClusterState, job: ForecastJob, nowMs: number): ForecastState {
  const counting = new Map([...present.jobs].filter(([, record]) => mayCount(record)));
  const { namespace } = present.constraints;
  const documents = documentsFor(namespace, job.hosts);
  const state = restoreState(snapshotState({ ...present, jobs: counting }), documents);
  return accept(state, job, nowMs);
}

/** Nothing but the job, in a namespace. */
export function emptyForecastState(
  job: ForecastJob,
  namespace: Namespace | undefined,
  nowMs: number,
): ForecastState {
  const state = createState(documentsFor(namespace, job.hosts));
  if (namespace !== undefined) {
    const applied = { type: 'namespace-applied', version: 1, ref: namespaceRef, by: 'forecast' } as const;
    applyBatch(state, { index: state.nextIndex, atMs: nowMs, entries: [applied] });
  }
  return accept(state, job, nowMs);
}

const specRef = 'forecast';
const namespaceRef = 'forecast';

function documentsFor(namespace: Namespace | undefined, hosts: readonly string[]) {
  return {
    namespace: () => namespace!,
    hostsOf: (ref: string) => (ref === specRef ? hosts : undefined),
  };
}

function confirmed({ ramp }: JobLimits): Pick<JobLimits, 'ramp'> {
  return ramp?.pauseMs === null ? { ramp: { ...ramp, pauseMs: 0 } } : {};
}

function accept(state: ClusterState, { accepted, hosts }: ForecastJob, nowMs: number): ForecastState {
  const job = state.nextJob;
  const entry: JobAccepted = {
    ...accepted,
    type: 'job-accepted',
    job,
    specRef,
    idempotencyKey: '',
    hosts: hosts.length,
    limits: { ...accepted.limits, ...confirmed(accepted.limits), jobTimeoutMs: neverMs },
    // Which worker tries the password first makes no difference in time worth telling.
    provesPassword: false,
  };
  applyBatch(state, { index: state.nextIndex, atMs: nowMs, entries: [entry] });
  return { state, job };
}
