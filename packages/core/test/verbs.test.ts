import {
  assignedAttempts,
  type CredentialsAtHand,
  decideHalt,
  decideJoin,
  decideRelease,
  decideReports,
  decideResolve,
  decideResume,
  decideRetry,
  decideSkip,
  decideWorkerLoss,
  hostIndexes,
  type JobRecord,
  type LogEntry,
  nextDeadlineMs,
  type Outcome,
} from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { Leader, limits, workerA, workerB } from './job-fixture.js';

const by = 'ada';
const succeeded: Outcome = { state: 'succeeded', exitCode: 0 };
const failed: Outcome = { state: 'failed', reason: 'exit-nonzero', exitCode: 1 };
const unreachable: Outcome = { state: 'unreachable', reason: 'dns' };
const unknown: Outcome = { state: 'unknown', reason: 'rexec-lost' };
const given: CredentialsAtHand = { kind: 'given', recipients: ['kid-a'] };

const recordOf = (leader: Leader, job: number): JobRecord => leader.state.jobs.get(job)!;
const statesOf = (leader: Leader, job: number) => recordOf(leader, job).hosts.map(({ state }) => state);

function report(leader: Leader, job: number, host: number, outcome: Outcome, worker = 'a'): void {
  const { attempt } = recordOf(leader, job).hosts[host]!;
  const { entries } = decideReports(leader.state, worker, [
    { job, host, attempt, event: 'finished', outcome },
  ]);
  leader.append(entries);
}

function decide(leader: Leader, decision: { kind: string; entries?: LogEntry[] }): void {
  if (decision.entries === undefined) throw new Error(decision.kind);
  leader.append(decision.entries);
}

function retry(leader: Leader, job: number, hosts?: number[], fence = false) {
  return decideRetry(recordOf(leader, job), { hosts, by, fence, credentials: given });
}

function ordersIn(entries: readonly LogEntry[]): number[] {
  return entries.flatMap((entry) => (entry.type === 'hosts-assigned' ? [...hostIndexes(entry.hosts)] : []));
}

/** An ended job of one host whose outcome is unknown. */
function withUnknown(outcome: Outcome = unknown): { leader: Leader; job: number } {
  const leader = new Leader();
  const job = leader.accept({ hosts: 1 });
  leader.plan();
  report(leader, job, 0, outcome);
  leader.plan();
  return { leader, job };
}

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

describe('a worker that greets', () => {
  it('with another journal leaves what it was ordered before unknown, and its word on it counts no more (A4)', () => {
    const leader = new Leader();
    leader.append(decideJoin(leader.state, 'a', 'first'));
    expect(decideJoin(leader.state, 'a', 'first')).toEqual([]);
    const job = leader.accept({ hosts: 1 });
    leader.plan();
    leader.append(decideJoin(leader.state, 'a', 'second'));
    expect(recordOf(leader, job).hosts[0]).toMatchObject({
      state: 'unknown',
      outcome: { reason: 'worker-lost' },
    });
    const key = { job, host: 0, attempt: 1 };
    expect(
      decideReports(leader.state, 'a', [
        { ...key, event: 'refused', reason: 'never heard of it' },
        { ...key, event: 'finished', outcome: failed },
      ]),
    ).toEqual({ entries: [], voidCount: 2 });
  });
});

