import {
  applyBatch,
  applyEntries,
  createState,
  type CredentialsAtHand,
  decideHalt,
  decideJoin,
  decideRelease,
  decideReports,
  decideResolve,
  decideResume,
  decideRetry,
  decideSkip,
  hostStates,
  hostTransitions,
  IllegalTransition,
  isDisturbed,
  isEnded,
  isTerminal,
  orderedCount,
  type OutcomeState,
  outcomeStates,
  plan,
  type ReportedEvent,
  restoreState,
  snapshotState,
} from '@pogo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Leader, limits, workerA, workerB } from './job-fixture.js';

type Verb = 'retry' | 'skip' | 'release' | 'resolve' | 'resume';
type Step =
  | { kind: 'verb'; verb: Verb; job: number; hosts: number[] | null; flag: boolean }
  | { kind: 'credentials-lost'; job: number }
  | { kind: 'join'; worker: 'a' | 'b'; journal: number }
  | { kind: 'accept'; hosts: number; concurrent: number | null; maxFailures: number | null }
  | {
      kind: 'report';
      job: number;
      host: number;
      /** Before the current one. */
      back: number;
      worker: 'a' | 'b';
      event: string;
      state: OutcomeState;
      lost: boolean;
    }
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
        back: fc.constantFrom(0, 0, 0, 1),
        worker: fc.constantFrom('a' as const, 'b' as const),
        event: fc.constantFrom('begun', 'started', 'finished', 'finished', 'refused', 'unsettled'),
        state: fc.constantFrom(...outcomeStates, 'unknown' as const, 'unknown' as const),
        lost: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('verb' as const),
        verb: fc.constantFrom<Verb[]>('retry', 'skip', 'release', 'resolve', 'resume'),
        job: fc.integer({ min: 1, max: 3 }),
        hosts: fc.option(fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { maxLength: 3 })),
        flag: fc.boolean(),
      }),
    },
    fc.record({ kind: fc.constant('credentials-lost' as const), job: fc.integer({ min: 1, max: 3 }) }),
    fc.record({
      kind: fc.constant('join' as const),
      worker: fc.constantFrom('a' as const, 'b' as const),
      journal: fc.integer({ min: 1, max: 2 }),
    }),
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

function reportOf(leader: Leader, step: Extract<Step, { kind: 'report' }>): ReportedEvent {
  const current = leader.state.jobs.get(step.job)?.hosts[step.host]?.attempt ?? 1;
  const key = { job: step.job, host: step.host, attempt: Math.max(1, current - step.back) };
  switch (step.event) {
    case 'begun':
      return { ...key, event: 'begun' };
    case 'started':
      return { ...key, event: 'started' };
    case 'refused':
      return { ...key, event: 'refused', reason: 'test' };
    case 'unsettled':
      return { ...key, event: 'unsettled', detail: 'no record' };
    default: {
      const reason = step.lost ? ({ reason: 'worker-lost' } as const) : {};
      const outcome = step.state === 'unknown' ? { state: step.state, ...reason } : { state: step.state };
      return { ...key, event: 'finished', outcome };
    }
  }
}

/** What a dispatcher would make of it: decided on the state, appended, or refused. */
function actOn(leader: Leader, step: Extract<Step, { kind: 'verb' }>): void {
  const job = leader.state.jobs.get(step.job);
  if (job === undefined) return;
  const by = 'ada';
  const hosts = step.hosts?.filter((host) => host < job.hosts.length);
  const credentials: CredentialsAtHand = step.flag
    ? { kind: 'given', recipients: ['kid-a'] }
    : { kind: isEnded(job.state) || job.state === 'needs-credentials' ? 'missing' : 'present' };
  const decision = (() => {
    switch (step.verb) {
      case 'retry':
        return decideRetry(job, { hosts, by, fence: step.flag, credentials });
      case 'skip':
        return decideSkip(job, { hosts: hosts ?? [], by });
      case 'release':
        return decideRelease(job, { hosts: hosts ?? [], by });
      case 'resolve':
        return decideResolve(job, { hosts, by, credentials, workerFor: (host) => (host % 2 ? 'a' : 'b') });
      case 'resume':
        return decideResume(job, { by, credentials });
    }
  })();
  if (decision.kind === 'decided') leader.append(decision.entries);
}

