/**
 * Decides what a person asks of hosts that have no order, or whose attempt is over: another attempt, to be passed over,
 * or to stop counting. Hosts are indexes; those that the verb doesn't fit are left as they are.
 */
import { type HostRecord, isDisturbed, type JobRecord } from '../cluster-state.js';
import type { LogEntry } from '../entries.js';
import { toHostSet } from '../host-set.js';
import { type HostState, isEnded } from '../states.js';

/** What a verb comes to, besides its entries. */
export type VerbRefusal =
  /** Nothing is as the verb needs it. */
  | { kind: 'nothing-to-do' }
  | { kind: 'job-ended' }
  /** It is being halted: what it does next is decided when it has ended. */
  | { kind: 'halting' }
  /** Nobody holds the job's credentials. */
  | { kind: 'credentials-needed' }
  /** E3: the worker of these hosts' unknown attempts may come back, and its order be carried out yet. */
  | { kind: 'worker-may-return'; hosts: number[] };

export type VerbDecision = { kind: 'decided'; entries: LogEntry[]; hosts: number[] } | VerbRefusal;

/** Credentials for a job, as a verb finds them. */
export type CredentialsAtHand =
  /** Those in force are still there. */
  | { kind: 'present' }
  | { kind: 'missing' }
  /** Sealed anew, for workers with these key ids (V5). */
  | { kind: 'given'; recipients: readonly string[] };

/**
 * States that a retry takes up when no hosts are named. Not `unknown`, whose command may have run, or run yet (I7), and
 * not `skipped`, which somebody has decided on.
 */
const retriedUnasked: readonly HostState[] = [
  'failed',
  'unreachable',
  'auth-failed',
  'timed-out',
  'killed',
  'denied',
  'halted',
];
const retriedWhenNamed: readonly HostState[] = [...retriedUnasked, 'unknown', 'skipped'];

export function decideRetry(
  job: JobRecord,
  request: {
    /** Undefined: the default. */
    hosts: readonly number[] | undefined;
    by: string;
    /** The worker of an unknown attempt is gone for good, so its order is fenced off on the host (E3). */
    fence: boolean;
    credentials: CredentialsAtHand;
  },
): VerbDecision {
  const { by, fence, credentials } = request;
  if (job.halt !== undefined && !isEnded(job.state)) return { kind: 'halting' };
  const wanted = request.hosts === undefined ? retriedUnasked : retriedWhenNamed;
  const hosts = (request.hosts ?? [...job.hosts.keys()]).filter((host) =>
    wanted.includes(job.hosts[host]!.state),
  );
  if (hosts.length === 0) return { kind: 'nothing-to-do' };
  const open = fence ? [] : hosts.filter((host) => mayBeginYet(job.hosts[host]!));
  if (open.length > 0) return { kind: 'worker-may-return', hosts: open };
  const renewal = renewalOf(job, credentials);
  if (renewal === undefined) return { kind: 'credentials-needed' };
  const entries: LogEntry[] = [];
  if (isEnded(job.state)) entries.push({ type: 'job-reopened', job: job.job, by, cause: 'retry' });
  entries.push(...renewal);
  // A fence stays on a host, so it is put only where something is to be fenced off.
  const fenced = (host: HostRecord) => fence && (mayBeginYet(host) || host.earlier !== undefined);
  for (const keepsPermit of [true, false]) {
    for (const withFence of [true, false]) {
      const some = hosts.filter((index) => {
        const host = job.hosts[index]!;
        return isDisturbed(host) === keepsPermit && fenced(host) === withFence;
      });
      if (some.length === 0) continue;
      const set = toHostSet(some);
      entries.push({ type: 'hosts-retried', job: job.job, hosts: set, by, keepsPermit, fence: withFence });
    }
  }
  return { kind: 'decided', entries, hosts };
}

/** Hosts that have no order yet never start. */
export function decideSkip(job: JobRecord, request: { hosts: readonly number[]; by: string }): VerbDecision {
  if (isEnded(job.state)) return { kind: 'job-ended' };
  const hosts = request.hosts.filter((host) => {
    const { state } = job.hosts[host]!;
    return state === 'waiting' || state === 'permitted';
  });
  if (hosts.length === 0) return { kind: 'nothing-to-do' };
  const set = toHostSet(hosts);
  return {
    kind: 'decided',
    entries: [{ type: 'hosts-skipped', job: job.job, hosts: set, by: request.by }],
    hosts,
  };
}

/**
 * Hosts stop counting that do so because of an attempt that nobody knows the outcome of, or that did not end well (S3). The
 * job isn't opened for it. As for another attempt, an unknown one must have become impossible first (E3).
 */
export function decideRelease(
  job: JobRecord,
  request: { hosts: readonly number[]; by: string },
): VerbDecision {
  const hosts = request.hosts.filter((host) => {
    const { state, released, earlier } = job.hosts[host]!;
    return (state === 'unknown' && !released) || earlier !== undefined || job.held.has(host);
  });
  if (hosts.length === 0) return { kind: 'nothing-to-do' };
  const open = hosts.filter((host) => mayBeginYet(job.hosts[host]!));
  if (open.length > 0) return { kind: 'worker-may-return', hosts: open };
  const set = toHostSet(hosts);
  return {
    kind: 'decided',
    entries: [{ type: 'hosts-released', job: job.job, hosts: set, by: request.by }],
    hosts,
  };
}

/** The entries that bring the credentials in; undefined when there are none. */
export function renewalOf(job: JobRecord, credentials: CredentialsAtHand): LogEntry[] | undefined {
  switch (credentials.kind) {
    case 'missing':
      return undefined;
    case 'given':
      return [{ type: 'credentials-renewed', job: job.job, recipients: credentials.recipients }];
    case 'present':
      return job.state === 'needs-credentials'
        ? [{ type: 'credentials-renewed', job: job.job, recipients: job.recipients }]
        : [];
  }
}

/**
 * E3: whether the order of the host's unknown attempt may still be carried out. Not when its worker has said itself that
 * it doesn't know, which it does only once its rexec is dead; a worker that went away has said nothing.
 */
function mayBeginYet({ state, outcome, released }: HostRecord): boolean {
  return state === 'unknown' && !released && outcome?.reason === 'worker-lost';
}
