/**
 * The namespace's constraints, and a job's own, under random histories with holds, freezes and ramps, against a reference
 * that looks at every host anew each time: no sums, no queues.
 */
import {
  applyBatch,
  type ClusterState,
  createState,
  decideAlter,
  decideFreeze,
  decideHalt,
  decideHold,
  decideRelease,
  decideResume,
  decideRetry,
  decideSkip,
  decideThaw,
  isEnded,
  type NamespaceDefinition,
  type Outcome,
  outcomeStates,
  type OutcomeState,
  plan,
  type Ramp,
  restoreState,
  snapshotState,
} from '@pogo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Recounted, Reference } from './constraints-reference.js';
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
  | { kind: 'finish'; pick: number; more: number; state: OutcomeState }
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
        more: fc.constantFrom(0, 0, 1, 3),
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

/** The same history in a state of its own, the entries of each step folded together instead of one by one. */
class Gathered {
  readonly #leader: Leader;
  readonly #state: ClusterState;
  #batches = 0;

  constructor(leader: Leader) {
    this.#leader = leader;
    this.#state = createState(leader.documents);
  }

  expectSame(): void {
    const { state, history } = this.#leader;
    const batches = history.length - this.#batches;
    if (batches === 0) return;
    const entries = history.slice(this.#batches).flatMap((batch) => batch.entries);
    this.#batches = history.length;
    applyBatch(this.#state, { index: this.#state.nextIndex, atMs: state.atMs, entries });
    if (batches === 1) return;
    const input = { nowMs: state.atMs, workers: [{ ...workerA, pools: ['p', 'q'] }] };
    expect(plan(this.#state, input)).toEqual(plan(state, input));
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
      const ending = all.slice(step.pick % all.length).slice(0, 1 + step.more);
      if (ending.length === 0) return;
      reference.append(
        ending.map(({ record, index, host }) => ({
          type: 'host-finished',
          job: record.job,
          host: index,
          attempt: host.attempt,
          outcome: outcomeOf(step.state),
        })),
      );
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
        const gathered = new Gathered(leader);
        leader.constrain(first);
        for (const step of history) {
          take(leader, reference, step);
          reference.expectSums();
          recounted.expectSame();
          gathered.expectSame();
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
