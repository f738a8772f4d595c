import { restoreState, snapshotState, type StateSnapshot } from '@pogo/core';
import { expect, it } from 'vitest';
import { Leader } from './job-fixture.js';

it('counts nothing of a job that is archived, as after a restart: nobody could release it any more', () => {
  const leader = new Leader();
  leader.constrain({
    apps: { web: ['web[1-3]'] },
    envs: { coast: { east: ['@*'] } },
    constraints: { coast: { concurrency: { web: { kind: 'count', count: 3 } }, sequence: [] } },
  });
  const job = leader.submit('web[1-3]');
  leader.plan();
  leader.finish(job, ['web1'], { state: 'unknown', reason: 'rexec-lost' });
  leader.finish(job, ['web2'], { state: 'failed', reason: 'exit-nonzero' });
  leader.finish(job, ['web3'], { state: 'succeeded' });
  leader.plan();
  expect(leader.state.constraints.use).toEqual([2]);
  leader.append([{ type: 'job-archived', job }]);
  expect(leader.state.constraints.use).toEqual([0]);
  expect(leader.state.constraints.members.size).toBe(0);
  const saved = JSON.parse(JSON.stringify(snapshotState(leader.state))) as StateSnapshot;
  expect(restoreState(saved, leader.documents).constraints.use).toEqual([0]);
});
