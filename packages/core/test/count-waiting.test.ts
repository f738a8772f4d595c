/** What waiting hosts wait for, from sums: as `explainJob` finds it host by host. */
import { countWaiting, decideFreeze, decideHold, explainJob, type WaitCause } from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { noneWait } from './constraints-reference.js';
import { Leader, limits } from './job-fixture.js';
import { by, decide, failed, recordOf, succeeded } from './verb-fixture.js';

function constrained(): Leader {
  const leader = new Leader();
  leader.constrain({
    apps: { web: ['web[1-4].{east,west}'], db: ['db[1-2].{east,west}'] },
    envs: { coast: { east: ['*.east'], west: ['*.west'] } },
    constraints: {
      coast: { concurrency: { web: { kind: 'count', count: 2 } }, sequence: [['db', 'web']] },
    },
  });
  return leader;
}

/** From sums, those that are nothing left out. */
function waitingFor(leader: Leader, job: number, paused: readonly number[] = []) {
  const counts = noneWait();
  countWaiting(leader.state, recordOf(leader, job), new Set(paused), counts);
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

/** The same by the first obstacle of each host. */
function explained(leader: Leader, job: number) {
  const counts: Partial<Record<WaitCause, number>> = {};
  for (const { hosts, obstacles } of explainJob(leader.state, recordOf(leader, job))) {
    const [first] = obstacles;
    const kind = first?.kind === 'job-state' ? first.state : (first?.kind ?? 'worker');
    counts[kind as WaitCause] = (counts[kind as WaitCause] ?? 0) + hosts.length;
  }
  return counts;
}

describe('hosts that wait', () => {
  it('wait for the step before them, then for room in their slot, then for a worker', () => {
    const leader = constrained();
    const job = leader.submit('db1.east,web[1-4].east,web1.west,stranger');
    leader.plan({ workers: [] });
    expect(waitingFor(leader, job)).toEqual({ stage: 4, worker: 3 });
    expect(explained(leader, job)).toEqual(waitingFor(leader, job));
    leader.plan();
    leader.finish(job, ['db1.east'], succeeded);
    leader.plan();
    expect(waitingFor(leader, job)).toEqual({ slot: 2 });
    expect(explained(leader, job)).toEqual(waitingFor(leader, job));
  });

  it('wait for a host that another job has', () => {
    const leader = constrained();
    leader.submit('db1.east,db2.east');
    leader.plan();
    const job = leader.submit('db1.east,db1.west');
    leader.plan({ workers: [] });
    expect(waitingFor(leader, job)).toEqual({ busy: 1, worker: 1 });
    expect(explained(leader, job)).toEqual(waitingFor(leader, job));
  });

  it('wait for the own cap of their job, for its ramp, or for who holds it', () => {
    const leader = constrained();
    const capped = leader.submit('stranger[1-5]', { limits: { ...limits, concurrent: 2 } });
    const ramped = leader.submit('other[1-5]', {
      limits: { ...limits, ramp: { steps: [1, 3], pauseMs: null } },
    });
    leader.plan();
    expect(waitingFor(leader, capped)).toEqual({ 'own-cap': 3 });
    expect(waitingFor(leader, ramped)).toEqual({ ramp: 4 });
    leader.finish(ramped, ['other1'], failed);
    leader.plan();
    expect(waitingFor(leader, ramped)).toEqual({ ramp: 4 });
    decide(leader, decideHold(recordOf(leader, capped), { by }));
    expect(waitingFor(leader, capped)).toEqual({ held: 3 });
    for (const job of [capped, ramped]) expect(explained(leader, job)).toEqual(waitingFor(leader, job));
  });

  it('wait for credentials, and for those who bring them back', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 3 });
    expect(waitingFor(leader, job, [job])).toEqual({ vault: 3 });
    leader.append([{ type: 'credentials-lost', job }]);
    expect(waitingFor(leader, job, [job])).toEqual({ 'needs-credentials': 3 });
    expect(explained(leader, job)).toEqual(waitingFor(leader, job));
  });

  it('wait for a thaw, in the whole namespace or in a slot alone', () => {
    const leader = constrained();
    const job = leader.submit('web[1-3].{east,west}');
    decide(leader, decideFreeze(leader.state, { slot: 'web@coast=east', by, note: undefined }));
    leader.plan();
    expect(waitingFor(leader, job)).toEqual({ frozen: 3, slot: 1 });
    expect(explained(leader, job)).toEqual(waitingFor(leader, job));
    decide(leader, decideFreeze(leader.state, { slot: undefined, by, note: undefined }));
    expect(waitingFor(leader, job)).toEqual({ frozen: 4 });
  });
});
