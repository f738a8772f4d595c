/**
 * Who counts against the namespace's slots (S1-S3), over all jobs: part of the state, changed by the fold alone.
 *
 * 1. A member counts once in each of its slots, however many attempts of however many jobs count on it.
 * 2. `use` is the number of members that count, by slot, kept up to date by each change of a host.
 * 3. A slot is full while `use` is at its limit or above: a new version of the namespace may lower a limit below what is
 *    in use, and nothing that runs is disturbed by it.
 */
import type { Namespace } from '../namespace/namespace.js';
import type { HostGroup } from './host-group.js';

/** One host of the namespace that counts. */
export interface MemberUse {
  /** Attempts that may be under way on it, over all jobs: permitted, ordered, or of an outcome that nobody knows (E1). */
  live: number;
  /** Hosts of jobs whose command was over and not well (S3), until a later attempt succeeds or somebody releases them. */
  held: readonly { readonly job: number; readonly host: number }[];
}

/** A version of the namespace's file that was applied. */
export interface AppliedVersion {
  /** Counts from 1. */
  readonly version: number;
  /** Key of the stored document. */
  readonly ref: string;
  /** Who applied it; undefined where an earlier release did, which didn't keep it. */
  readonly by: string | undefined;
  /** Log time in milliseconds; undefined as `by` is. */
  readonly atMs: number | undefined;
  /** Index of the batch that applied it; -1 as `by` is. */
  readonly index: number;
}

/** How many versions of the file are kept, the one in force among them: the newest. */
export const keptNamespaceVersions = 100;

/** Who has said that nothing new starts. */
export interface Freeze {
  readonly by: string;
  readonly note?: string | undefined;
  /** Log time in milliseconds. */
  readonly atMs: number;
}

export interface ConstraintState {
  /** Counts from 1; 0 before the first namespace file was applied. */
  version: number;
  /** Key of the stored document. */
  ref: string | undefined;
  namespace: Namespace | undefined;
  /** The newest, at most {@link keptNamespaceVersions}, oldest first. */
  versions: readonly AppliedVersion[];
  use: number[];
  readonly members: Map<number, MemberUse>;
  /** Groups of hosts of open jobs that a slot limits, by slot. */
  groups: Set<HostGroup>[];
  /** Groups that have changed since what their jobs know of them was brought up to date; none between two batches. */
  touched: HostGroup[];
  /** What is frozen: the namespace as a whole, and slots by name. */
  readonly frozen: { all: Freeze | undefined; readonly slots: Map<string, Freeze> };
}

export function createConstraints(): ConstraintState {
  return {
    version: 0,
    ref: undefined,
    namespace: undefined,
    versions: [],
    use: [],
    members: new Map(),
    groups: [],
    touched: [],
    frozen: { all: undefined, slots: new Map() },
  };
}

/** Why a waiting host of a member may or may not have a permit, as far as the member alone decides. */
export type MemberMode =
  /** It needs room in each of its slots. */
  | 'free'
  /** It counts already, and nothing is under way on it: another attempt needs no second permit (S3). */
  | 'counted'
  /** An attempt may be under way on it: one at a time (S6). */
  | 'busy';

export function modeOf(constraints: ConstraintState, member: number): MemberMode {
  return modeOfUse(constraints.members.get(member));
}

export function modeOfUse(use: MemberUse | undefined): MemberMode {
  if (use === undefined) return 'free';
  return use.live > 0 ? 'busy' : 'counted';
}

/** Which of these slots are frozen. */
export function frozenAmong({ frozen, namespace }: ConstraintState, slots: readonly number[]): number[] {
  if (frozen.slots.size === 0) return [];
  return slots.filter((slot) => frozen.slots.has(namespace!.slots[slot]!.name));
}

export function isFull({ namespace, use }: ConstraintState, slot: number): boolean {
  return use[slot]! >= namespace!.slots[slot]!.limit;
}
