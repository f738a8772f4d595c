/** What the planner's decisions are held against: every host looked at anew each time, and the report's own count of the log. */
import {
  type ClusterState,
  countsBefore,
  countWaiting,
  hostIndexes,
  isDisturbed,
  isTerminal,
  type JobLimits,
  JobReporter,
  type JobRecord,
  type LogEntry,
  type Ramp,
  Recount,
  snapshotState,
  type WaitCause,
  waitCauses,
} from '@pogo/core';
import { expect } from 'vitest';
import type { Leader } from './job-fixture.js';

/** A ramp as the entries tell of it. */
interface RampModel {
  readonly of: Ramp | undefined;
  /** Index into the steps; as many as there are: all hosts may start. */
  step: number;
  readonly started: Set<number>;
  /** Hosts that were not well when somebody confirmed. */
  accepted: Set<number>;
  pausedMs: number | undefined;
}

export const noneWait = () =>
  Object.fromEntries(waitCauses.map((cause) => [cause, 0])) as Record<WaitCause, number>;

export class Reference {
  readonly #leader: Leader;
  readonly #ramps = new Map<number, RampModel>();
  readonly #held = new Set<number>();
  readonly #frozen = new Set<string | undefined>();

  constructor(leader: Leader) {
    this.#leader = leader;
  }

