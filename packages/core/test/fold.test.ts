import {
  applyBatch,
  applyEntry,
  createState,
  decideHalt,
  decideReports,
  disturbedCount,
  hostStates,
  hostTransitions,
  IllegalTransition,
  isTerminal,
  orderedCount,
  type OutcomeState,
  outcomeStates,
  type ReportedEvent,
  restoreState,
  snapshotState,
} from '@pogo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Leader, limits, workerA, workerB } from './job-fixture.js';

type Step =
  | { kind: 'accept'; hosts: number; concurrent: number | null; maxFailures: number | null }
  | { kind: 'report'; job: number; host: number; worker: 'a' | 'b'; event: string; state: OutcomeState }
  | { kind: 'halt'; job: number; kill: boolean }
  | { kind: 'time'; ms: number }
  | { kind: 'plan'; workers: number };

const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('accept' as const),
      hosts: fc.integer({ min: 1, max: 6 }),
      concurrent: fc.option(fc.integer({ min: 1, max: 3 })),
      maxFailures: fc.option(fc.integer({ min: 1, max: 3 })),
    }),
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('report' as const),
        job: fc.integer({ min: 1, max: 4 }),
        host: fc.integer({ min: 0, max: 6 }),
        worker: fc.constantFrom('a' as const, 'b' as const),
        event: fc.constantFrom('begun', 'started', 'finished', 'refused'),
        state: fc.constantFrom(...outcomeStates),
      }),
    },
    fc.record({
      kind: fc.constant('halt' as const),
      job: fc.integer({ min: 1, max: 4 }),
      kill: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 0, max: 2000 }) }),
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('plan' as const), workers: fc.integer({ min: 0, max: 3 }) }),
    },
  ),
  { maxLength: 60 },
);

function reportOf(step: Extract<Step, { kind: 'report' }>): ReportedEvent {
  const key = { job: step.job, host: step.host, attempt: 1 };
  switch (step.event) {
    case 'begun':
      return { ...key, event: 'begun' };
    case 'started':
      return { ...key, event: 'started' };
    case 'refused':
      return { ...key, event: 'refused', reason: 'test' };
    default:
      return { ...key, event: 'finished', outcome: { state: step.state } };
  }
}

function act(leader: Leader, step: Step): void {
  switch (step.kind) {
    case 'accept':
      leader.accept({
        hosts: step.hosts,
        limits: { ...limits, concurrent: step.concurrent, maxFailures: step.maxFailures, jobTimeoutMs: 5000 },
      });
      return;
    case 'report': {
      const { entries } = decideReports(leader.state, step.worker, [reportOf(step)]);
      if (entries.length > 0) leader.append(entries);
      return;
    }
    case 'halt': {
      const decision = decideHalt(leader.state, {
        job: step.job,
        by: 'ada',
        cause: 'request',
        kill: step.kill,
      });
      if (decision.kind === 'halted') leader.append(decision.entries);
      return;
    }
    case 'time':
      leader.append([], leader.state.atMs + step.ms);
      return;
    case 'plan':
      leader.plan({ workers: [workerA, workerB].slice(0, step.workers) });
  }
}

describe('the fold', () => {
  it('keeps its sums equal to what the hosts say, caps kept, under any history of 2,000 random ones', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const leader = new Leader();
        for (const step of history) {
          act(leader, step);
          for (const job of leader.state.jobs.values()) {
            for (const state of hostStates) {
              expect(job.counts[state]).toBe(job.hosts.filter((host) => host.state === state).length);
            }
            const sum = [...job.assignedTo.values()].reduce((total, count) => total + count, 0);
            expect(sum).toBe(orderedCount(job));
            const { concurrent } = job.accepted.limits;
            if (concurrent !== null) expect(disturbedCount(job)).toBeLessThanOrEqual(concurrent);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('gives the same state from the log, and from a snapshot and the rest of the log (L1, L5)', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (history, cut) => {
        const leader = new Leader();
        for (const step of history) act(leader, step);
        const replayed = createState();
        const at = leader.history.length === 0 ? 0 : cut % leader.history.length;
        let restored = createState();
        leader.history.forEach((batch, position) => {
          if (position === at) restored = restoreState(JSON.parse(JSON.stringify(snapshotState(replayed))));
          applyBatch(replayed, batch);
          if (position >= at) applyBatch(restored, batch);
        });
        expect(snapshotState(replayed)).toEqual(snapshotState(leader.state));
        if (leader.history.length > 0) expect(snapshotState(restored)).toEqual(snapshotState(leader.state));
      }),
      { numRuns: 1000 },
    );
  });

  it('ends every job once all orders are answered and the planner has a worker (I6)', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const leader = new Leader();
        for (const step of history) act(leader, step);
        for (let round = 0; round < 100 && leader.state.open.size > 0; round++) {
          leader.plan({ workers: [workerA, workerB] });
          for (const job of leader.state.jobs.values()) {
            job.hosts.forEach((host, index) => {
              if (isTerminal(host.state) || host.worker === undefined) return;
              const { entries } = decideReports(leader.state, host.worker, [
                {
                  job: job.job,
                  host: index,
                  attempt: host.attempt,
                  event: 'finished',
                  outcome: { state: 'succeeded' },
                },
              ]);
              if (entries.length > 0) leader.append(entries);
            });
          }
        }
        expect([...leader.state.open]).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses a batch out of order, and a change that the table does not have', () => {
    const state = createState();
    expect(() => applyBatch(state, { index: 3, atMs: 0, entries: [] })).toThrow('expects batch 0');
    const leader = new Leader();
    const job = leader.accept({ hosts: 1 });
    expect(() => applyEntry(leader.state, { type: 'hosts-started', job, hosts: [0] }, 1)).toThrow(
      IllegalTransition,
    );
  });

  it('never lets log time go back (T1)', () => {
    const leader = new Leader();
    leader.append([], 5000);
    leader.append([], 4000);
    expect(leader.state.atMs).toBe(5000);
  });
});

describe('the host table', () => {
  it('lets nothing but retry leave a final state, unknown excepted', () => {
    for (const state of hostStates) {
      if (!isTerminal(state) || state === 'unknown') continue;
      expect(Object.keys(hostTransitions[state]).filter((event) => event !== 'retry')).toEqual([]);
    }
    expect(hostTransitions.unknown['finish-unknown']).toBeUndefined();
  });
});
