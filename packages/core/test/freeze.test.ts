/** Freezes: nothing new starts in any job, or in one slot. */
import { decideFreeze, decideThaw, explainJob, restoreState, snapshotState } from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { Leader, limits } from './job-fixture.js';
import { by, decide, failed, recordOf, retry, succeeded } from './verb-fixture.js';

const east = 'web@coast=east';
const slot = (count: number) => ({ kind: 'count' as const, count });

function constrained(count = 4): Leader {
  const leader = new Leader();
  leader.constrain({
    apps: { web: ['web[1-4].{east,west}'], db: ['db[1-2].east'] },
    envs: { coast: { east: ['*.east'], west: ['*.west'] } },
    constraints: { coast: { concurrency: { web: slot(count), db: slot(2) }, sequence: [] } },
  });
  return leader;
}

const freeze = (leader: Leader, name?: string, note?: string) =>
  decide(leader, decideFreeze(leader.state, { slot: name, by: 'grace', note }));
const thaw = (leader: Leader, name?: string) => decide(leader, decideThaw(leader.state, { slot: name, by }));

describe('a frozen namespace', () => {
  it('starts nothing in any job, those that pass over the limits among them, until it is thawed', () => {
    const leader = constrained();
    const first = leader.submit('web[1-2].east', { limits: { ...limits, concurrent: 1 } });
    const second = leader.submit('web[1-2].west', { unconstrained: true });
    const third = leader.submit('stranger');
    leader.plan({ workers: [{ name: 'a', capacity: 1, keyIds: ['kid-a'] }] });
    freeze(leader, undefined, 'disks are full');
    expect(leader.plan()).toEqual([]);
    leader.finish(first, ['web1.east'], succeeded);
    expect(leader.plan()).toEqual([]);
    for (const job of [first, second, third]) {
      expect(explainJob(leader.state, recordOf(leader, job))[0]!.obstacles).toContainEqual({
        kind: 'frozen',
        slot: undefined,
        freeze: { by: 'grace', note: 'disks are full', atMs: 0 },
      });
    }
    thaw(leader);
    leader.plan();
    expect(leader.state.constraints.frozen.all).toBeUndefined();
    expect([first, second, third].map((job) => recordOf(leader, job).counts.waiting)).toEqual([0, 0, 0]);
  });

  it('needs no namespace file, and is kept by a snapshot', () => {
    const leader = new Leader();
    freeze(leader);
    const job = leader.accept({ hosts: 1 });
    leader.state = restoreState(snapshotState(leader.state), leader.documents);
    expect(leader.plan()).toEqual([]);
    thaw(leader);
    expect(leader.plan()).not.toEqual([]);
    expect(recordOf(leader, job).counts.assigned).toBe(1);
  });

  it('is no deadlock, whatever holds its hosts besides', () => {
    const leader = constrained(1);
    const job = leader.submit('web[1-2].east');
    leader.plan();
    freeze(leader);
    leader.finish(job, ['web1.east'], failed);
    expect(leader.plan()).toEqual([]);
    thaw(leader);
    leader.plan();
    expect(recordOf(leader, job).state).toBe('deadlocked');
  });
});

describe('a frozen slot', () => {
  it('starts no host that is in it, of any job, and all others', () => {
    const leader = constrained();
    freeze(leader, east);
    const jobs = [false, true].map((unconstrained) =>
      leader.submit(unconstrained ? 'web3.{east,west},db2.east' : 'web1.{east,west},db1.east,stranger', {
        unconstrained,
      }),
    );
    leader.plan();
    expect(jobs.map((job) => leader.hostsIn(job, 'waiting'))).toEqual([['web1.east'], ['web3.east']]);
    thaw(leader, east);
    leader.plan();
    expect(jobs.map((job) => leader.hostsIn(job, 'waiting'))).toEqual([[], []]);
  });

  it('starts no host again that counts already, or has a permit', () => {
    const leader = constrained();
    const job = leader.submit('web[1-3].east');
    leader.plan();
    freeze(leader, east);
    leader.finish(job, ['web1.east'], failed);
    leader.finish(job, ['web2.east'], { state: 'unknown', reason: 'rexec-lost' });
    leader.append([{ type: 'hosts-refused', job, hosts: [2], reason: 'busy' }]);
    decide(leader, retry(leader, job, [0, 1]));
    expect(leader.plan()).toEqual([]);
    expect(recordOf(leader, job).state).toBe('running');
    thaw(leader, east);
    leader.plan();
    expect(leader.hostsIn(job, 'assigned')).toEqual(['web1.east', 'web2.east', 'web3.east']);
  });

  it('is no deadlock, though hosts that failed fill it; it goes by its name over versions and snapshots', () => {
    const leader = constrained(1);
    const job = leader.submit('web[1-2].east');
    leader.plan();
    freeze(leader, east);
    leader.finish(job, ['web1.east'], failed);
    expect(leader.plan()).toEqual([]);
    leader.constrain({
      apps: { db: ['db[1-2].east'], web: ['web[1-4].east'] },
      envs: { coast: { east: ['*.east'] } },
      constraints: { coast: { concurrency: { db: slot(1), web: slot(3) }, sequence: [] } },
    });
    expect(leader.plan()).toEqual([]);
    leader.state = restoreState(snapshotState(leader.state), leader.documents);
    expect(leader.plan()).toEqual([]);
    expect(leader.hostsIn(job, 'waiting')).toEqual(['web2.east']);
    thaw(leader, east);
    leader.plan();
    expect(leader.hostsIn(job, 'assigned')).toEqual(['web2.east']);
  });

  it('is one that there is; what is frozen already stays as it was, what is not is thawed for nothing', () => {
    const leader = constrained();
    const unknown = { kind: 'unknown-slot', slot: 'web@coast=north' };
    const request = { slot: 'web@coast=north', by };
    expect(decideFreeze(leader.state, { ...request, note: undefined })).toEqual(unknown);
    expect(decideThaw(leader.state, request)).toEqual(unknown);
    expect(decideThaw(leader.state, { slot: east, by })).toEqual({ kind: 'decided', entries: [] });
    freeze(leader, east, 'first');
    freeze(leader, east, 'second');
    expect(leader.state.constraints.frozen.slots.get(east)).toMatchObject({ by: 'grace', note: 'first' });
    leader.constrain({ apps: { db: ['db1'] } });
    thaw(leader, east);
    expect(leader.state.constraints.frozen.slots.size).toBe(0);
  });
});
