import {
  assignedAttempts,
  decideHalt,
  decideReports,
  decideRetry,
  decideSkip,
  decideWorkerLoss,
  nextDeadlineMs,
} from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { Leader, limits, workerA, workerB } from './job-fixture.js';
import {
  by,
  decide,
  failed,
  ordersIn,
  recordOf,
  report,
  retry,
  statesOf,
  succeeded,
  unknown,
  unreachable,
  withUnknown,
} from './verb-fixture.js';

describe('a retry', () => {
  it('of a job with 3 failed, 2 unreachable, 1 unknown, 4 not started runs 9 hosts, not the unknown one (scenario 12)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 10, limits: { ...limits, concurrent: 6 } });
    leader.plan();
    const halt = decideHalt(leader.state, { job, by, cause: 'request', kill: false });
    if (halt.kind !== 'halted') throw new Error(halt.kind);
    leader.append(halt.entries);
    leader.plan();
    for (const host of [0, 1, 2]) report(leader, job, host, failed);
    for (const host of [3, 4]) report(leader, job, host, unreachable);
    report(leader, job, 5, unknown);
    leader.plan();
    expect(recordOf(leader, job)).toMatchObject({ state: 'halted', counts: { halted: 4, unknown: 1 } });

    decide(leader, retry(leader, job));
    const orders = new Set<number>();
    for (let round = 0; round < 5; round++) {
      for (const host of ordersIn(leader.plan())) {
        orders.add(host);
        report(leader, job, host, succeeded);
      }
    }
    expect([...orders].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9]);
    expect(recordOf(leader, job)).toMatchObject({ state: 'failed', counts: { succeeded: 9, unknown: 1 } });
    expect(recordOf(leader, job).hosts.map(({ attempt }) => attempt)).toEqual([2, 2, 2, 2, 2, 1, 2, 2, 2, 2]);
  });

  it('opens the job again with its whole timeout and a fresh failure budget', () => {
    const leader = new Leader();
    const job = leader.accept({
      hosts: 3,
      limits: { ...limits, maxFailures: 1, concurrent: 1, jobTimeoutMs: 3000 },
    });
    leader.plan();
    leader.append([{ type: 'credentials-lost', job }], 1000);
    leader.append([{ type: 'credentials-renewed', job, recipients: ['kid-a'] }], 2000);
    report(leader, job, 0, failed);
    leader.plan();
    expect(recordOf(leader, job)).toMatchObject({ state: 'halted', halt: { cause: 'failure-budget' } });
    leader.append([], 9000);
    decide(leader, retry(leader, job, [1, 2]));
    expect(recordOf(leader, job)).toMatchObject({ state: 'running', halt: undefined, endedAtMs: undefined });
    expect(nextDeadlineMs(leader.state)).toBe(12_000);
    expect(ordersIn(leader.plan())).toEqual([1]);
    report(leader, job, 1, failed);
    leader.plan();
    expect(recordOf(leader, job)).toMatchObject({ state: 'halted', counts: { halted: 1, failed: 2 } });
  });

  it('needs credentials when nobody holds them, and finds nothing where all is well', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 2 });
    leader.plan();
    report(leader, job, 0, failed);
    report(leader, job, 1, succeeded);
    leader.plan();
    const missing = { hosts: undefined, by, fence: false, credentials: { kind: 'missing' } } as const;
    expect(decideRetry(recordOf(leader, job), missing)).toEqual({ kind: 'credentials-needed' });
    expect(retry(leader, job, [1])).toEqual({ kind: 'nothing-to-do' });
    decide(leader, retry(leader, job));
    expect(retry(leader, job)).toEqual({ kind: 'nothing-to-do' });
    expect(recordOf(leader, job).recipients).toEqual(['kid-a']);
  });

  it('waits for the end of a halt', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 2 });
    leader.plan();
    report(leader, job, 0, failed);
    leader.append([{ type: 'halt-requested', job, by, cause: 'request', kill: true }]);
    expect(retry(leader, job)).toEqual({ kind: 'halting' });
  });

  it('of a host that counts already needs no second permit (S3)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 3, limits: { ...limits, concurrent: 1 } });
    leader.plan();
    report(leader, job, 0, unknown);
    leader.plan();
    expect(recordOf(leader, job).state).toBe('deadlocked');
    decide(leader, retry(leader, job, [0]));
    expect(recordOf(leader, job)).toMatchObject({ disturbed: 1, state: 'running' });
    expect(ordersIn(leader.plan())).toEqual([0]);
    report(leader, job, 0, succeeded);
    expect(recordOf(leader, job).disturbed).toBe(0);
  });

  it('that does not succeed leaves the unknown attempt counting, until there is evidence for it (E1)', () => {
    const { leader, job } = withUnknown();
    decide(leader, retry(leader, job, [0]));
    leader.plan();
    report(leader, job, 0, unreachable);
    leader.plan();
    expect(recordOf(leader, job)).toMatchObject({ state: 'failed', disturbed: 1 });
    const late = { job, host: 0, attempt: 1, event: 'finished', outcome: failed } as const;
    leader.append(decideReports(leader.state, 'a', [late]).entries);
    expect(recordOf(leader, job)).toMatchObject({ disturbed: 0, counts: { unreachable: 1 } });
    expect(decideReports(leader.state, 'a', [late]).voidCount).toBe(1);
  });

  it('settles the earlier attempt through the worker of the new one (E3)', () => {
    const { leader, job } = withUnknown();
    decide(leader, retry(leader, job, [0]));
    leader.plan({ workers: [workerB] });
    const late = { job, host: 0, attempt: 1, event: 'finished', outcome: failed } as const;
    const now = { job, host: 0, attempt: 2, event: 'finished', outcome: succeeded } as const;
    // The present attempt's success comes first in the call, and settles the host as well.
    leader.append(decideReports(leader.state, 'b', [now, late]).entries);
    leader.plan();
    expect(recordOf(leader, job)).toMatchObject({ state: 'succeeded', disturbed: 0 });
  });
});

