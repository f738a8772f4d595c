import { decideJoin, decideReports } from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { Leader } from './job-fixture.js';
import { failed, recordOf } from './verb-fixture.js';

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
