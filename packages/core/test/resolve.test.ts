import { decideReports, decideResolve } from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { Leader, limits } from './job-fixture.js';
import {
  by,
  decide,
  failed,
  given,
  recordOf,
  report,
  statesOf,
  succeeded,
  unknown,
  withUnknown,
} from './verb-fixture.js';

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