describe('a retry of a host whose worker went away', () => {
  it('is refused while that worker may come back, and fences its order off when it is gone (E3)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 1 });
    leader.plan();
    leader.append(decideWorkerLoss(assignedAttempts(leader.state, 'a'), 'away'));
    leader.plan();
    expect(retry(leader, job, [0])).toEqual({ kind: 'worker-may-return', hosts: [0] });
    decide(leader, retry(leader, job, [0], true));
    leader.plan({ workers: [workerB] });
    const [order] = assignedAttempts(leader.state, 'b');
    expect(order).toMatchObject({ attempt: 2, fence: true });
    expect(order!.index).toBe(leader.state.nextIndex - 1);
    // The host was not reached, so nothing was fenced off yet.
    report(leader, job, 0, unreachable, 'b');
    leader.plan();
    decide(leader, retry(leader, job));
    leader.plan({ workers: [workerB] });
    expect(assignedAttempts(leader.state, 'b')).toMatchObject([{ attempt: 3, fence: true }]);
    report(leader, job, 0, succeeded, 'b');
    expect(recordOf(leader, job).hosts[0]).toMatchObject({ fence: false, earlier: undefined });
  });

  it('fences off nothing on hosts where there is nothing to fence off', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 2 });
    leader.plan();
    report(leader, job, 0, failed);
    leader.append(decideWorkerLoss(assignedAttempts(leader.state, 'a'), 'away'));
    leader.plan();
    decide(leader, retry(leader, job, [0, 1], true));
    leader.plan({ workers: [workerB] });
    expect(assignedAttempts(leader.state, 'b').map(({ fence }) => fence)).toEqual([false, true]);
  });

  it('is plain once that worker has said itself that it does not know', () => {
    const { leader, job } = withUnknown({ state: 'unknown', reason: 'worker-lost' });
    expect(retry(leader, job, [0]).kind).toBe('worker-may-return');
    report(leader, job, 0, unknown);
    expect(recordOf(leader, job).hosts[0]).toMatchObject({
      state: 'unknown',
      settled: false,
      outcome: { reason: 'rexec-lost' },
    });
    expect(retry(leader, job, [0]).kind).toBe('decided');
    report(leader, job, 0, failed);
    expect(statesOf(leader, job)).toEqual(['failed']);
  });
});

describe('a host that was passed over and is wanted again', () => {
  it('gets one order, at its place', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 5 });
    leader.plan({ workers: [{ ...workerA, capacity: 1 }] });
    decide(leader, decideSkip(recordOf(leader, job), { hosts: [2], by }));
    decide(leader, retry(leader, job, [2]));
    const workers = [
      { ...workerA, capacity: 3 },
      { ...workerB, capacity: 4 },
    ];
    expect(ordersIn(leader.plan({ workers })).sort()).toEqual([1, 2, 3, 4]);
    expect(recordOf(leader, job).disturbed).toBe(5);
  });
});