describe('a resolution', () => {
  const resolve = (leader: Leader, job: number, worker = 'b', hosts?: number[]) =>
    decideResolve(recordOf(leader, job), { hosts, by, credentials: given, workerFor: () => worker });

  it('opens the job, takes evidence from the worker that asks, and ends the job again', () => {
    const { leader, job } = withUnknown();
    decide(leader, resolve(leader, job));
    expect(leader.plan({ workers: [] })).toEqual([]);
    expect(recordOf(leader, job)).toMatchObject({ state: 'running', asking: 1 });
    report(leader, job, 0, succeeded, 'c');
    expect(statesOf(leader, job)).toEqual(['unknown']);
    report(leader, job, 0, succeeded, 'b');
    leader.plan();
    expect(recordOf(leader, job)).toMatchObject({ state: 'succeeded', asking: 0, disturbed: 0 });
  });

  it('that the host can not answer leaves it unknown, says why, and ends the job as it was', () => {
    const { leader, job } = withUnknown();
    decide(leader, resolve(leader, job));
    const answer = { job, host: 0, attempt: 1, event: 'unsettled', detail: 'no record' } as const;
    expect(decideReports(leader.state, 'a', [answer]).voidCount).toBe(1);
    leader.append(decideReports(leader.state, 'b', [answer]).entries);
    expect(decideReports(leader.state, 'b', [answer]).voidCount).toBe(1);
    leader.plan();
    expect(recordOf(leader, job)).toMatchObject({ state: 'failed', disturbed: 1 });
    expect(recordOf(leader, job).resolutions.get(0)).toEqual({
      worker: 'b',
      asking: false,
      detail: 'no record',
    });
  });

  it('takes neither a refusal nor a begin from a worker that never had the order', () => {
    const { leader, job } = withUnknown();
    decide(leader, resolve(leader, job));
    const key = { job, host: 0, attempt: 1 };
    expect(decideReports(leader.state, 'b', [{ ...key, event: 'begun' }]).voidCount).toBe(1);
    leader.append(
      decideReports(leader.state, 'b', [{ ...key, event: 'refused', reason: 'not mine' }]).entries,
    );
    expect(recordOf(leader, job).hosts[0]).toMatchObject({ state: 'unknown', worker: 'a' });
    expect(recordOf(leader, job).resolutions.get(0)).toMatchObject({ asking: false, detail: 'not mine' });
  });

  it('takes the durable refusal of the worker that had it: the attempt never begins', () => {
    const { leader, job } = withUnknown({ state: 'unknown', reason: 'worker-lost' });
    decide(leader, resolve(leader, job, 'a'));
    const refusal = { job, host: 0, attempt: 1, event: 'refused', reason: 'never got it' } as const;
    leader.append(decideReports(leader.state, 'a', [refusal]).entries);
    expect(statesOf(leader, job)).toEqual(['halted']);
    expect(recordOf(leader, job).disturbed).toBe(0);
  });

  it('keeps how a halted job ended, and who halted it', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 2, limits: { ...limits, concurrent: 1 } });
    leader.plan();
    leader.append([{ type: 'halt-requested', job, by, cause: 'request', kill: true }]);
    report(leader, job, 0, unknown);
    leader.plan();
    decide(leader, resolve(leader, job));
    expect(leader.plan()).toEqual([]);
    report(leader, job, 0, failed, 'b');
    leader.plan();
    expect(recordOf(leader, job)).toMatchObject({ state: 'halted', halt: { by, kill: true } });
  });

  it('is given up at the time limit of the job', () => {
    const { leader, job } = withUnknown();
    decide(leader, resolve(leader, job));
    const { jobTimeoutMs } = limits;
    leader.plan({ nowMs: leader.state.atMs + jobTimeoutMs });
    expect(recordOf(leader, job)).toMatchObject({ state: 'failed', asking: 0 });
    // Evidence that comes all the same is taken (E2).
    report(leader, job, 0, failed, 'b');
    expect(statesOf(leader, job)).toEqual(['failed']);
  });

  it('is refused for hosts whose outcome is known, and where nobody can ask', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 2 });
    leader.plan();
    report(leader, job, 0, unknown);
    report(leader, job, 1, failed);
    leader.plan();
    expect(resolve(leader, job, 'b', [0, 1])).toEqual({ kind: 'host-not-unknown', hosts: [1] });
    const request = { hosts: undefined, by, credentials: given, workerFor: () => undefined };
    expect(decideResolve(recordOf(leader, job), request)).toEqual({ kind: 'no-worker' });
    decide(leader, resolve(leader, job));
    expect(resolve(leader, job)).toEqual({ kind: 'nothing-to-do' });
  });
});

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

describe('a job that needs credentials', () => {
  it('starts nothing, takes results, and goes on where its clock stood (S10)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 3, limits: { ...limits, concurrent: 1, jobTimeoutMs: 3000 } });
    leader.plan();
    leader.append([{ type: 'credentials-lost', job }], 1000);
    report(leader, job, 0, succeeded);
    expect(leader.plan({ nowMs: 500_000 })).toEqual([]);
    const record = recordOf(leader, job);
    expect(decideResume(record, { kind: 'missing' })).toEqual({ kind: 'credentials-needed' });
    leader.append([], 500_000);
    decide(leader, decideResume(record, { kind: 'given', recipients: ['kid-b'] }));
    expect(nextDeadlineMs(leader.state)).toBe(502_000);
    expect(leader.plan()).toEqual([]);
    expect(ordersIn(leader.plan({ workers: [{ ...workerA, keyIds: ['kid-b'] }] }))).toEqual([1]);
    expect(decideResume(record, given)).toEqual({ kind: 'job-running' });
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