function act(leader: Leader, step: Step): void {
  switch (step.kind) {
    case 'verb':
      actOn(leader, step);
      return;
    case 'credentials-lost': {
      const state = leader.state.jobs.get(step.job)?.state;
      if (state === 'accepted' || state === 'running')
        leader.append([{ type: 'credentials-lost', job: step.job }]);
      return;
    }
    case 'join': {
      const entries = decideJoin(leader.state, step.worker, `journal ${step.journal}`);
      if (entries.length > 0) leader.append(entries);
      return;
    }
    case 'accept':
      leader.accept({
        hosts: step.hosts,
        limits: { ...limits, concurrent: step.concurrent, maxFailures: step.maxFailures, jobTimeoutMs: 5000 },
      });
      return;
    case 'report': {
      const { entries } = decideReports(leader.state, step.worker, [reportOf(leader, step)]);
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

function leaderAfter(history: readonly Step[]): Leader {
  const leader = new Leader();
  for (const step of history) act(leader, step);
  return leader;
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
            expect(job.disturbed).toBe(job.hosts.filter(isDisturbed).length);
            expect(job.asking).toBe([...job.resolutions.values()].filter(({ asking }) => asking).length);
            for (const [host, { asking }] of job.resolutions) {
              expect(job.hosts[host]!.state).toBe('unknown');
              if (asking) expect(isEnded(job.state)).toBe(false);
            }
            expect(leader.state.open.has(job.job)).toBe(!isEnded(job.state));
            const { concurrent } = job.accepted.limits;
            if (concurrent !== null) expect(job.disturbed).toBeLessThanOrEqual(concurrent);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('gives the same state from the log, and from a snapshot and the rest of the log (L1, L5)', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (history, cut) => {
        const leader = leaderAfter(history);
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

  it('replaces unknown at most once per attempt, and nothing else that is final (E2, I4)', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const leader = leaderAfter(history);
        const ends = new Map<string, OutcomeState[]>();
        for (const entry of leader.history.flatMap(({ entries }) => entries)) {
          if (entry.type !== 'host-finished') continue;
          const key = `${entry.job} ${entry.host} ${entry.attempt}`;
          ends.set(key, [...(ends.get(key) ?? []), entry.outcome.state]);
        }
        for (const states of ends.values()) {
          expect(states.length).toBeLessThanOrEqual(2);
          if (states.length === 2) expect([states[0], states[1] === 'unknown']).toEqual(['unknown', false]);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('gives an attempt of a host to one worker at most, and each a log index of its own (A1, E3)', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const leader = new Leader();
        const orders = new Map<string, string>();
        for (const step of history) {
          act(leader, step);
          for (const job of leader.state.jobs.values()) {
            for (const [host, { attempt, worker, index }] of job.hosts.entries()) {
              if (worker === undefined) continue;
              const key = `${job.job} ${host} ${attempt}`;
              const order = `${worker} ${index}`;
              expect(orders.get(key) ?? order).toBe(order);
              orders.set(key, order);
            }
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('plans the same twice, and the same on a state that was folded again', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const leader = leaderAfter(history);
        const input = { nowMs: leader.state.atMs + 100, workers: [workerA, workerB] };
        const first = plan(leader.state, input);
        expect(plan(leader.state, input)).toEqual(first);
        const again = createState();
        for (const batch of leader.history) applyBatch(again, batch);
        expect(plan(again, input)).toEqual(first);
      }),
      { numRuns: 1000 },
    );
  });

  it('ends every job once all orders are answered and the planner has a worker (I6)', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const leader = leaderAfter(history);
        for (let round = 0; round < 100 && leader.state.open.size > 0; round++) {
          leader.plan({ workers: [workerA, workerB] });
          for (const job of leader.state.jobs.values()) {
            const resumed = decideResume(job, {
              by: 'ada',
              credentials: { kind: 'given', recipients: ['kid-a'] },
            });
            if (resumed.kind === 'decided') leader.append(resumed.entries);
            const unanswered = [...job.resolutions].filter(([, { asking }]) => asking);
            for (const [host, { worker }] of unanswered) {
              const { attempt } = job.hosts[host]!;
              const answer = { job: job.job, host, attempt, event: 'unsettled', detail: 'gone' } as const;
              leader.append(decideReports(leader.state, worker, [answer]).entries);
            }
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
    expect(() => applyEntries(leader.state, [{ type: 'hosts-started', job, hosts: [0] }], 1)).toThrow(
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
      expect(Object.keys(hostTransitions[state]).filter((event) => !event.startsWith('retry'))).toEqual([]);
    }
    expect(hostTransitions.unknown['finish-unknown']).toBeUndefined();
  });
});
