import { type CredentialsAtHand, decideRelease, decideResume, decideSkip, nextDeadlineMs } from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { Leader, limits, workerA } from './job-fixture.js';
import {
  by,
  decide,
  failed,
  given,
  ordersIn,
  recordOf,
  report,
  retry,
  statesOf,
  succeeded,
  unknown,
  withUnknown,
} from './verb-fixture.js';

describe('a release', () => {
  it('lets an unknown host stop counting, and its outcome as it is', () => {
    const { leader, job } = withUnknown();
    decide(leader, decideRelease(recordOf(leader, job), { hosts: [0], by }));
    expect(recordOf(leader, job)).toMatchObject({ disturbed: 0, state: 'failed' });
    expect(recordOf(leader, job).hosts[0]).toMatchObject({ state: 'unknown', released: true });
    expect(decideRelease(recordOf(leader, job), { hosts: [0], by })).toEqual({ kind: 'nothing-to-do' });
    report(leader, job, 0, failed);
    expect(recordOf(leader, job).hosts[0]).toMatchObject({ state: 'failed', released: false });
  });

  it('frees a running job of what its cap was held by', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 3, limits: { ...limits, concurrent: 2 } });
    leader.plan();
    report(leader, job, 0, unknown);
    expect(leader.plan()).toEqual([]);
    decide(leader, decideRelease(recordOf(leader, job), { hosts: [0], by }));
    expect(ordersIn(leader.plan())).toEqual([2]);
  });

  it('is refused while the worker that had the order may come back (E3)', () => {
    const { leader, job } = withUnknown({ state: 'unknown', reason: 'worker-lost' });
    const decision = decideRelease(recordOf(leader, job), { hosts: [0], by });
    expect(decision).toEqual({ kind: 'worker-may-return', hosts: [0] });
  });
});

describe('a skip', () => {
  it('ends what has no order, and nothing else', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 4, limits: { ...limits, concurrent: 1 } });
    leader.plan();
    decide(leader, decideSkip(recordOf(leader, job), { hosts: [0, 2], by }));
    expect(statesOf(leader, job)).toEqual(['assigned', 'waiting', 'skipped', 'waiting']);
    expect(decideSkip(recordOf(leader, job), { hosts: [0, 2], by })).toEqual({ kind: 'nothing-to-do' });
    // One that was passed over in the middle comes back in its place.
    decide(leader, retry(leader, job, [2]));
    const orders: number[] = [];
    for (const host of [0, 1, 2, 3]) {
      report(leader, job, host, succeeded);
      orders.push(...ordersIn(leader.plan()));
    }
    expect(orders).toEqual([1, 2, 3]);
    expect(recordOf(leader, job).state).toBe('succeeded');
    expect(decideSkip(recordOf(leader, job), { hosts: [1], by })).toEqual({ kind: 'job-ended' });
  });
});

describe('a job that needs credentials', () => {
  it('starts nothing, takes results, and goes on where its clock stood (S10)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 3, limits: { ...limits, concurrent: 1, jobTimeoutMs: 3000 } });
    leader.plan();
    leader.append([{ type: 'credentials-lost', job }], 1000);
    report(leader, job, 0, succeeded);
    expect(leader.plan({ nowMs: 500_000 })).toEqual([]);
    const record = recordOf(leader, job);
    expect(decideResume(record, { by, credentials: { kind: 'missing' } })).toEqual({
      kind: 'credentials-needed',
    });
    leader.append([], 500_000);
    decide(leader, decideResume(record, { by, credentials: { kind: 'given', recipients: ['kid-b'] } }));
    expect(nextDeadlineMs(leader.state)).toBe(502_000);
    expect(leader.plan()).toEqual([]);
    expect(ordersIn(leader.plan({ workers: [{ ...workerA, keyIds: ['kid-b'] }] }))).toEqual([1]);
    expect(decideResume(record, { by, credentials: given })).toEqual({ kind: 'job-running' });
  });

  it('takes those of a person while it runs, where a worker for hosts that wait can not open its own (V3)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 3, limits: { ...limits, concurrent: 2 } });
    leader.plan();
    const record = recordOf(leader, job);
    const other = { kind: 'given', recipients: ['kid-a', 'kid-b'] } as const;
    const few = { by, isSealedForTooFew: true };
    expect(decideResume(record, { ...few, credentials: { kind: 'present' } })).toEqual({
      kind: 'credentials-needed',
    });
    expect(decideResume(record, { by, credentials: other })).toEqual({ kind: 'job-running' });
    decide(leader, decideResume(record, { ...few, credentials: other }));
    expect(record).toMatchObject({ state: 'running', recipients: other.recipients });
    report(leader, job, 0, succeeded);
    expect(ordersIn(leader.plan({ workers: [{ ...workerA, keyIds: ['kid-b'] }] }))).toEqual([2]);
  });

  it('is resumed without any where it is held: what comes along replaces what it has', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 1 });
    leader.append([{ type: 'job-held', job, by }]);
    const lifted = { type: 'hold-lifted', job, by };
    const resume = (credentials: CredentialsAtHand) =>
      decideResume(recordOf(leader, job), { by, credentials, isSealedForTooFew: true });
    expect(resume({ kind: 'present' })).toEqual({ kind: 'decided', entries: [lifted] });
    expect(resume(given)).toEqual({
      kind: 'decided',
      entries: [lifted, { type: 'credentials-renewed', job, recipients: ['kid-a'] }],
    });
  });

  it('is passed over while its credentials may come back, and does not hold up others (V2)', () => {
    const leader = new Leader();
    const first = leader.accept({ hosts: 1 });
    const second = leader.accept({ hosts: 1 });
    leader.plan({ paused: new Set([first]) });
    expect(statesOf(leader, first)).toEqual(['waiting']);
    expect(statesOf(leader, second)).toEqual(['assigned']);
  });
});
