import { type HostRecord, isDisturbed, type JobRecord } from '../cluster-state.js';
import { isTerminal } from '../states.js';

/** What constraints see of a host; sums are kept over these. */
export interface HostBits {
  /** An attempt of it may be under way (E1). */
  readonly live: boolean;
  /** It counts without one: its command was over, and not well (S3). */
  readonly held: boolean;
  /** It counts, and no passing of time changes that. */
  readonly fixed: boolean;
  readonly waiting: boolean;
  /** It keeps no host of a later stage waiting (S4). */
  readonly done: boolean;
}

export function hostBits(job: JobRecord, host: HostRecord, index: number): HostBits {
  const live = isDisturbed(host);
  const held = job.held.has(index);
  const moving = host.state !== 'waiting' && !isTerminal(host.state);
  return {
    live,
    held,
    fixed: (live || held) && !moving,
    waiting: host.state === 'waiting',
    done: isDone(job, host, live),
  };
}

/**
 * S4: a host is done once it has succeeded, or somebody has said that it is passed over. Where the job goes on after a
 * failed predecessor, any end will do of which it is known that the command is over.
 */
function isDone(job: JobRecord, host: HostRecord, live: boolean): boolean {
  if (host.state === 'succeeded' || host.state === 'skipped') return true;
  return job.accepted.onPredecessorFailure === 'continue' && isTerminal(host.state) && !live;
}
