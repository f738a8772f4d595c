/** What may be permitted next, while the planner decides: the state, and what was decided on top of it. */
import type { ClusterState, JobRecord } from '../cluster-state.js';
import { groupOf, modeOfHost, standsIn } from './change-host.js';
import { isHostFrozen } from './freeze.js';
import { MinHeap } from '../min-heap.js';
import type { HostGroup } from './host-group.js';
import type { ReadyGroup } from './ready-groups.js';

/** Room in slots, and members that are free, over all jobs of one round of decisions. */
export class Room {
  readonly state: ClusterState;
  /** Hosts that were decided about, by slot; made with the first of them. */
  #used: Int32Array | undefined;
  readonly #members = new Set<number>();

  constructor(state: ClusterState) {
    this.state = state;
  }

  /** Whether one more host has room in each of these (S1, S2). */
  has(slots: readonly number[]): boolean {
    const { namespace, use } = this.state.constraints;
    for (const slot of slots) {
      if (use[slot]! + (this.#used?.[slot] ?? 0) >= namespace!.slots[slot]!.limit) return false;
    }
    return true;
  }

  isTaken(member: number): boolean {
    return this.#members.has(member);
  }

  /** The member is permitted; unless it counts already, it counts in its slots from here on. */
  take(member: number, mode: 'free' | 'counted'): void {
    this.#members.add(member);
    if (mode === 'counted') return;
    const { namespace, use } = this.state.constraints;
    const used = (this.#used ??= new Int32Array(use.length));
    for (const slot of namespace!.slotsOf(member)) used[slot]!++;
  }
}

/** The worker that takes a host of the pool now; undefined when there is none, nor will be while decisions go on. */
export type ChooseWorker = (pool: string | undefined) => string | undefined;

/** A host that goes on, and with whom. */
export interface TakenHost {
  readonly index: number;
  readonly worker: string;
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
  #lanes: Set<Lane> | undefined;
  /** Hosts that were taken, where those of a ramp are taken besides. */
  readonly #taken = new Set<number>();
  #others: Iterator<number> | undefined;

  constructor(job: JobRecord, room: Room) {
    this.#job = job;
    this.#room = room;
  }

  /** Takes the next host that has room and a worker; undefined when there is none. */
  take(workerOf: ChooseWorker): TakenHost | undefined {
    const taken = this.#takeNext(workerOf);
    if (taken !== undefined && this.#job.ramp !== undefined) this.#taken.add(taken.index);
    return taken;
  }

  /** Takes the next of these hosts, if any of them has room and a worker. Always to be asked for the same ones. */
  takeAmong(hosts: ReadonlySet<number>, workerOf: ChooseWorker): TakenHost | undefined {
    this.#others ??= [...hosts].sort((a, b) => a - b)[Symbol.iterator]();
    for (let next = this.#others.next(); !next.done; next = this.#others.next()) {
      const index = next.value;
      if (this.#taken.has(index) || !this.#mayStart(index)) continue;
      const worker = workerOf(groupOf(this.#job, index).pool);
      if (worker === undefined) continue;
      const member = this.#job.placement?.members[index] ?? -1;
      const isCounted = modeOfHost(this.#room.state, this.#job, index) === 'counted';
      if (member >= 0) this.#room.take(member, isCounted ? 'counted' : 'free');
      return { index, worker };
    }
    return undefined;
  }

  #mayStart(index: number): boolean {
    const { pendingStages, frozenSlots, slots } = groupOf(this.#job, index);
    if (pendingStages > 0 || frozenSlots > 0) return false;
    const mode = modeOfHost(this.#room.state, this.#job, index);
    const member = this.#job.placement?.members[index] ?? -1;
    if (mode === 'busy' || (member >= 0 && this.#room.isTaken(member))) return false;
    return mode === 'counted' || this.#room.has(slots);
  }

  #takeNext(workerOf: ChooseWorker): TakenHost | undefined {
    const lanes = (this.#lanes ??= this.#open(workerOf));
    for (;;) {
      let lane: Lane | undefined;
      let first: Head | undefined;
      for (const one of lanes) {
        const head = one.first();
        if (head !== undefined && (first === undefined || head.index < first.index))
          [lane, first] = [one, head];
      }
      if (lane === undefined || first === undefined) return undefined;
      if (first.mode === 'free' && !this.#room.has(first.group.slots)) {
        lane.drop();
        continue;
      }
      const worker = workerOf(lane.pool);
      if (worker === undefined) {
        lanes.delete(lane);
        continue;
      }
      const { index, mode } = first;
      lane.advance();
      const member = this.#job.placement?.members[index] ?? -1;
      if (member < 0) return { index, worker };
      if (this.#room.isTaken(member)) continue;
      this.#room.take(member, mode);
      return { index, worker };
    }
  }

  /** Hosts that no worker reaches now cost nothing, however many groups they are. */
  #open(workerOf: ChooseWorker): Set<Lane> {
    const lanes = new Set<Lane>();
    for (const [pool, groups] of this.#job.ready.byPool()) {
      if (workerOf(pool) !== undefined) lanes.add(new Lane(this.#room.state, this.#job, pool, groups));
    }
    return lanes;
  }
}

/** Hosts of one pool. */
class Lane {
  readonly pool: string | undefined;
  readonly #state: ClusterState;
  readonly #job: JobRecord;
  /** Groups that were not looked at yet, in the order of their first hosts. */
  readonly #groups: Iterator<ReadyGroup>;
  #next: ReadyGroup | undefined;
  readonly #heads = new MinHeap<Head>(({ index }) => index);

  constructor(state: ClusterState, job: JobRecord, pool: string | undefined, groups: Iterable<ReadyGroup>) {
    this.pool = pool;
    this.#state = state;
    this.#job = job;
    this.#groups = groups[Symbol.iterator]();
    this.#next = nextOf(this.#groups);
  }

  /** The head that stands at the least index, once every group was opened that may have a lesser one. */
  first(): Head | undefined {
    for (;;) {
      const first = this.#heads.first;
      if (this.#next === undefined || (first !== undefined && first.index < this.#next.first)) return first;
      this.#open(this.#next.group);
      this.#next = nextOf(this.#groups);
    }
  }

  /** The first head has no more room. */
  drop(): void {
    this.#heads.pop();
  }

  /** The first head's host was taken. */
  advance(): void {
    const first = this.#heads.first;
    if (first !== undefined && this.#find(first)) this.#heads.moved();
    else this.#heads.pop();
  }

  #open(group: HostGroup): void {
    for (const mode of ['free', 'counted'] as const) {
      if (mode === 'free' && group.fullSlots > 0) continue;
      const queue = mode === 'free' ? group.waiting : group.counted;
      if (queue.isEmpty) continue;
      const head = { group, mode, rest: queue[Symbol.iterator](), index: -1 };
      if (this.#find(head)) this.#heads.push(head);
    }
  }

  /** Moves the head to its next host that still stands there. */
  #find(head: Head): boolean {
    for (let next = head.rest.next(); !next.done; next = head.rest.next()) {
      if (!standsIn(this.#state, this.#job, next.value, head.mode)) continue;
      head.index = next.value;
      return true;
    }
    return false;
  }
}

interface ReturnedHead {
  readonly pool: string | undefined;
  readonly rest: Iterator<number>;
  /** The host that it stands at. */
  index: number;
}

/** The hosts of one job that have a permit and wait for a worker alone, one by one. */
export class ReturnedInOrder {
  readonly #job: JobRecord;
  #heads: ReturnedHead[] | undefined;

  constructor(job: JobRecord) {
    this.#job = job;
  }

  /** Takes the next host that has a worker; undefined when there is none. */
  take(workerOf: ChooseWorker): TakenHost | undefined {
    const heads = (this.#heads ??= this.#open());
    for (;;) {
      let first: ReturnedHead | undefined;
      for (const head of heads) if (first === undefined || head.index < first.index) first = head;
      if (first === undefined) return undefined;
      const { index } = first;
      const worker = workerOf(first.pool);
      if (worker === undefined || !this.#advance(first)) heads.splice(heads.indexOf(first), 1);
      if (worker !== undefined) return { index, worker };
    }
  }

  #open(): ReturnedHead[] {
    const heads: ReturnedHead[] = [];
    for (const [pool, hosts] of this.#job.returned.byPool()) {
      const head = { pool, rest: hosts[Symbol.iterator](), index: -1 };
      if (this.#advance(head)) heads.push(head);
    }
    return heads;
  }

  #advance(head: ReturnedHead): boolean {
    for (let next = head.rest.next(); !next.done; next = head.rest.next()) {
      if (this.#job.hosts[next.value]!.state !== 'permitted') continue;
      if (isHostFrozen(this.#job, next.value)) continue;
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
