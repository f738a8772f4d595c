/** What may be permitted next, while the planner decides: the state, and what was decided on top of it. */
import type { ClusterState, JobRecord } from '../cluster-state.js';
import { standsIn } from './change-host.js';
import type { HostGroup } from './host-group.js';

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
  #heads: Head[] | undefined;

  constructor(job: JobRecord, room: Room) {
    this.#job = job;
    this.#room = room;
  }

  /** Takes the next host that has room; undefined when there is none. */
  take(): number | undefined {
    const heads = (this.#heads ??= this.#open());
    for (;;) {
      let first: Head | undefined;
      for (const head of heads) if (first === undefined || head.index < first.index) first = head;
      if (first === undefined) return undefined;
      if (first.mode === 'free' && !this.#room.has(first.group.slots)) {
        heads.splice(heads.indexOf(first), 1);
        continue;
      }
      const { index, mode } = first;
      if (!this.#advance(first)) heads.splice(heads.indexOf(first), 1);
      const member = this.#job.placement?.members[index] ?? -1;
      if (member < 0) return index;
      if (this.#room.isTaken(member)) continue;
      this.#room.take(member, mode);
      return index;
    }
  }

  #open(): Head[] {
    const heads: Head[] = [];
    for (const group of this.#job.ready) {
      for (const mode of ['free', 'counted'] as const) {
        if (mode === 'free' && group.fullSlots > 0) continue;
        const queue = mode === 'free' ? group.waiting : group.counted;
        if (queue.isEmpty) continue;
        const head = { group, mode, rest: queue[Symbol.iterator](), index: -1 };
        if (this.#advance(head)) heads.push(head);
      }
    }
    return heads;
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
