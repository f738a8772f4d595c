/** What may be permitted next, while the planner decides: the state, and what was decided on top of it. */
import type { ClusterState, JobRecord } from '../cluster-state.js';
import { standsIn } from './change-host.js';
import { MinHeap } from '../min-heap.js';
import type { HostGroup } from './host-group.js';
import type { ReadyGroup } from './ready-groups.js';

/** Room in slots, and members that are free, over all jobs of one round of decisions. */
export class Room {
  readonly state: ClusterState;
  readonly #used = new Map<number, number>();
  readonly #members = new Set<number>();

  constructor(state: ClusterState) {
    this.state = state;
  }

  /** Whether one more host has room in each of these (S1, S2). */
  has(slots: readonly number[]): boolean {
    const { namespace, use } = this.state.constraints;
    return slots.every((slot) => use[slot]! + (this.#used.get(slot) ?? 0) < namespace!.slots[slot]!.limit);
  }

  isTaken(member: number): boolean {
    return this.#members.has(member);
  }

  /** The member is permitted; unless it counts already, it counts in its slots from here on. */
  take(member: number, mode: 'free' | 'counted'): void {
    this.#members.add(member);
    if (mode === 'counted') return;
    for (const slot of this.state.constraints.namespace!.slotsOf(member)) {
      this.#used.set(slot, (this.#used.get(slot) ?? 0) + 1);
    }
  }
}

interface Head {
  readonly group: HostGroup;
  readonly mode: 'free' | 'counted';
  readonly rest: Iterator<number>;
  /** The host that it stands at. */
  index: number;
}

/** The hosts of one job that may be permitted, one by one, in the order of its targets (S12). */
export class WaitingHosts {
  readonly #job: JobRecord;
  readonly #room: Room;
  /** Groups that were not looked at yet, in the order of their first hosts. */
  readonly #groups: Iterator<ReadyGroup>;
  #next: ReadyGroup | undefined;
  readonly #heads = new MinHeap<Head>(({ index }) => index);

  constructor(job: JobRecord, room: Room) {
    this.#job = job;
    this.#room = room;
    this.#groups = job.ready[Symbol.iterator]();
    this.#next = nextOf(this.#groups);
  }

  /** Takes the next host that has room; undefined when there is none. */
  take(): number | undefined {
    for (;;) {
      const first = this.#first();
      if (first === undefined) return undefined;
      if (first.mode === 'free' && !this.#room.has(first.group.slots)) {
        this.#heads.pop();
        continue;
      }
      const { index, mode } = first;
      if (this.#advance(first)) this.#heads.moved();
      else this.#heads.pop();
      const member = this.#job.placement?.members[index] ?? -1;
      if (member < 0) return index;
      if (this.#room.isTaken(member)) continue;
      this.#room.take(member, mode);
      return index;
    }
  }

  /** The head that stands at the least index, once every group was opened that may have a lesser one. */
  #first(): Head | undefined {
    for (;;) {
      const first = this.#heads.first;
      if (this.#next === undefined || (first !== undefined && first.index < this.#next.first)) return first;
      this.#open(this.#next.group);
      this.#next = nextOf(this.#groups);
    }
  }

  #open(group: HostGroup): void {
    for (const mode of ['free', 'counted'] as const) {
      if (mode === 'free' && group.fullSlots > 0) continue;
      const queue = mode === 'free' ? group.waiting : group.counted;
      if (queue.isEmpty) continue;
      const head = { group, mode, rest: queue[Symbol.iterator](), index: -1 };
      if (this.#advance(head)) this.#heads.push(head);
    }
  }

  #advance(head: Head): boolean {
    for (let next = head.rest.next(); !next.done; next = head.rest.next()) {
      if (!standsIn(this.#room.state, this.#job, next.value, head.mode)) continue;
      head.index = next.value;
      return true;
    }
    return false;
  }
}

function nextOf<T>(items: Iterator<T>): T | undefined {
  const next = items.next();
  return next.done === true ? undefined : next.value;
}
