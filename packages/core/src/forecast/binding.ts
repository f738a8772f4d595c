/**
 * What made hosts of a forecast start only when they did: whatever held them back a moment before, since that is what has
 * changed.
 */
import type { ClusterState, JobRecord } from '../cluster-state.js';
import { isFull } from '../constraints/constraint-state.js';
import { groupOf } from '../constraints/change-host.js';
import type { HostGroup } from '../constraints/host-group.js';
import type { WorkerCapacity } from '../plan.js';
import { rampRoom } from '../ramp.js';

/** One thing that held hosts back until they started; slots and stages by their index in the namespace. */
export type Binding =
  | { kind: 'stage'; stage: number; pending: number }
  | { kind: 'slot'; slot: number; use: number }
  /** The job's own cap. */
  | { kind: 'own-cap'; disturbed: number }
  /** The step of the job's ramp had no room for another host, or was over (S9). */
  | { kind: 'ramp'; step: number }
  /** Another job's command ran there. */
  | { kind: 'busy' }
  /** No worker that reaches the host had room. */
  | { kind: 'worker' }
  /** Something else, of another job: one that ended. */
  | { kind: 'other' };

/** The obstacles of one job as they were before anything changed at some time. */
export class Before {
  readonly #job: JobRecord;
  readonly #state: ClusterState;
  readonly #slots = new Map<number, number>();
  readonly #stages = new Map<number, number>();
  /** Members on which a command of another job ends. */
  readonly #busy = new Set<number>();
  /** Groups of which a host ends, of any job. */
  readonly #ending = new Set<HostGroup>();
  readonly #byGroup = new Map<HostGroup, readonly Binding[]>();
  readonly #byBusyGroup = new Map<HostGroup, readonly Binding[]>();
  readonly #cap: Binding | undefined;
  /** Workers that had room. */
  readonly #free: readonly WorkerCapacity[];
  readonly #ramp: Binding | undefined;

  constructor(state: ClusterState, job: JobRecord, workers: readonly WorkerCapacity[]) {
    this.#state = state;
    this.#job = job;
    const { concurrent } = job.limits;
    if (concurrent !== null && job.disturbed >= concurrent)
      this.#cap = { kind: 'own-cap', disturbed: job.disturbed };
    this.#free = workers.filter(
      ({ name, capacity }) => (state.assignedTo.get(name) ?? 0) < capacity && !state.drained.has(name),
    );
    if (job.ramp !== undefined && rampRoom(job, job.ramp) === 0)
      this.#ramp = { kind: 'ramp', step: job.ramp.step };
  }

  /** To be told of the hosts whose commands are about to end, before any of these ends is folded. */
  end(job: JobRecord, hosts: readonly number[]): void {
    const { placement } = job;
    if (placement === undefined) return;
    let last: HostGroup | undefined;
    for (const host of hosts) {
      const member = placement.members[host]!;
      if (member < 0) continue;
      if (job !== this.#job) this.#busy.add(member);
      const group = groupOf(job, host);
      if (group === last) continue;
      last = group;
      if (!this.#ending.has(group)) this.#endOf(job, group);
    }
  }

  #endOf(job: JobRecord, group: HostGroup): void {
    this.#ending.add(group);
    const { constraints } = this.#state;
    for (const slot of group.within) {
      if (isFull(constraints, slot)) this.#slots.set(slot, constraints.use[slot]!);
    }
    if (job !== this.#job) return;
    for (const { stage, pending } of group.own) if (pending > 0) this.#stages.set(stage, pending);
  }

  /** Something that isn't the end of a host is about to free slots. */
  changesAll(): void {
    const { constraints } = this.#state;
    constraints.use.forEach((use, slot) => {
      if (!this.#slots.has(slot) && isFull(constraints, slot)) this.#slots.set(slot, use);
    });
  }

  /**
   * What held this host of the job back, which starts now; one list for all hosts of which the same is true.
   *
   * @param group that it is in
   */
  bindingOf(host: number, group: HostGroup): readonly Binding[] {
    const isBusy = this.#busy.size > 0 && this.#busy.has(this.#job.placement?.members[host] ?? -1);
    const known = isBusy ? this.#byBusyGroup : this.#byGroup;
    let bindings = known.get(group);
    if (bindings === undefined) {
      const common = this.#bindingsOf(group);
      if (isBusy) bindings = [{ kind: 'busy' }, ...common.filter(isOfTheJob)];
      else bindings = common.length > 0 ? common : [this.#outside(group)];
      known.set(group, bindings);
    }
    return bindings;
  }

  /** Nothing of the job, and nothing that the namespace limits. */
  #outside({ pool }: HostGroup): Binding {
    const hadRoom = this.#free.some(({ pools }) => pool === undefined || pools?.includes(pool) === true);
    return { kind: hadRoom ? 'other' : 'worker' };
  }

  #bindingsOf({ after, slots }: HostGroup): Binding[] {
    const bindings: Binding[] = [];
    for (const { stage } of after) {
      const pending = this.#stages.get(stage);
      if (pending !== undefined) bindings.push({ kind: 'stage', stage, pending });
    }
    for (const slot of slots) {
      const use = this.#slots.get(slot);
      if (use !== undefined) bindings.push({ kind: 'slot', slot, use });
    }
    if (this.#cap !== undefined) bindings.push(this.#cap);
    if (this.#ramp !== undefined) bindings.push(this.#ramp);
    return bindings;
  }
}

/** A host that another job has counted on needs no room of its own in slots. */
function isOfTheJob({ kind }: Binding): boolean {
  return kind === 'stage' || kind === 'own-cap' || kind === 'ramp';
}
