/**
 * The namespace's constraints, and a job's own, under random histories with holds, freezes and ramps, against a reference
 * that looks at every host anew each time: no sums, no queues.
 */
import {
  type ClusterState,
  decideAlter,
  decideFreeze,
  countsBefore,
  decideHalt,
  decideHold,
  decideRelease,
  decideResume,
  decideRetry,
  decideSkip,
  decideThaw,
  hostIndexes,
  isDisturbed,
  isEnded,
  isTerminal,
  type JobLimits,
  JobReporter,
  type JobRecord,
  type LogEntry,
  type NamespaceDefinition,
  type Outcome,
  outcomeStates,
  type OutcomeState,
  type Ramp,
  Recount,
  restoreState,
  snapshotState,
} from '@pogo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Leader, limits, workerA } from './job-fixture.js';

/** Twelve hosts in three apps and two environments that overlap. */
const hosts = Array.from({ length: 12 }, (_, index) => `h${index}`);

const limit = fc.oneof(
  fc.integer({ min: 1, max: 3 }).map((count) => ({ kind: 'count' as const, count })),
  fc.integer({ min: 1, max: 100 }).map((percent) => ({ kind: 'percent' as const, percent })),
);
const some = fc.subarray(hosts, { minLength: 1 });
const definition: fc.Arbitrary<Partial<NamespaceDefinition>> = fc
  .record({
    apps: fc.tuple(some, some, some),
    envs: fc.tuple(some, some),
    limits: fc.tuple(fc.option(limit), fc.option(limit), fc.option(limit)),
    sequence: fc.constantFrom([], [['a', 'b']], [['a', 'b', 'c']], [['c', 'a']]),
    holdFailures: fc.constantFrom('until-well' as const, 'until-well' as const, 'until-job-ends' as const),
    pools: fc.array(fc.constantFrom(undefined, undefined, 'p', 'q'), { minLength: 12, maxLength: 12 }),
  })
  .map(({ apps, envs, limits: counts, sequence, holdFailures, pools }) => {
    const names = ['a', 'b', 'c'];
    const known = new Set([...apps.flat(), ...envs.flat()]);
    const inPool = (pool: string) => hosts.filter((host, index) => known.has(host) && pools[index] === pool);
    return {
      pools: Object.fromEntries(
        ['p', 'q'].flatMap((pool) => (inPool(pool).length > 0 ? [[pool, inPool(pool).join()]] : [])),
      ),
      apps: Object.fromEntries(names.map((name, index) => [name, apps[index]!])),
      envs: { coast: { east: envs[0], west: envs[1].filter((host) => !envs[0].includes(host)).concat('w') } },
      constraints: {
        coast: {
          concurrency: Object.fromEntries(
            names.flatMap((name, index) => (counts[index] ? [[name, counts[index]]] : [])),
          ),
          sequence,
        },
      },
      holdFailures,
    };
  });

/** Steps as they may be in the log: they rise, and are fewer than a job has hosts at most. */
const ramp: fc.Arbitrary<Ramp> = fc.record({
  steps: fc
    .uniqueArray(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 3 })
    .map((counts) => counts.sort((a, b) => a - b)),
  pauseMs: fc.constantFrom(null, 0, 50),
});
const slots = ['a', 'b', 'c'].flatMap((app) => [`${app}@coast=east`, `${app}@coast=west`]);

type Step =
  | { kind: 'apply'; definition: Partial<NamespaceDefinition> }
  | {
      kind: 'submit';
      targets: string[];
      concurrent: number | null;
      unconstrained: boolean;
      goesOn: boolean;
      ramp: Ramp | null;
    }
  | { kind: 'finish'; pick: number; state: OutcomeState }
  | { kind: 'refuse'; pick: number }
  | {
      kind: 'verb';
      verb: 'retry' | 'skip' | 'release' | 'halt' | 'hold' | 'resume';
      job: number;
      hosts: number[];
    }
  | { kind: 'alter'; job: number; change: { concurrent?: number | null; ramp?: Ramp | null } }
  | { kind: 'freeze'; thaw: boolean; slot: string | undefined }
  | { kind: 'wait'; ms: number }
  | { kind: 'plan'; capacity: number; pools: readonly string[] }
  | { kind: 'restart' };

