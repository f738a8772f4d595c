/** One host of one job, as the recount follows it. */
import type { HostState } from '../states.js';

export interface CountedHost {
  attempt: number;
  state: HostState;
  /** The attempt is permitted or ordered, or nobody knows whether it is over (E1). */
  isLive: boolean;
  /** Attempts before this one of which nobody knows whether they are over (E1). */
  earlier: readonly number[];
  /** A command on it was over, and not well (S3). */
  isHeld: boolean;
}

export function newCountedHost(): CountedHost {
  return { attempt: 1, state: 'waiting', isLive: false, earlier: [], isHeld: false };
}

/** Something of this job may be under way on the host. */
export function isUnderWay({ isLive, earlier }: CountedHost): boolean {
  return isLive || earlier.length > 0;
}

export function doesCount(host: CountedHost): boolean {
  return isUnderWay(host) || host.isHeld;
}
