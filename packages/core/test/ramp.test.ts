/** S9: a few hosts first, more only when these are well. */
import {
  decideAlter,
  decideHalt,
  decideHold,
  decideResume,
  nextDeadlineMs,
  type Ramp,
  rampSteps,
  restoreState,
  snapshotState,
} from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { Leader, limits } from './job-fixture.js';
import { by, decide, failed, ordersIn, recordOf, report, retry, succeeded, unknown } from './verb-fixture.js';

const resume = (leader: Leader, job: number) =>
  decideResume(recordOf(leader, job), { by, credentials: { kind: 'present' } });

/** A job of so many hosts whose first step was started. */
function ramped(hosts: number, ramp: Ramp): { leader: Leader; job: number } {
  const leader = new Leader();
  const job = leader.accept({ hosts, limits: { ...limits, ramp } });
  leader.plan();
  return { leader, job };
}

const untilConfirmed: Ramp = { steps: [1, 3], pauseMs: null };

describe('a ramp', () => {
  it('starts so many hosts and no more until all of them are over', () => {
    const { leader, job } = ramped(10, { steps: [2, 5], pauseMs: 0 });
    expect(recordOf(leader, job).counts).toMatchObject({ assigned: 2, waiting: 8 });
    report(leader, job, 0, succeeded);
    expect(leader.plan()).toEqual([]);
    report(leader, job, 1, succeeded);
    expect(ordersIn(leader.plan())).toEqual([2, 3, 4]);
    for (const host of [2, 3, 4]) report(leader, job, host, succeeded);
    expect(ordersIn(leader.plan())).toEqual([5, 6, 7, 8, 9]);
    for (const host of [5, 6, 7, 8, 9]) report(leader, job, host, succeeded);
    leader.plan();
    expect(recordOf(leader, job).state).toBe('succeeded');
  });

  it('begins the next step when its pause is over, which is a deadline and an entry (T2)', () => {
    const { leader, job } = ramped(5, { steps: [1], pauseMs: 60_000 });
    report(leader, job, 0, succeeded);
    expect(leader.plan({ nowMs: 10_000 })).toEqual([{ type: 'ramp-paused', job, step: 1, failed: 0 }]);
    expect(nextDeadlineMs(leader.state)).toBe(70_000);
    expect(leader.plan({ nowMs: 69_999 })).toEqual([]);
    const entries = leader.plan({ nowMs: 70_000 });
    expect(entries[0]).toEqual({ type: 'ramp-advanced', job, step: 1 });
    // At once: nobody wakes the planner again.
    expect(leader.history.at(-1)!.entries).toEqual(entries);
    expect(ordersIn(entries)).toEqual([1, 2, 3, 4]);
  });

  it('begins the next step when somebody confirms the one that is over, also during a pause', () => {
    for (const pauseMs of [null, 60_000]) {
      const { leader, job } = ramped(5, { steps: [1, 3], pauseMs });
      expect(resume(leader, job)).toEqual({ kind: 'job-running' });
      report(leader, job, 0, succeeded);
      leader.plan();
      decide(leader, resume(leader, job));
      expect(leader.history.at(-1)!.entries).toEqual([{ type: 'ramp-confirmed', job, step: 1, by }]);
      expect(ordersIn(leader.plan())).toEqual([1, 2]);
    }
  });

  it.each([
    ['failed', failed],
    ['is of unknown outcome', unknown],
  ])('waits for somebody, whatever its pause, when a host %s; that is no deadlock', (_what, outcome) => {
    const { leader, job } = ramped(5, { steps: [1], pauseMs: 0 });
    report(leader, job, 0, outcome);
    expect(leader.plan()).toEqual([{ type: 'ramp-paused', job, step: 1, failed: 1 }]);
    expect(nextDeadlineMs(leader.state)).toBeUndefined();
    expect(leader.plan({ nowMs: 1e12 })).toEqual([]);
    expect(recordOf(leader, job).state).toBe('running');
    decide(leader, resume(leader, job));
    expect(ordersIn(leader.plan())).toEqual([1, 2, 3, 4]);
  });

  it('asks once about a host that failed: who confirmed has seen it, and a new failure asks again', () => {
    const { leader, job } = ramped(6, { steps: [1, 2, 3, 4], pauseMs: 0 });
    report(leader, job, 0, failed);
    leader.plan();
    decide(leader, resume(leader, job));
    expect(ordersIn(leader.plan())).toEqual([1]);
    report(leader, job, 1, succeeded);
    expect(ordersIn(leader.plan())).toEqual([2]);
    report(leader, job, 2, failed);
    expect(leader.plan()).toEqual([{ type: 'ramp-paused', job, step: 3, failed: 1 }]);
    const saved = JSON.parse(JSON.stringify(snapshotState(leader.state))) as ReturnType<typeof snapshotState>;
    leader.state = restoreState(saved, leader.documents);
    expect(recordOf(leader, job).ramp!.accepted).toEqual(new Set([0]));
    decide(
      leader,
      decideAlter(recordOf(leader, job), { by, change: { ramp: { steps: [3, 5], pauseMs: 0 } } }),
    );
    expect(leader.plan()).toEqual([{ type: 'ramp-paused', job, step: 1, failed: 1 }]);
    decide(leader, resume(leader, job));
    expect(ordersIn(leader.plan())).toEqual([3, 4]);
    decide(leader, retry(leader, job, [0]));
    leader.plan();
    for (const [host, outcome] of [
      [0, failed],
      [3, succeeded],
      [4, succeeded],
    ] as const)
      report(leader, job, host, outcome);
    expect(leader.plan()).toEqual([{ type: 'ramp-paused', job, step: 2, failed: 1 }]);
  });

  it('goes on by itself when its failed host is tried again and succeeds; nobody else takes its place meanwhile', () => {
    const { leader, job } = ramped(5, { steps: [1], pauseMs: 5000 });
    report(leader, job, 0, failed);
    leader.plan();
    decide(leader, retry(leader, job, [0]));
    expect(ordersIn(leader.plan())).toEqual([0]);
    report(leader, job, 0, succeeded);
    expect(leader.plan()).toEqual([{ type: 'ramp-paused', job, step: 1, failed: 0 }]);
    expect(ordersIn(leader.plan({ nowMs: 5000 }))).toEqual([1, 2, 3, 4]);
  });

  it('goes on by itself when evidence says that its unknown host succeeded (E2)', () => {
    const { leader, job } = ramped(3, { steps: [1], pauseMs: 0 });
    report(leader, job, 0, unknown);
    leader.plan();
    report(leader, job, 0, succeeded);
    expect(ordersIn(leader.plan())).toEqual([1, 2]);
  });

  it('that waits for somebody is no deadlock, though its failed host fills the slot that the others need', () => {
    const leader = new Leader();
    leader.constrain({
      apps: { web: ['web[1-4]'] },
      envs: { coast: { east: ['@web'] } },
      constraints: { coast: { concurrency: { web: { kind: 'count', count: 1 } }, sequence: [] } },
    });
    const job = leader.submit('web[1-4]', { limits: { ...limits, ramp: untilConfirmed } });
    leader.plan();
    leader.finish(job, ['web1'], failed);
    leader.plan();
    expect(recordOf(leader, job).state).toBe('running');
    decide(leader, resume(leader, job));
    leader.plan();
    expect(recordOf(leader, job).state).toBe('deadlocked');
  });

  it('lets the clock of the job stand between two steps (S10)', () => {
    const leader = new Leader();
    const ramp = { steps: [1], pauseMs: null };
    const job = leader.accept({ hosts: 2, limits: { ...limits, jobTimeoutMs: 3000, ramp } });
    leader.plan();
    leader.append([{ type: 'host-finished', job, host: 0, attempt: 1, outcome: succeeded }], 1000);
    leader.plan();
    expect(nextDeadlineMs(leader.state)).toBeUndefined();
    expect(leader.plan({ nowMs: 900_000 })).toEqual([]);
    leader.append([], 900_000);
    decide(leader, resume(leader, job));
    expect(nextDeadlineMs(leader.state)).toBe(902_000);
  });

  it('begins anew when an ended job is opened again', () => {
    const { leader, job } = ramped(6, untilConfirmed);
    report(leader, job, 0, failed);
    leader.plan();
    decide(leader, decideHalt(leader.state, { job, by, cause: 'request', kill: false }));
    leader.plan();
    expect(recordOf(leader, job).state).toBe('halted');
    decide(leader, retry(leader, job));
    expect(ordersIn(leader.plan())).toEqual([0]);
    expect(recordOf(leader, job).counts.waiting).toBe(5);
  });

  it('is kept by a snapshot, with what it waits for', () => {
    const { leader, job } = ramped(6, { steps: [1, 3], pauseMs: 5000 });
    report(leader, job, 0, failed);
    leader.plan();
    decide(leader, decideHold(recordOf(leader, job), { by }));
    decide(leader, retry(leader, job, [0]));
    const saved = JSON.parse(JSON.stringify(snapshotState(leader.state))) as ReturnType<typeof snapshotState>;
    const restored = restoreState(saved, leader.documents);
    expect(restored.jobs.get(job)!.ramp).toEqual(recordOf(leader, job).ramp);
    expect(restored.jobs.get(job)).toMatchObject({ state: 'held', hold: { by } });
    leader.state = restored;
    decide(leader, resume(leader, job));
    expect(ordersIn(leader.plan())).toEqual([0]);
  });

  it('can be altered: the hosts that were started count, and a new one is obeyed from here on', () => {
    const { leader, job } = ramped(10, untilConfirmed);
    const alter = (ramp: Ramp | null) =>
      decide(leader, decideAlter(recordOf(leader, job), { by, change: { ramp } }));
    alter({ steps: [4], pauseMs: null });
    expect(ordersIn(leader.plan())).toEqual([1, 2, 3]);
    alter({ steps: [2, 6], pauseMs: null });
    expect(ordersIn(leader.plan())).toEqual([4, 5]);
    alter(null);
    expect(ordersIn(leader.plan())).toEqual([6, 7, 8, 9]);
    expect(recordOf(leader, job).ramp).toBeUndefined();
  });

  it('that is altered in while it runs counts what was started before', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 9, limits: { ...limits, concurrent: 2 } });
    leader.plan();
    const change = { concurrent: null, ramp: { steps: [1, 4], pauseMs: null } };
    decide(leader, decideAlter(recordOf(leader, job), { by, change }));
    expect(ordersIn(leader.plan())).toEqual([2, 3]);
    expect(recordOf(leader, job).ramp).toMatchObject({ step: 2 });
  });
});

describe('steps as they are written', () => {
  it.each([
    [['1', '10%', '100%'], 100, [1, 10], []],
    [['1', '10%', '100%'], 5, [1], ['10%']],
    [['1'], 1, [], []],
    [['50%', '80%'], 10, [5, 8], []],
    [['3', '200'], 10, [3], []],
    [['200', '300'], 10, [], []],
  ])('%j of %i hosts are %j', (written, hosts, steps, raised) => {
    expect(rampSteps(written, hosts)).toEqual({ ok: true, steps, raised });
  });

  it('rise, and have a host at least', () => {
    expect(rampSteps(['10', '5%'], 100)).toEqual({ ok: false, step: '5%', cause: 'falls' });
    expect(rampSteps(['0', '5'], 100)).toEqual({ ok: false, step: '0', cause: 'no-host' });
    expect(rampSteps(['0%'], 100)).toEqual({ ok: false, step: '0%', cause: 'no-host' });
  });
});
