/** Jobs that somebody holds, and limits that somebody alters. */
import {
  decideAlter,
  decideHalt,
  decideHold,
  decideResume,
  explainJob,
  nextDeadlineMs,
  restoreState,
  snapshotState,
} from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { Leader, limits } from './job-fixture.js';
import { by, decide, failed, given, ordersIn, recordOf, report, succeeded } from './verb-fixture.js';

const hold = (leader: Leader, job: number) =>
  decide(leader, decideHold(recordOf(leader, job), { by: 'grace' }));
const resume = (leader: Leader, job: number) =>
  decideResume(recordOf(leader, job), { by, credentials: given });

describe('a held job', () => {
  it('starts nothing, takes results, and goes on where its clock stood (S10)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 3, limits: { ...limits, concurrent: 1, jobTimeoutMs: 3000 } });
    leader.plan();
    leader.append([{ type: 'job-held', job, by }], 1000);
    expect(nextDeadlineMs(leader.state)).toBeUndefined();
    report(leader, job, 0, succeeded);
    expect(leader.plan({ nowMs: 500_000 })).toEqual([]);
    leader.append([], 500_000);
    decide(leader, resume(leader, job));
    expect(nextDeadlineMs(leader.state)).toBe(502_000);
    expect(ordersIn(leader.plan())).toEqual([1]);
  });

  it('can be one that has not begun, and ends when nothing of it is left', () => {
    const leader = new Leader();
    const first = leader.accept({ hosts: 1 });
    hold(leader, first);
    expect(leader.plan()).toEqual([]);
    decide(leader, resume(leader, first));
    leader.plan();
    hold(leader, first);
    report(leader, first, 0, succeeded);
    leader.plan();
    expect(recordOf(leader, first)).toMatchObject({ state: 'succeeded', hold: undefined });
  });

  it('says who holds it; holding it again changes nothing', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 1 });
    hold(leader, job);
    expect(decideHold(recordOf(leader, job), { by })).toEqual({ kind: 'decided', entries: [] });
    expect(explainJob(leader.state, recordOf(leader, job))).toEqual([
      { hosts: [0], obstacles: [{ kind: 'job-state', state: 'held', by: 'grace' }] },
    ]);
  });

  it('stays held when it loses its credentials and gets them back by itself, and is resumed at one go by a person', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 2 });
    hold(leader, job);
    leader.append([{ type: 'credentials-lost', job }]);
    expect(recordOf(leader, job).state).toBe('needs-credentials');
    leader.append([{ type: 'credentials-renewed', job, recipients: ['kid-a'] }]);
    expect(recordOf(leader, job).state).toBe('held');
    leader.append([{ type: 'credentials-lost', job }]);
    expect(decideResume(recordOf(leader, job), { by, credentials: { kind: 'missing' } })).toEqual({
      kind: 'credentials-needed',
    });
    decide(leader, resume(leader, job));
    expect(ordersIn(leader.plan())).toEqual([0, 1]);
  });

  it('is halted like any other, and can not be held once it is', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 2, limits: { ...limits, concurrent: 1 } });
    leader.plan();
    hold(leader, job);
    decide(leader, decideHalt(leader.state, { job, by, cause: 'request', kill: false }));
    expect(decideHold(recordOf(leader, job), { by })).toEqual({ kind: 'halting' });
    expect(resume(leader, job)).toEqual({ kind: 'halting' });
    leader.plan();
    report(leader, job, 0, succeeded);
    leader.plan();
    expect(recordOf(leader, job).state).toBe('halted');
    expect(decideHold(recordOf(leader, job), { by })).toEqual({ kind: 'job-ended' });
    expect(resume(leader, job)).toEqual({ kind: 'job-ended' });
  });

  it('whose ramp waits as well is resumed first, and confirmed only when somebody says so again (S9)', () => {
    const leader = new Leader();
    const ramp = { steps: [1], pauseMs: null };
    const job = leader.accept({ hosts: 3, limits: { ...limits, ramp } });
    leader.plan();
    hold(leader, job);
    report(leader, job, 0, failed);
    leader.plan();
    decide(leader, resume(leader, job));
    expect(leader.plan()).toEqual([]);
    decide(leader, resume(leader, job));
    expect(ordersIn(leader.plan())).toEqual([1, 2]);
  });
});

describe('altered limits', () => {
  it('hold for what starts from then on; a lower cap disturbs nothing that runs', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 8, limits: { ...limits, concurrent: 4 } });
    leader.plan();
    decide(leader, decideAlter(recordOf(leader, job), { by, change: { concurrent: 2 } }));
    expect(leader.plan()).toEqual([]);
    expect(recordOf(leader, job).counts.assigned).toBe(4);
    for (const host of [0, 1]) report(leader, job, host, succeeded);
    expect(leader.plan()).toEqual([]);
    report(leader, job, 2, succeeded);
    expect(ordersIn(leader.plan())).toEqual([4]);
    decide(leader, decideAlter(recordOf(leader, job), { by, change: { concurrent: null } }));
    expect(ordersIn(leader.plan())).toEqual([5, 6, 7]);
  });

  it('are those of the job alone that were named, also after a snapshot; what it was accepted with stays in the log', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 3, limits: { ...limits, concurrent: 1 } });
    leader.plan();
    const change = { maxFailures: 1, jobTimeoutMs: 5000 };
    decide(leader, decideAlter(recordOf(leader, job), { by, change }));
    leader.state = restoreState(snapshotState(leader.state), leader.documents);
    expect(recordOf(leader, job).limits).toEqual({ concurrent: 1, ...change });
    expect(recordOf(leader, job).accepted.limits).toEqual({ ...limits, concurrent: 1 });
    expect(nextDeadlineMs(leader.state)).toBe(5000);
    report(leader, job, 0, failed);
    leader.plan();
    expect(recordOf(leader, job)).toMatchObject({ state: 'halted', halt: { cause: 'failure-budget' } });
    expect(decideAlter(recordOf(leader, job), { by, change })).toEqual({ kind: 'job-ended' });
  });

  it('that are as they were change nothing', () => {
    const leader = new Leader();
    const ramp = { steps: [1], pauseMs: null };
    const job = leader.accept({ hosts: 3, limits: { ...limits, concurrent: 1, ramp } });
    const same = { concurrent: 1, ramp: { ...ramp } };
    expect(decideAlter(recordOf(leader, job), { by, change: same })).toEqual({
      kind: 'decided',
      entries: [],
    });
  });
});
