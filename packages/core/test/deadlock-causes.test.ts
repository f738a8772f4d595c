/** What a deadlocked job says of why it has ended (S7). */
import {
  createState,
  deadlockText,
  type DeadlockCause,
  decideRetry,
  formatJobId,
  type NamespaceDefinition,
  type Outcome,
  restoreState,
  snapshotState,
} from '@pogo/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { Leader, limits, workerA } from './job-fixture.js';

const failed: Outcome = { state: 'failed', reason: 'exit-nonzero', exitCode: 1 };
const unknown: Outcome = { state: 'unknown', reason: 'rexec-lost' };

const fleet = (concurrency: NamespaceDefinition['constraints'][string]['concurrency']) => ({
  apps: { frontend: ['foo[1-900].east'], backend: ['bar[1-3].east'] },
  envs: { coast: { east: ['*.east'] } },
  constraints: { coast: { concurrency, sequence: [['backend', 'frontend']] } },
});

let leader: Leader;
beforeEach(() => {
  leader = new Leader();
  leader.constrain(fleet({ frontend: { kind: 'count', count: 3 } }));
});

const live = (job: number) => leader.hostsIn(job, 'permitted', 'assigned', 'connecting', 'running');
const step = () => leader.plan({ workers: [{ ...workerA, capacity: 1000 }] });
const causes = (job: number) => leader.state.jobs.get(job)!.deadlock;

function textOf(job: number): string[] {
  return causes(job)!.map((cause) => {
    const named: DeadlockCause<string> =
      cause.kind === 'slot'
        ? { ...cause, holders: cause.holders.map((holder) => ({ ...holder, job: formatJobId(holder.job) })) }
        : cause;
    return deadlockText(named, formatJobId(job));
  });
}

function failAll(job: number): void {
  leader.finish(job, live(job), failed);
  step();
}

describe('a deadlocked job', () => {
  it('names the slot, how full it is, and the hosts that hold it', () => {
    const job = leader.submit('foo[1-10].east');
    step();
    failAll(job);
    expect(leader.state.jobs.get(job)!.state).toBe('deadlocked');
    expect(causes(job)).toEqual([
      {
        kind: 'slot',
        slot: 'frontend@coast=east',
        use: 3,
        limit: 3,
        waiting: 7,
        holders: [{ job, count: 3, hosts: 'foo[1-3].east', more: 0 }],
      },
    ]);
    expect(textOf(job)).toEqual(['7 hosts wait for frontend@coast=east 3/3: foo[1-3].east']);
  });

  it('names the cap that is in force, and not the one that it was submitted with', () => {
    const job = leader.submit('bar[1-3].east', { limits: { ...limits, concurrent: 1 } });
    step();
    leader.append([{ type: 'limits-altered', job, by: 'ada', limits: { ...limits, concurrent: 2 } }]);
    step();
    expect(live(job)).toHaveLength(2);
    leader.finish(job, live(job), unknown);
    step();
    expect(causes(job)).toEqual([{ kind: 'own-cap', concurrent: 2, disturbed: 2, waiting: 1 }]);
  });

  it('names the jobs of hosts that are not its own', () => {
    const one = leader.submit('foo[1-4].east', { limits: { ...limits, concurrent: 1 } });
    const other = leader.submit('foo[5-8].east', { limits: { ...limits, concurrent: 2 } });
    step();
    leader.finish(one, live(one), failed);
    leader.finish(other, live(other), failed);
    step();
    expect([one, other].map((job) => leader.state.jobs.get(job)!.state)).toEqual([
      'deadlocked',
      'deadlocked',
    ]);
    expect(textOf(other)).toEqual([
      `2 hosts wait for frontend@coast=east 3/3: foo1.east of ${formatJobId(one)}, foo[5-6].east`,
    ]);
  });

  it('names the hosts of an earlier step that did not succeed', () => {
    const job = leader.submit('foo[1-2].east,bar[1-3].east');
    step();
    leader.finish(job, ['bar1.east', 'bar3.east'], { state: 'succeeded', exitCode: 0 });
    leader.finish(job, ['bar2.east'], failed);
    step();
    expect(textOf(job)).toEqual(['2 hosts wait for backend@coast=east, where bar2.east did not succeed']);
  });

  it('names hosts that wait for themselves', () => {
    leader.constrain({
      apps: { a: ['h[1-2]'], b: ['h[2-3]'] },
      envs: { site: { one: ['@a', '@b'] } },
      constraints: { site: { concurrency: {}, sequence: [['a', 'b']] } },
    });
    const job = leader.submit('h[1-3]');
    step();
    leader.finish(job, ['h1'], { state: 'succeeded', exitCode: 0 });
    step();
    expect(leader.state.jobs.get(job)!.state).toBe('deadlocked');
    expect(textOf(job)).toEqual(['2 hosts wait for a@site=one, where h2 did not succeed']);
  });

  it('names its own cap where hosts of unknown outcome use it up', () => {
    const job = leader.submit('foo[1-3].east', { limits: { ...limits, concurrent: 1 } });
    step();
    leader.finish(job, live(job), unknown);
    step();
    expect(textOf(job)).toEqual(["2 hosts wait for the job's own limit 1/1: hosts of unknown outcome"]);
  });

  it('counts hosts beyond the first three hundred, so that its entry stays small', () => {
    leader.constrain(fleet({ frontend: { kind: 'count', count: 800 } }));
    const job = leader.submit('foo[1-900].east');
    step();
    failAll(job);
    const [cause] = causes(job)!;
    expect(cause).toMatchObject({ use: 800, holders: [{ count: 800, hosts: 'foo[1-300].east', more: 500 }] });
    expect(textOf(job)[0]).toContain('foo[1-300].east and 500 more');
  });

  it('still says it from a snapshot, and no more once it is tried again', () => {
    const job = leader.submit('foo[1-10].east');
    step();
    failAll(job);
    const saved = JSON.parse(JSON.stringify(snapshotState(leader.state))) as ReturnType<typeof snapshotState>;
    const restored = restoreState(saved, leader.documents);
    expect(restored.jobs.get(job)!.deadlock).toEqual(causes(job));
    const retried = decideRetry(leader.state.jobs.get(job)!, {
      hosts: [0],
      by: 'ada',
      fence: false,
      credentials: { kind: 'present' },
    });
    if (retried.kind !== 'decided') throw new Error(retried.kind);
    leader.append(retried.entries);
    expect(causes(job)).toBeUndefined();
  });

  it('is read from snapshots of the release before', () => {
    const saved = snapshotState(createState());
    expect(restoreState({ ...saved, version: 3 }).nextIndex).toBe(0);
  });
});
