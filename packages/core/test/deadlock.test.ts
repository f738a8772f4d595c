/** Which jobs are called deadlocked (S7): those that can't go on, and no others; and what counts after its job is over. */
import { decideReports, type NamespaceDefinition, restoreState, snapshotState } from '@pogo/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { Leader, workerA } from './job-fixture.js';
import { decide, failed, recordOf, report, retry, succeeded, unknown } from './verb-fixture.js';

const oneAtOnce = (changes: Partial<NamespaceDefinition> = {}): Partial<NamespaceDefinition> => ({
  apps: { app: ['h[1-4]'] },
  envs: { site: { one: ['@app'] } },
  constraints: { site: { concurrency: { app: { kind: 'count', count: 1 } }, sequence: [] } },
  ...changes,
});

let leader: Leader;
const stateOf = (job: number) => recordOf(leader, job).state;
const use = () => leader.state.constraints.use;

beforeEach(() => {
  leader = new Leader();
  leader.constrain(oneAtOnce());
});

describe('a job that waits', () => {
  it('for a host that it has left failed goes on while another job tries that host again', () => {
    const job = leader.submit('h[1-2]');
    leader.plan();
    const other = leader.submit('h1');
    leader.plan();
    leader.finish(job, ['h1'], failed);
    leader.plan({ workers: [{ ...workerA, capacity: 0 }] });
    expect(stateOf(job)).toBe('running');
    leader.plan();
    leader.finish(other, ['h1'], succeeded);
    leader.plan();
    expect(leader.hostsIn(job, 'assigned')).toEqual(['h2']);
  });

  it('is deadlocked once the other job has failed there as well', () => {
    const job = leader.submit('h[1-2]');
    leader.plan();
    const other = leader.submit('h1');
    leader.finish(job, ['h1'], failed);
    leader.plan();
    leader.finish(other, ['h1'], failed);
    leader.plan();
    expect([stateOf(job), stateOf(other)]).toEqual(['deadlocked', 'failed']);
  });

  it('for a host of its own that waits for itself is deadlocked', () => {
    leader.constrain({
      apps: { a: ['h[1-2]'], b: ['h[2-3]'] },
      envs: { site: { one: ['@a', '@b'] } },
      constraints: { site: { concurrency: {}, sequence: [['a', 'b']] } },
    });
    const job = leader.submit('h[1-3]');
    leader.plan();
    expect(stateOf(job)).toBe('running');
    leader.finish(job, ['h1'], succeeded);
    leader.plan();
    expect(stateOf(job)).toBe('deadlocked');
    expect(recordOf(leader, job).counts).toMatchObject({ succeeded: 1, halted: 2 });
  });

  it('for what another one holds goes on when that ends, where the end of a job frees its hosts', () => {
    const apps = { a: ['a[1-2]'], b: ['b[1-2]'] };
    const count = { kind: 'count', count: 1 } as const;
    leader.constrain({
      apps,
      envs: { site: { one: ['@a', '@b'] } },
      constraints: { site: { concurrency: { a: count, b: count }, sequence: [] } },
      holdFailures: 'until-job-ends',
    });
    const one = leader.submit('a1,b2');
    const other = leader.submit('b1,a2');
    leader.plan();
    leader.finish(one, ['a1'], failed);
    leader.finish(other, ['b1'], failed);
    leader.plan();
    expect(stateOf(one)).toBe('deadlocked');
    expect(leader.hostsIn(other, 'assigned')).toEqual(['a2']);
  });
});

describe('a host goes on counting', () => {
  it('when its earlier attempt turns out to have failed, and a later one never began', () => {
    const job = leader.submit('h1');
    leader.plan();
    report(leader, job, 0, unknown);
    leader.plan();
    decide(leader, retry(leader, job, [0]));
    leader.plan();
    const late = { job, host: 0, attempt: 1, event: 'finished' as const, outcome: failed };
    leader.append(decideReports(leader.state, 'a', [late]).entries);
    report(leader, job, 0, { state: 'auth-failed', reason: 'password-refused' });
    leader.plan();
    expect(stateOf(job)).toBe('failed');
    expect(use()).toEqual([1]);
  });

  it('not after it has succeeded, also where the namespace knew nothing of it just then', () => {
    const job = leader.submit('h1');
    leader.plan();
    leader.finish(job, ['h1'], failed);
    leader.plan();
    leader.constrain(oneAtOnce({ apps: { app: ['h[2-4]'] } }));
    decide(leader, retry(leader, job));
    leader.plan();
    leader.finish(job, ['h1'], succeeded);
    leader.plan();
    leader.constrain(oneAtOnce());
    expect(use()).toEqual([0]);
    expect(recordOf(leader, job).held.size).toBe(0);
  });

  it('not for a job that is archived, whose hosts nobody could release any more', () => {
    const job = leader.submit('h1');
    leader.plan();
    report(leader, job, 0, unknown);
    leader.plan();
    expect(use()).toEqual([1]);
    leader.append([{ type: 'job-archived', job }]);
    expect(use()).toEqual([0]);
    expect(restoreState(snapshotState(leader.state), leader.documents).constraints.use).toEqual([0]);
  });
});
