import {
  decideHalt,
  decideReports,
  decideWorkerLoss,
  assignedAttempts,
  hostIndexes,
  type LogEntry,
  nextDeadlineMs,
  type Outcome,
  plan,
} from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { Leader, limits, submission, workerA, workerB } from './job-fixture.js';
import { decideAccept } from '@pogo/core';

const succeeded: Outcome = { state: 'succeeded', exitCode: 0 };
const failed: Outcome = { state: 'failed', reason: 'exit-nonzero', exitCode: 1 };

function assignedIn(entries: readonly LogEntry[], job?: number): number[] {
  return entries.flatMap((entry) =>
    entry.type === 'hosts-assigned' && (job === undefined || entry.job === job)
      ? [...hostIndexes(entry.hosts)]
      : [],
  );
}

function finish(leader: Leader, job: number, host: number, outcome: Outcome, worker = 'a'): void {
  const decision = decideReports(leader.state, worker, [
    { job, host, attempt: 1, event: 'finished', outcome },
  ]);
  leader.append(decision.entries);
}

describe('the planner', () => {
  it('gives every host of a job without limits to a worker at once, permit and order together', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 5 });
    const entries = leader.plan();
    expect(entries.map((entry) => entry.type)).toEqual(['hosts-permitted', 'hosts-assigned']);
    expect(assignedIn(entries)).toEqual([0, 1, 2, 3, 4]);
    expect(leader.state.jobs.get(job)!.state).toBe('running');
  });

  it("never exceeds the job's own cap, and goes on as hosts end, failed ones included (S5)", () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 4, limits: { ...limits, concurrent: 2 } });
    expect(assignedIn(leader.plan())).toEqual([0, 1]);
    finish(leader, job, 1, failed);
    expect(assignedIn(leader.plan())).toEqual([2]);
    finish(leader, job, 0, succeeded);
    finish(leader, job, 2, succeeded);
    expect(assignedIn(leader.plan())).toEqual([3]);
  });

  it('counts a host of unknown outcome against the cap, and calls a job that nothing can free deadlocked (E1, S7)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 3, limits: { ...limits, concurrent: 1 } });
    leader.plan();
    finish(leader, job, 0, { state: 'unknown', reason: 'rexec-lost' });
    leader.plan();
    const record = leader.state.jobs.get(job)!;
    expect(record.state).toBe('deadlocked');
    expect(record.hosts.map((host) => host.state)).toEqual(['unknown', 'halted', 'halted']);
  });

  it('hands out no more than the workers can take, and prefers the one with most room', () => {
    const leader = new Leader();
    leader.accept({ hosts: 10 });
    const workers = [
      { ...workerA, capacity: 2 },
      { ...workerB, capacity: 4 },
    ];
    const entries = leader.plan({ workers });
    const byWorker = entries.flatMap((entry) =>
      entry.type === 'hosts-assigned' ? [[entry.worker, [...hostIndexes(entry.hosts)].length]] : [],
    );
    expect(Object.fromEntries(byWorker)).toEqual({ a: 2, b: 4 });
    expect(plan(leader.state, { nowMs: 0, workers })).toEqual([]);
  });

  it('gives a worker nothing of a job that it declines: others have that job, and it has other jobs (S12)', () => {
    const leader = new Leader();
    const declined = leader.accept({ hosts: 2 });
    const other = leader.accept({ hosts: 1 });
    const a = { ...workerA, declined: new Set([declined]) };
    const alone = leader.plan({ workers: [a] });
    expect([assignedIn(alone, declined), assignedIn(alone, other)]).toEqual([[], [0]]);
    const together = leader.plan({ workers: [a, { ...workerB, capacity: 1 }] });
    expect(together.flatMap((entry) => (entry.type === 'hosts-assigned' ? [entry.worker] : []))).toEqual([
      'b',
    ]);
    expect(assignedIn(leader.plan({ workers: [workerA] }), declined)).toEqual([1]);
  });

  it('passes over workers that cannot open the credentials (V3)', () => {
    const leader = new Leader();
    leader.accept({ hosts: 1, recipients: ['kid-x'] });
    expect(leader.plan()).toEqual([]);
  });

  it('keeps a job with an unproven password on one worker until a host has started', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 6, provesPassword: true });
    const workers = [
      { ...workerA, capacity: 2 },
      { ...workerB, capacity: 1 },
    ];
    const first = leader.plan({ workers });
    expect(first.flatMap((entry) => (entry.type === 'hosts-assigned' ? [entry.worker] : []))).toEqual(['a']);
    expect(assignedIn(first)).toEqual([0, 1]);
    leader.append(decideReports(leader.state, 'a', [{ job, host: 0, attempt: 1, event: 'started' }]).entries);
    const second = leader.plan({ workers });
    expect(second.flatMap((entry) => (entry.type === 'hosts-assigned' ? [entry.worker] : []))).toEqual(['b']);
  });

  it('lets a small job through while a huge one waits for room (S12)', () => {
    const leader = new Leader();
    leader.accept({ hosts: 1000 });
    const workers = [{ ...workerA, capacity: 10 }];
    leader.plan({ workers });
    const small = leader.accept({ hosts: 1 });
    finish(leader, 1, 0, succeeded);
    expect(assignedIn(leader.plan({ workers }), small)).toEqual([0]);
  });

  it('starts nothing new once the failure budget is spent, and ends the job as halted (S8)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 10, limits: { ...limits, concurrent: 2, maxFailures: 2 } });
    leader.plan();
    finish(leader, job, 0, failed);
    leader.plan();
    finish(leader, job, 1, { state: 'unreachable', reason: 'dns' });
    leader.plan();
    const record = leader.state.jobs.get(job)!;
    expect(record.halt).toMatchObject({ cause: 'failure-budget', kill: false });
    expect(record.counts.halted).toBe(7);
    expect(record.state).toBe('running');
    finish(leader, job, 2, succeeded);
    leader.plan();
    expect(record.state).toBe('halted');
  });

  it('halts with kill when the job timeout is reached, and waits for the word about running hosts (S10, A3)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 3, limits: { ...limits, concurrent: 1, jobTimeoutMs: 3000 } });
    leader.plan();
    expect(nextDeadlineMs(leader.state)).toBe(3000);
    expect(leader.plan({ nowMs: 2999 })).toEqual([]);
    const entries = leader.plan({ nowMs: 3000 });
    expect(entries[0]).toMatchObject({ type: 'halt-requested', cause: 'job-timeout', kill: true });
    const record = leader.state.jobs.get(job)!;
    expect(record.hosts.map((host) => host.state)).toEqual(['assigned', 'halted', 'halted']);
    expect(nextDeadlineMs(leader.state)).toBeUndefined();
    finish(leader, job, 0, { state: 'killed', reason: 'halt-kill' });
    leader.plan();
    expect(record.state).toBe('halted');
    expect(record.endedAtMs).toBe(3000);
  });

  it('stops the clock of a job that waits for credentials (S10)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 1, limits: { ...limits, jobTimeoutMs: 3000 } });
    leader.append([{ type: 'credentials-lost', job }], 1000);
    expect(nextDeadlineMs(leader.state)).toBeUndefined();
    expect(leader.plan({ nowMs: 1_000_000 })).toEqual([]);
    expect(leader.state.jobs.get(job)!.state).toBe('needs-credentials');
  });

  it('takes a refused host back to another order, and halts it when the job was halted meanwhile (A3)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 2 });
    leader.plan();
    const refuse = (host: number) =>
      decideReports(leader.state, 'a', [{ job, host, attempt: 1, event: 'refused', reason: 'draining' }])
        .entries;
    leader.append(refuse(0));
    expect(assignedIn(leader.plan({ workers: [workerB] }))).toEqual([0]);
    const halt = decideHalt(leader.state, { job, by: 'ada', cause: 'request', kill: false });
    if (halt.kind !== 'halted') throw new Error(halt.kind);
    leader.append(halt.entries);
    leader.append(refuse(1));
    leader.plan();
    expect(leader.state.jobs.get(job)!.hosts.map((host) => host.state)).toEqual(['assigned', 'halted']);
  });

  it('ends a job as succeeded only when every host did', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 2 });
    leader.plan();
    finish(leader, job, 0, succeeded);
    finish(leader, job, 1, failed);
    leader.plan();
    expect(leader.state.jobs.get(job)!.state).toBe('failed');
    expect(leader.state.open.size).toBe(0);
  });
});