const job = fc.integer({ min: 1, max: 4 });
const steps = fc.array(
  fc.oneof(
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('apply' as const), definition }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('submit' as const),
        targets: fc.subarray([...hosts, 'stranger'], { minLength: 1 }),
        concurrent: fc.option(fc.integer({ min: 1, max: 4 })),
        unconstrained: fc.constantFrom(false, false, false, true),
        goesOn: fc.boolean(),
        ramp: fc.option(ramp, { freq: 2 }),
      }),
    },
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constant('finish' as const),
        pick: fc.nat(50),
        state: fc.constantFrom(...outcomeStates, 'succeeded' as const, 'succeeded' as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('refuse' as const), pick: fc.nat(50) }) },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('verb' as const),
        verb: fc.constantFrom(
          'retry' as const,
          'retry' as const,
          'skip' as const,
          'release' as const,
          'halt' as const,
          'hold' as const,
          'resume' as const,
          'resume' as const,
        ),
        job,
        hosts: fc.uniqueArray(fc.integer({ min: 0, max: 11 }), { maxLength: 5 }),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant('plan' as const),
        capacity: fc.constantFrom(1, 4, 100),
        pools: fc.constantFrom(['p', 'q'], ['p', 'q'], ['p'], ['q'], []),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('alter' as const),
        job,
        change: fc.record(
          {
            concurrent: fc.option(fc.integer({ min: 1, max: 4 })),
            ramp: fc.option(ramp),
          },
          { requiredKeys: [] },
        ),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('freeze' as const),
        thaw: fc.constantFrom(false, true, true),
        slot: fc.constantFrom(undefined, ...slots),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(20, 60) }) },
  ),
  { maxLength: 80, size: 'max' },
);

const outcomeOf = (state: OutcomeState): Outcome => {
  switch (state) {
    case 'succeeded':
      return { state, exitCode: 0 };
    case 'failed':
      return { state, reason: 'exit-nonzero', exitCode: 1 };
    case 'unreachable':
      return { state, reason: 'connection-refused' };
    case 'auth-failed':
      return { state, reason: 'password-refused' };
    case 'timed-out':
      return { state, reason: 'command-timeout' };
    case 'killed':
      return { state, reason: 'halt-kill' };
    case 'unknown':
      return { state, reason: 'rexec-lost' };
    case 'denied':
      return { state, reason: 'spec-mismatch' };
  }
};

/** A ramp as the entries tell of it. */
interface RampModel {
  readonly of: Ramp | undefined;
  /** Index into the steps; as many as there are: all hosts may start. */
  step: number;
  readonly started: Set<number>;
  pausedMs: number | undefined;
}

