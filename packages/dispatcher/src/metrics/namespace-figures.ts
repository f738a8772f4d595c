/**
 * What the metrics tell of one namespace, at the moment of a scrape. It is added up from sums that the state keeps for each
 * job: nothing walks hosts, and nothing waits for the store, so that it is told also while the store is away.
 */
import {
  type ClusterState,
  countWaiting,
  emptyCounts,
  type HostState,
  type JobRecord,
  orderedCount,
  rampWait,
  type WaitCause,
  waitCauses,
} from '@pogo/core';
import type { Leader } from '../leader/leader.js';
import type { JobProgress } from './job-progress.js';

export const jobClasses = [
  /** Some host of it is at a worker, or is being asked what became of its command. */
  'active',
  /** Hosts of it wait, and none is under way. */
  'waiting',
  /** Its ramp waits for its time, or for somebody. */
  'ramp',
  /** Somebody holds it. */
  'held',
  'needs-credentials',
] as const;
export type JobClass = (typeof jobClasses)[number];

/** What only who leads can tell. */
export interface LedFigures {
  /** Open jobs, and how long the quietest of them has not been in the log, in milliseconds. */
  jobs: Record<JobClass, { count: number; quietMs: number }>;
  /** Of open jobs, by state. */
  hosts: Record<HostState, number>;
  waiting: Record<WaitCause, number>;
  /** Hosts that are asked what became of their command. */
  asked: number;
}

export interface NamespaceFigures {
  namespace: string;
  leads: boolean;
  /** It leads, or knows who does. */
  isServed: boolean;
  /** Log index of the entry that took the leadership last; undefined where nothing of the log is known yet. */
  term: number | undefined;
  /** Index of the last batch that is folded here; undefined as `term` is. */
  logIndex: number | undefined;
  /** Undefined at a dispatcher that doesn't lead. */
  led: LedFigures | undefined;
}

export interface FigureSources {
  namespace: string;
  leader: Leader;
  progress: JobProgress;
  /** Jobs that may start nothing just now, for a reason outside of the log (V2). */
  paused: (state: ClusterState) => ReadonlySet<number>;
}

export function namespaceFigures(sources: FigureSources): NamespaceFigures {
  const { namespace, leader } = sources;
  const nowMs = leader.nowMs();
  const known = leader.glance((state) => ({
    term: state.term,
    logIndex: state.nextIndex - 1,
    led: nowMs === undefined ? undefined : ledFigures(state, nowMs, sources),
  }));
  return {
    namespace,
    leads: leader.term !== undefined,
    isServed: leader.isServing,
    term: known?.term,
    logIndex: known?.logIndex,
    led: known?.led,
  };
}

function ledFigures(state: ClusterState, nowMs: number, { progress, paused }: FigureSources): LedFigures {
  const figures: LedFigures = {
    jobs: each(jobClasses, () => ({ count: 0, quietMs: 0 })),
    hosts: emptyCounts(),
    waiting: each(waitCauses, () => 0),
    asked: 0,
  };
  const pausedJobs = paused(state);
  for (const number of state.open) {
    const job = state.jobs.get(number)!;
    const alike = figures.jobs[classOf(job)];
    alike.count++;
    alike.quietMs = Math.max(alike.quietMs, progress.quietMs(number, nowMs));
    figures.asked += job.asking;
    for (const [name, count] of Object.entries(job.counts)) figures.hosts[name as HostState] += count;
    countWaiting(state, job, pausedJobs, figures.waiting);
  }
  return figures;
}

function classOf(job: JobRecord): JobClass {
  if (job.state === 'needs-credentials' || job.state === 'held') return job.state;
  if (orderedCount(job) + job.asking > 0) return 'active';
  return rampWait(job) === 'hosts' ? 'waiting' : 'ramp';
}

function each<K extends string, V>(keys: readonly K[], value: () => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, value()])) as Record<K, V>;
}