describe('reports', () => {
  it('count only from the worker that the log names for that attempt (A6)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 1 });
    leader.plan();
    const report = { job, host: 0, attempt: 1, event: 'finished', outcome: succeeded } as const;
    expect(decideReports(leader.state, 'b', [report])).toEqual({ entries: [], voidCount: 1 });
    expect(decideReports(leader.state, 'a', [{ ...report, attempt: 2 }]).voidCount).toBe(1);
    expect(decideReports(leader.state, 'a', [{ ...report, job: 99 }]).voidCount).toBe(1);
    expect(decideReports(leader.state, 'a', [report]).entries).toHaveLength(1);
  });

  it('are idempotent: what arrives twice, or late, changes nothing (I4)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 1 });
    leader.plan();
    const report = { job, host: 0, attempt: 1, event: 'finished', outcome: succeeded } as const;
    const twice = decideReports(leader.state, 'a', [report, report]);
    expect(twice).toMatchObject({ voidCount: 1 });
    leader.append(twice.entries);
    expect(decideReports(leader.state, 'a', [report]).voidCount).toBe(1);
    expect(decideReports(leader.state, 'a', [{ ...report, outcome: failed }]).entries).toEqual([]);
    expect(decideReports(leader.state, 'a', [{ job, host: 0, attempt: 1, event: 'begun' }]).voidCount).toBe(
      1,
    );
  });

  it('replace unknown once, and never by another unknown (E2)', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 1 });
    leader.plan();
    leader.append(decideWorkerLoss(assignedAttempts(leader.state, 'a'), 'worker a went away'));
    const record = leader.state.jobs.get(job)!.hosts[0]!;
    expect(record.state).toBe('unknown');
    const late = (outcome: Outcome) =>
      decideReports(leader.state, 'a', [{ job, host: 0, attempt: 1, event: 'finished', outcome }]);
    expect(late({ state: 'unknown', reason: 'worker-lost' }).voidCount).toBe(1);
    leader.append(late(failed).entries);
    expect(record.state).toBe('failed');
    expect(late(succeeded).entries).toEqual([]);
  });

  it('that tell a whole short life in one call become one entry', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 1 });
    leader.plan();
    const key = { job, host: 0, attempt: 1 };
    const { entries } = decideReports(leader.state, 'a', [
      { ...key, event: 'begun' },
      { ...key, event: 'started' },
      { ...key, event: 'finished', outcome: succeeded },
    ]);
    expect(entries.map((entry) => entry.type)).toEqual(['host-finished']);
  });
});

describe('submissions', () => {
  it('with a known idempotency key give the same job, or a mismatch when the spec differs (L7)', () => {
    const leader = new Leader();
    const job = leader.accept({ idempotencyKey: 'k' });
    expect(decideAccept(leader.state, submission({ idempotencyKey: 'k' }))).toEqual({ kind: 'known', job });
    expect(
      decideAccept(leader.state, submission({ idempotencyKey: 'k', digest: `sha256:${'1'.repeat(64)}` })),
    ).toEqual({
      kind: 'mismatch',
      job,
    });
  });
});
