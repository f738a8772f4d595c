/** Decides to ask hosts what became of `unknown` attempts, and to go on with credentials that were given anew. */
import type { JobRecord } from '../cluster-state.js';
import type { LogEntry } from '../entries.js';
import { toHostSet } from '../host-set.js';
import { isEnded } from '../states.js';
import { type CredentialsAtHand, renewalOf, type VerbDecision } from './retry.js';

export type ResolveDecision =
  VerbDecision | { kind: 'host-not-unknown'; hosts: number[] } | { kind: 'no-worker' };

/**
 * Opens the job if it has ended, and has each `unknown` host asked by the worker that held it, or else by another that can
 * open the credentials.
 */
export function decideResolve(
  job: JobRecord,
  request: {
    /** Undefined: every unknown one. */
    hosts: readonly number[] | undefined;
    by: string;
    credentials: CredentialsAtHand;
    /** The worker that is to ask about a host; undefined when there is none. */
    workerFor: (host: number) => string | undefined;
  },
): ResolveDecision {
  const { by, credentials, workerFor } = request;
  if (job.halt !== undefined && !isEnded(job.state)) return { kind: 'halting' };
  const named = request.hosts ?? [...job.hosts.keys()].filter((host) => job.hosts[host]!.state === 'unknown');
  const others = named.filter((host) => job.hosts[host]!.state !== 'unknown');
  if (others.length > 0) return { kind: 'host-not-unknown', hosts: others };
  const hosts = named.filter((host) => job.resolutions.get(host)?.asking !== true);
  if (hosts.length === 0) return { kind: 'nothing-to-do' };
  const renewal = renewalOf(job, credentials);
  if (renewal === undefined) return { kind: 'credentials-needed' };
  const byWorker = new Map<string, number[]>();
  for (const host of hosts) {
    const worker = workerFor(host);
    if (worker === undefined) return { kind: 'no-worker' };
    const some = byWorker.get(worker);
    if (some) some.push(host);
    else byWorker.set(worker, [host]);
  }
  const entries: LogEntry[] = [];
  if (isEnded(job.state)) entries.push({ type: 'job-reopened', job: job.job, by, cause: 'resolve' });
  entries.push(...renewal);
  for (const [worker, some] of byWorker) {
    entries.push({ type: 'hosts-resolving', job: job.job, hosts: toHostSet(some), worker });
  }
  return { kind: 'decided', entries, hosts };
}

export type ResumeDecision =
  | { kind: 'decided'; entries: LogEntry[] }
  | { kind: 'job-ended' }
  | { kind: 'halting' }
  /** It waits for nobody. */
  | { kind: 'job-running' }
  | { kind: 'credentials-needed' };

/**
 * A job that waits for a person goes on: it gets credentials where it needs them, and a hold is lifted. What that lets go on
 * has not been looked at yet, so a ramp's next step is confirmed only where neither stood in the way (S9). Credentials that
 * come along replace those in force.
 */
export function decideResume(
  job: JobRecord,
  request: {
    by: string;
    credentials: CredentialsAtHand;
    /** Whether a worker is there for hosts that wait, and can't open the credentials in force (V3). */
    isSealedForTooFew?: boolean;
  },
): ResumeDecision {
  if (isEnded(job.state)) return { kind: 'job-ended' };
  const { by, credentials, isSealedForTooFew = false } = request;
  const { job: number, state, hold, halt, ramp } = job;
  if (state !== 'needs-credentials' && halt !== undefined) return { kind: 'halting' };
  const isGiven = credentials.kind === 'given';
  const renewal = renewalOf(job, credentials);
  const goesOnWithRenewal = state === 'needs-credentials' || (isGiven && isSealedForTooFew);
  if (state === 'needs-credentials' && renewal === undefined) return { kind: 'credentials-needed' };
  const entries: LogEntry[] = [];
  if (hold !== undefined) entries.push({ type: 'hold-lifted', job: number, by });
  if (entries.length === 0 && !goesOnWithRenewal && ramp?.pause !== undefined)
    entries.push({ type: 'ramp-confirmed', job: number, step: ramp.step, by });
  if (goesOnWithRenewal || (isGiven && entries.length > 0)) entries.push(...renewal!);
  if (entries.length > 0) return { kind: 'decided', entries };
  return { kind: isSealedForTooFew ? 'credentials-needed' : 'job-running' };
}