class Reference {
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
    return { of, step, started, pausedMs: undefined };
  }

  /** By itself: everybody is well, and the pause is over. */
  #mayAdvance(record: JobRecord): boolean {
    const { started, pausedMs } = this.#rampOf(record);
    const pauseMs = record.limits.ramp?.pauseMs ?? null;
    const areWell = [...started].every((host) =>
      ['succeeded', 'skipped'].includes(record.hosts[host]!.state),
    );
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
      expect(entry.failed).toBe(states.filter((state) => !['succeeded', 'skipped'].includes(state)).length);
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
        for (const host of hostIndexes(entry.hosts)) if (entry.keepsPermit) model.started.add(host);
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
    this.#ramps.set(record.job, this.#rampFrom(record.limits, isUnderWay ? model.started : new Set(begun)));
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
class Recounted {
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

function take(leader: Leader, reference: Reference, step: Step): void {
  const { state } = leader;
  const ordered = () =>
    [...state.jobs.values()].flatMap((record) =>
      record.hosts.flatMap((host, index) => (host.state === 'assigned' ? [{ record, index, host }] : [])),
    );
  switch (step.kind) {
    case 'apply':
      leader.constrain(step.definition);
      return;
    case 'submit':
      leader.submit(step.targets.join(), {
        limits: { ...limits, concurrent: step.concurrent, ...(step.ramp && { ramp: step.ramp }) },
        unconstrained: step.unconstrained,
        onPredecessorFailure: step.goesOn ? 'continue' : 'block',
      });
      return;
    case 'finish': {
      const all = ordered();
      const one = all[step.pick % all.length];
      if (one === undefined) return;
      const { record, index, host } = one;
      reference.append([
        {
          type: 'host-finished',
          job: record.job,
          host: index,
          attempt: host.attempt,
          outcome: outcomeOf(step.state),
        },
      ]);
      return;
    }
    case 'refuse': {
      const all = ordered();
      const one = all[step.pick % all.length];
      if (one === undefined) return;
      leader.append([{ type: 'hosts-refused', job: one.record.job, hosts: [one.index], reason: 'busy' }]);
      return;
    }
    case 'verb': {
      const record = state.jobs.get(step.job);
      if (record === undefined) return;
      const chosen = step.hosts.filter((index) => index < record.hosts.length);
      const request = { hosts: chosen, by: 'ada' };
      const decision =
        step.verb === 'retry'
          ? decideRetry(record, { ...request, fence: false, credentials: { kind: 'present' } })
          : step.verb === 'skip'
            ? decideSkip(record, request)
            : step.verb === 'release'
              ? decideRelease(record, request)
              : step.verb === 'hold'
                ? decideHold(record, request)
                : step.verb === 'resume'
                  ? decideResume(record, { ...request, credentials: { kind: 'present' } })
                  : decideHalt(state, { job: step.job, by: 'ada', cause: 'request', kill: false });
      if (decision.kind === 'decided' || decision.kind === 'halted') reference.append(decision.entries);
      return;
    }
    case 'alter': {
      const record = state.jobs.get(step.job);
      const { change } = step;
      const decision = record && decideAlter(record, { by: 'ada', change });
      if (decision?.kind === 'decided') reference.append(decision.entries);
      return;
    }
    case 'freeze': {
      const { slot } = step;
      const decision = step.thaw
        ? decideThaw(state, { slot, by: 'ada' })
        : decideFreeze(state, { slot, by: 'ada', note: undefined });
      if (decision.kind === 'decided') reference.append(decision.entries);
      return;
    }
    case 'wait':
      leader.append([], state.atMs + step.ms);
      return;
    case 'plan':
      for (;;) {
        const entries = leader.decide({
          workers: [{ ...workerA, capacity: step.capacity, pools: step.pools }],
        });
        if (entries.length === 0) break;
        reference.append(entries, step.pools);
      }
      if (step.capacity >= 100) reference.expectNobodyForgotten(step.pools);
      return;
    case 'restart':
      leader.state = restoreState(
        JSON.parse(JSON.stringify(snapshotState(state))) as ReturnType<typeof snapshotState>,
        leader.documents,
      );
      return;
  }
}

describe('constraints', () => {
  it('hold under any history, hold nobody back for nothing, and every sum is what the hosts say, and the log (S1-S6)', () => {
    let permits = 0;
    let deadlocks = 0;
    fc.assert(
      fc.property(definition, steps, (first, history) => {
        const leader = new Leader();
        const reference = new Reference(leader);
        const recounted = new Recounted(leader);
        leader.constrain(first);
        for (const step of history) {
          take(leader, reference, step);
          reference.expectSums();
          recounted.expectSame();
          if (step.kind === 'restart') recounted.restart();
        }
        recounted.expectKept();
        permits += leader.history.filter(({ entries }) => entries[0]?.type === 'hosts-permitted').length;
        for (const record of leader.state.jobs.values()) deadlocks += Number(record.state === 'deadlocked');
        for (const record of leader.state.jobs.values())
          if (isEnded(record.state)) expect(record.ready.isEmpty).toBe(true);
      }),
      { numRuns: 1000 },
    );
    // The histories are about something.
    expect(permits).toBeGreaterThan(5000);
    expect(deadlocks).toBeGreaterThan(50);
  });
});