  get #state(): ClusterState {
    return this.#leader.state;
  }

  memberOf(record: JobRecord, index: number): number | undefined {
    return this.#state.constraints.namespace?.memberOf(this.#leader.hostNames(record.job)[index]!);
  }

  poolOf(record: JobRecord, index: number): string | undefined {
    const member = this.memberOf(record, index);
    return member === undefined ? undefined : this.#state.constraints.namespace!.poolOf(member);
  }

  /** Members that count: live with any job, or held by any. */
  counting(): { live: Set<number>; all: Set<number> } {
    const live = new Set<number>();
    const all = new Set<number>();
    for (const record of this.#state.jobs.values()) {
      record.hosts.forEach((host, index) => {
        const member = this.memberOf(record, index);
        if (member === undefined) return;
        if (isDisturbed(host)) live.add(member);
        if (isDisturbed(host) || record.held.has(index)) all.add(member);
      });
    }
    return { live, all };
  }

  use(): number[] {
    const { namespace } = this.#state.constraints;
    const { all } = this.counting();
    return (namespace?.slots ?? []).map(
      (_, slot) => [...all].filter((member) => namespace!.slotsOf(member).includes(slot)).length,
    );
  }

  /** Why the host may have no permit now; undefined when it may. */
  obstacle(record: JobRecord, index: number): string | undefined {
    const own = this.#stop(record, index);
    if (own !== undefined) return own;
    const { concurrent } = record.limits;
    if (concurrent !== null && record.hosts.filter(isDisturbed).length >= concurrent) return 'its own cap';
    const member = this.memberOf(record, index);
    const { namespace } = this.#state.constraints;
    if (member === undefined || namespace === undefined) return undefined;
    const { live, all } = this.counting();
    if (live.has(member)) return 'another attempt';
    if (record.accepted.unconstrained === true) return undefined;
    const before = new Set(namespace.stagesOf(member).flatMap((stage) => namespace.stages[stage]!.after));
    for (const [other, host] of record.hosts.entries()) {
      const peer = this.memberOf(record, other);
      if (peer === undefined || !namespace.stagesOf(peer).some((stage) => before.has(stage))) continue;
      const isOver = isTerminal(host.state) && !isDisturbed(host);
      const goesOn = record.accepted.onPredecessorFailure === 'continue';
      if (host.state === 'succeeded' || host.state === 'skipped' || (goesOn && isOver)) continue;
      return `an earlier host, ${other}`;
    }
    if (all.has(member)) return undefined;
    const use = this.use();
    const full = namespace.slotsOf(member).find((slot) => use[slot]! >= namespace.slots[slot]!.limit);
    return full === undefined ? undefined : `slot ${namespace.slots[full]!.name}`;
  }

  /** What people have against any order, or against this one. */
  #personsStop(record: JobRecord, index: number): string | undefined {
    if (this.#held.has(record.job)) return 'a hold';
    if (this.#frozen.has(undefined)) return 'a freeze';
    const member = this.memberOf(record, index);
    const { namespace } = this.#state.constraints;
    const within = member === undefined ? [] : namespace!.slotsOf(member);
    const frozen = within.find((slot) => this.#frozen.has(namespace!.slots[slot]!.name));
    return frozen === undefined ? undefined : `the freeze of slot ${frozen}`;
  }

  /** The same, and its ramp's against this start. */
  #stop(record: JobRecord, index: number): string | undefined {
    const stop = this.#personsStop(record, index);
    if (stop !== undefined) return stop;
    const { step, started } = this.#rampOf(record);
    const most = record.limits.ramp?.steps[step] ?? Infinity;
    if (started.has(index) || started.size < most) return undefined;
    const isOver = [...started].every((host) => isTerminal(record.hosts[host]!.state));
    return isOver && this.#mayAdvance(record) ? undefined : 'its ramp';
  }

  #rampOf(record: JobRecord): RampModel {
    let model = this.#ramps.get(record.job);
    if (model === undefined) this.#ramps.set(record.job, (model = this.#rampFrom(record.limits, new Set())));
    return model;
  }

  #rampFrom({ ramp: of }: JobLimits, started: Set<number>): RampModel {
    const steps = of?.steps ?? [];
    const step = steps.filter((most) => most < started.size).length;
    return { of, step, started, accepted: new Set(), pausedMs: undefined };
  }

  /** Hosts that are not well, and nobody has seen it. */
  #unaccepted(record: JobRecord): number[] {
    const { accepted } = this.#rampOf(record);
    return this.#notWell(record).filter((host) => !accepted.has(host));
  }

  #notWell(record: JobRecord): number[] {
    const isWell = (host: number) => ['succeeded', 'skipped'].includes(record.hosts[host]!.state);
    return [...this.#rampOf(record).started].filter((host) => !isWell(host));
  }

  /** By itself: everybody is well, and the pause is over. */
  #mayAdvance(record: JobRecord): boolean {
    const { pausedMs } = this.#rampOf(record);
    const pauseMs = record.limits.ramp?.pauseMs ?? null;
    const areWell = this.#unaccepted(record).length === 0;
    return areWell && pauseMs !== null && pausedMs !== undefined && this.#state.atMs >= pausedMs + pauseMs;
  }

  /** Looks at an entry before it is folded. */
  #check(entry: LogEntry): void {
    if (entry.type === 'ramp-paused') {
      const record = this.#state.jobs.get(entry.job)!;
      const { started } = this.#rampOf(record);
      const states = [...started].map((host) => record.hosts[host]!.state);
      expect(states.every(isTerminal)).toBe(true);
      expect(started.size).toBeGreaterThanOrEqual(record.limits.ramp!.steps[entry.step - 1]!);
      expect(entry.failed).toBe(this.#unaccepted(record).length);
    }
    if (entry.type === 'ramp-advanced') expect(this.#mayAdvance(this.#state.jobs.get(entry.job)!)).toBe(true);
    if (entry.type === 'job-ended' && entry.state === 'deadlocked') {
      expect(this.#frozen.has(undefined) || this.#held.has(entry.job)).toBe(false);
      expect(this.#rampOf(this.#state.jobs.get(entry.job)!).pausedMs).toBeUndefined();
    }
  }

  /** What an entry that was folded means for what people and ramps want. */
  #follow(entry: LogEntry): void {
    if (entry.type === 'frozen') this.#frozen.add(entry.slot);
    if (entry.type === 'thawed') this.#frozen.delete(entry.slot);
    if (!('job' in entry)) return;
    const record = this.#state.jobs.get(entry.job)!;
    const model = this.#rampOf(record);
    switch (entry.type) {
      case 'job-held':
        this.#held.add(entry.job);
        return;
      case 'hold-lifted':
      case 'job-ended':
        this.#held.delete(entry.job);
        return;
      case 'hosts-permitted':
        for (const host of hostIndexes(entry.hosts)) model.started.add(host);
        return;
      case 'hosts-retried':
        for (const host of hostIndexes(entry.hosts)) {
          if (entry.keepsPermit) model.started.add(host);
          model.accepted.delete(host);
        }
        if ([...hostIndexes(entry.hosts)].some((host) => model.started.has(host))) model.pausedMs = undefined;
        return;
      case 'job-reopened':
        this.#ramps.set(entry.job, this.#rampFrom(record.limits, new Set()));
        return;
      case 'limits-altered':
        this.#alter(record, model);
        return;
      case 'ramp-paused':
        model.pausedMs = this.#state.atMs;
        return;
      case 'ramp-advanced':
      case 'ramp-confirmed': {
        if (entry.type === 'ramp-confirmed') model.accepted = new Set(this.#notWell(record));
        const steps = record.limits.ramp!.steps;
        do model.step++;
        while (model.step < steps.length && steps[model.step]! <= model.started.size);
        model.pausedMs = undefined;
      }
    }
  }

  /** Another ramp: hosts count that the one before has started, or else those that somebody has. */
  #alter(record: JobRecord, model: RampModel): void {
    if (JSON.stringify(record.limits.ramp) === JSON.stringify(model.of)) return;
    const isUnderWay = model.step < (model.of?.steps.length ?? 0);
    const begun = [...record.hosts.keys()].filter(
      (host) => !['waiting', 'halted', 'skipped'].includes(record.hosts[host]!.state),
    );
    const altered = this.#rampFrom(record.limits, isUnderWay ? model.started : new Set(begun));
    if (isUnderWay) altered.accepted = model.accepted;
    this.#ramps.set(record.job, altered);
  }

  /** Appends, and looks at each permit as if it were given alone, and at each order whether its worker is of the pool. */
  append(entries: readonly LogEntry[], pools: readonly string[] = []): void {
    for (const entry of entries) {
      if (entry.type === 'hosts-assigned') {
        const record = this.#state.jobs.get(entry.job)!;
        for (const index of hostIndexes(entry.hosts))
          expect([undefined, ...pools]).toContain(this.poolOf(record, index));
      }
      if (entry.type !== 'hosts-permitted') {
        this.#check(entry);
        this.#leader.append([entry]);
        this.#follow(entry);
        continue;
      }
      const record = this.#state.jobs.get(entry.job)!;
      for (const item of entry.hosts) {
        const [first, last] = typeof item === 'number' ? [item, item] : item;
        for (let index = first; index <= last; index++) {
          expect(this.obstacle(record, index), `permit of job ${entry.job} host ${index}`).toBeUndefined();
          this.#leader.append([{ ...entry, hosts: [index] }]);
          this.#follow({ ...entry, hosts: [index] });
        }
      }
    }
  }

  expectSums(): void {
    expect(this.#state.constraints.use).toEqual(this.use());
    for (const number of this.#state.open) {
      const record = this.#state.jobs.get(number)!;
      const counts = noneWait();
      countWaiting(this.#state, record, new Set(), counts);
      const told = Object.values(counts).reduce((sum, count) => sum + count, 0);
      expect(told, `what job ${number} waits for`).toBe(record.counts.waiting + record.counts.permitted);
    }
  }

  /** With workers of these pools to spare, whoever may start there has started. */
  expectNobodyForgotten(pools: readonly string[]): void {
    for (const number of this.#state.open) {
      const record = this.#state.jobs.get(number)!;
      if (record.halt !== undefined) continue;
      const { started, step, pausedMs } = this.#rampOf(record);
      const isOver = [...started].every((host) => isTerminal(record.hosts[host]!.state));
      if (isOver && started.size >= (record.limits.ramp?.steps[step] ?? Infinity))
        expect(pausedMs, `the ramp of job ${number} waits, and the log says so`).toBeDefined();
      record.hosts.forEach((host, index) => {
        if (![undefined, ...pools].includes(this.poolOf(record, index))) return;
        if (host.state === 'permitted')
          expect(this.#personsStop(record, index), `job ${number} host ${index} has a worker`).toBeDefined();
        if (host.state !== 'waiting') return;
        expect(this.obstacle(record, index), `job ${number} host ${index} waits`).toBeDefined();
      });
    }
  }
}

/** What the report counts from the log alone, begun anew from a snapshot wherever the leader was. */
export class Recounted {
  readonly #leader: Leader;
  #recount: Recount;
  #read = 0;

  constructor(leader: Leader) {
    this.#leader = leader;
    this.#recount = new Recount(leader.documents, {});
  }

  restart(): void {
    const { state, documents, history } = this.#leader;
    const snapshot = JSON.parse(JSON.stringify(snapshotState(state))) as ReturnType<typeof snapshotState>;
    this.#recount = new Recount(documents, {}, countsBefore(snapshot));
    this.#read = history.length;
  }

  expectSame(): void {
    const { history, state } = this.#leader;
    for (const batch of history.slice(this.#read)) this.#recount.apply(batch);
    this.#read = history.length;
    const { namespace, use } = state.constraints;
    expect((namespace?.slots ?? []).map((slot) => this.#recount.useOf(slot).size)).toEqual(use);
  }

  /** No report finds a limit or a sequence violated. */
  expectKept(): void {
    const { history, state, documents } = this.#leader;
    for (const job of state.jobs.keys()) {
      const reporter = new JobReporter(job, documents);
      for (const batch of history) reporter.apply(batch);
      const { slots, sequences, own, counts } = reporter.report()!;
      const violated = [...slots, ...sequences, ...own].filter((one) => one.violated > 0);
      expect(violated, `job ${job}`).toEqual([]);
      const present = Object.entries(state.jobs.get(job)!.counts).filter(([, count]) => count > 0);
      expect(counts).toEqual(Object.fromEntries(present));
    }
  }
}
