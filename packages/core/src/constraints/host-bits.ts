import { type HostRecord, isDisturbed, type JobRecord } from '../cluster-state.js';
import { isTerminal } from '../states.js';

/** What constraints see of a host, sums being kept over each: one bit of the number that {@link hostBits} gives. */
export const hostBit = {
  /** An attempt of it may be under way (E1). */
  live: 1,
  /** It counts without one: its command was over, and not well (S3). */
  held: 2,
  /** It counts, and no passing of time changes that. */
  fixed: 4,
  waiting: 8,
  /** It keeps no host of a later stage waiting (S4). */
  done: 16,
} as const;

export function hostBits(job: JobRecord, host: HostRecord, index: number): number {
  const live = isDisturbed(host);
  const held = job.held.has(index);
  const moving = host.state !== 'waiting' && !isTerminal(host.state);
  return (
    (live ? hostBit.live : 0) |
    (held ? hostBit.held : 0) |
    ((live || held) && !moving ? hostBit.fixed : 0) |
    (host.state === 'waiting' ? hostBit.waiting : 0) |
    (isDone(job, host, live) ? hostBit.done : 0)
  );
}

/** By how much a sum over one of the bits changes. */
export function bitDifference(before: number, after: number, bit: number): -1 | 0 | 1 {
  if (((before ^ after) & bit) === 0) return 0;
  return (after & bit) === 0 ? -1 : 1;
}

/**
 * S4: a host is done once it has succeeded, or somebody has said that it is passed over. Where the job goes on after a
 * failed predecessor, any end will do of which it is known that the command is over.
 */
function isDone(job: JobRecord, host: HostRecord, live: boolean): boolean {
  if (host.state === 'succeeded' || host.state === 'skipped') return true;
  return job.goesOnAfterFailure && isTerminal(host.state) && !live;
}
