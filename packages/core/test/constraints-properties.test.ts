/**
 * The namespace's constraints under random histories, against a reference that looks at every host anew each time: no
 * sums, no queues.
 */
import {
  type ClusterState,
  decideHalt,
  decideRelease,
  decideRetry,
  decideSkip,
  isDisturbed,
  isEnded,
  isTerminal,
  hostIndexes,
  type JobRecord,
  type LogEntry,
  type NamespaceDefinition,
  type Outcome,
  outcomeStates,
  type OutcomeState,
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

type Step =
  | { kind: 'apply'; definition: Partial<NamespaceDefinition> }
  | { kind: 'submit'; targets: string[]; concurrent: number | null; unconstrained: boolean; goesOn: boolean }
  | { kind: 'finish'; pick: number; state: OutcomeState }
  | { kind: 'refuse'; pick: number }
  | { kind: 'verb'; verb: 'retry' | 'skip' | 'release' | 'halt'; job: number; hosts: number[] }
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
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('verb' as const),
        verb: fc.constantFrom(
          'retry' as const,
          'retry' as const,
          'skip' as const,
          'release' as const,
          'halt' as const,
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

class Reference {
  readonly #leader: Leader;

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
    const { concurrent } = record.accepted.limits;
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

  /** Appends, and looks at each permit as if it were given alone, and at each order whether its worker is of the pool. */
  append(entries: readonly LogEntry[], pools: readonly string[] = []): void {
    for (const entry of entries) {
      if (entry.type === 'hosts-assigned') {
        const record = this.#state.jobs.get(entry.job)!;
        for (const index of hostIndexes(entry.hosts))
          expect([undefined, ...pools]).toContain(this.poolOf(record, index));
      }
      if (entry.type !== 'hosts-permitted') {
        this.#leader.append([entry]);
        continue;
      }
      const record = this.#state.jobs.get(entry.job)!;
      for (const item of entry.hosts) {
        const [first, last] = typeof item === 'number' ? [item, item] : item;
        for (let index = first; index <= last; index++) {
          expect(this.obstacle(record, index), `permit of job ${entry.job} host ${index}`).toBeUndefined();
          this.#leader.append([{ ...entry, hosts: [index] }]);
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
      record.hosts.forEach((host, index) => {
        if (![undefined, ...pools].includes(this.poolOf(record, index))) return;
        expect(host.state, `job ${number} host ${index} has a worker`).not.toBe('permitted');
        if (host.state !== 'waiting') return;
        expect(this.obstacle(record, index), `job ${number} host ${index} waits`).toBeDefined();
      });
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
        limits: { ...limits, concurrent: step.concurrent },
        unconstrained: step.unconstrained,
        onPredecessorFailure: step.goesOn ? 'continue' : 'block',
      });
      return;
    case 'finish': {
      const all = ordered();
      const one = all[step.pick % all.length];
      if (one === undefined) return;
      const { record, index, host } = one;
      leader.append([
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
              : decideHalt(state, { job: step.job, by: 'ada', cause: 'request', kill: false });
      if (decision.kind === 'decided' || decision.kind === 'halted') reference.append(decision.entries);
      return;
    }
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
  it('hold under any history, hold nobody back for nothing, and every sum is what the hosts say (S1-S6)', () => {
    let permits = 0;
    let deadlocks = 0;
    fc.assert(
      fc.property(definition, steps, (first, history) => {
        const leader = new Leader();
        const reference = new Reference(leader);
        leader.constrain(first);
        for (const step of history) {
          take(leader, reference, step);
          reference.expectSums();
        }
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
