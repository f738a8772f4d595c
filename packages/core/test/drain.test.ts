/** Drained workers: they get no further host, and keep what they have. */
import { decideDrain, decideDrainLift, restoreState, snapshotState } from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { Leader, workerA, workerB } from './job-fixture.js';
import { by, recordOf, succeeded } from './verb-fixture.js';

const workers = [
  { ...workerA, capacity: 2 },
  { ...workerB, capacity: 2 },
];
const drain = (leader: Leader, worker: string, note?: string) =>
  leader.append(decideDrain(leader.state, { worker, by, note }));
const lift = (leader: Leader, worker: string) => leader.append(decideDrainLift(leader.state, { worker, by }));
const workersOf = (leader: Leader, job: number) => recordOf(leader, job).hosts.map(({ worker }) => worker);

describe('a drained worker', () => {
  it('gets no further host of any job while others do, until that is lifted', () => {
    const leader = new Leader();
    drain(leader, 'a');
    const job = leader.submit('web[1-4]');
    leader.plan({ workers });
    expect(workersOf(leader, job)).toEqual(['b', 'b', undefined, undefined]);
    lift(leader, 'a');
    leader.plan({ workers });
    expect(workersOf(leader, job)).toEqual(['b', 'b', 'a', 'a']);
  });

  it('keeps what it has, and gets none of it that is tried again', () => {
    const leader = new Leader();
    const job = leader.submit('web[1-3]');
    leader.plan({ workers: [workers[0]!] });
    drain(leader, 'a', 'new kernel');
    expect(leader.state.drained.get('a')).toEqual({ by, note: 'new kernel', atMs: 0 });
    expect(leader.state.assignedTo.get('a')).toBe(2);
    leader.finish(job, ['web1'], succeeded);
    leader.append([{ type: 'hosts-refused', job, hosts: [1], reason: 'stopping' }]);
    expect(leader.plan({ workers: [workers[0]!] })).toEqual([]);
    expect(leader.state.assignedTo.get('a')).toBeUndefined();
    leader.plan({ workers });
    expect(workersOf(leader, job)).toEqual(['a', 'b', 'b']);
  });

  it('stays as it was drained first, and lifting what is not drained says nothing', () => {
    const leader = new Leader();
    drain(leader, 'a', 'first');
    expect(decideDrain(leader.state, { worker: 'a', by: 'grace', note: 'second' })).toEqual([]);
    expect(decideDrainLift(leader.state, { worker: 'b', by })).toEqual([]);
  });

  it('is kept by a snapshot', () => {
    const leader = new Leader();
    drain(leader, 'a', 'first');
    const saved = JSON.parse(JSON.stringify(snapshotState(leader.state))) as ReturnType<typeof snapshotState>;
    expect(restoreState(saved).drained).toEqual(leader.state.drained);
    leader.state = restoreState(saved, leader.documents);
    leader.submit('web1');
    expect(leader.plan({ workers: [workers[0]!] })).toEqual([]);
  });
});
