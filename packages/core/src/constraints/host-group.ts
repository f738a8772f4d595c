import { IndexHeap } from '../index-heap.js';

/** Hosts of a job that are one step of a sequence (S4): an app within one environment value. */
export interface StageProgress {
  /** Its index in the namespace; the name tells it apart over versions. */
  readonly stage: number;
  /** Hosts of it that are not done: they keep those of later stages waiting. */
  pending: number;
  /** Of these, hosts that wait for a permit. */
  waiting: number;
  /** Groups that wait for it. */
  readonly followers: HostGroup[];
}

/**
 * Hosts of one job that the same slots limit, the same stages hold up and the same workers reach: what is decided for one
 * of them holds for all, so that a decision looks at groups and not at hosts.
 */
export interface HostGroup {
  readonly job: number;
  /** Only workers of this pool reach its hosts; undefined where any worker does. */
  readonly pool: string | undefined;
  /** Slots that limit it. */
  readonly slots: readonly number[];
  /** Slots that its hosts are in, whether or not these limit it: what a freeze of theirs holds up. */
  readonly within: readonly number[];
  /** Steps of sequences that its hosts are. */
  readonly own: readonly StageProgress[];
  /** What has to be done before. */
  readonly after: readonly StageProgress[];
  /** Its waiting hosts that need room in each slot; others may be among them, which readers pass over. */
  readonly waiting: IndexHeap;
  /** The same for those that count already, and need none. */
  readonly counted: IndexHeap;
  fullSlots: number;
  pendingStages: number;
  /** Of `within`. */
  frozenSlots: number;
  /** It is among those to be brought up to date (change-host.ts, 2). */
  isTouched: boolean;
}

export function newGroup(
  job: number,
  {
    slots = [],
    own = [],
    after = [],
    within = slots,
    pool,
  }: Partial<Pick<HostGroup, 'slots' | 'own' | 'after' | 'within'>> & { pool?: string | undefined } = {},
): HostGroup {
  return {
    job,
    pool,
    slots,
    within,
    own,
    after,
    waiting: new IndexHeap(),
    counted: new IndexHeap(),
    fullSlots: 0,
    pendingStages: 0,
    frozenSlots: 0,
    isTouched: false,
  };
}
