/** Pools: a host that is in one goes only to workers of that pool, and holds nobody else up while there is none. */
import {
  assignedAttempts,
  decideHalt,
  decideReports,
  explainJob,
  hostIndexes,
  type LogEntry,
  type NamespaceDefinition,
  type Outcome,
  restoreState,
  snapshotState,
  type WorkerCapacity,
} from '@pogo/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { Leader, limits } from './job-fixture.js';

const succeeded: Outcome = { state: 'succeeded', exitCode: 0 };

const worker = (name: string, pools: readonly string[], capacity = 100): WorkerCapacity => ({
  name,
  capacity,
  keyIds: ['kid-a'],
  pools,
});
const east = worker('east-1', ['east']);
const west = worker('west-1', ['west']);
const both = worker('both-1', ['east', 'west']);
const any = worker('any-1', []);

const fleet: Partial<NamespaceDefinition> = {
  apps: { web: ['web[1-4].{east,west}'], loose: ['loose[1-2]'] },
  pools: { east: '*.east', west: '*.west' },
};

let leader: Leader;
beforeEach(() => {
  leader = new Leader();
  leader.constrain(fleet);
});

/** Names of hosts by the worker that they were given to. */
function given(entries: readonly LogEntry[], job: number): Record<string, string> {
  const names = leader.hostNames(job);
  return Object.fromEntries(
    entries.flatMap((entry) =>
      entry.type === 'hosts-assigned' && entry.job === job
        ? [...hostIndexes(entry.hosts)].map((host) => [names[host]!, entry.worker])
        : [],
    ),
  );
}

/** The worker refuses everything that it was given: permits stay, workers go. */
function refuseAll(name: string): void {
  const refused = assignedAttempts(leader.state, name).map(({ job, host, attempt }) => ({
    job,
    host,
    attempt,
    event: 'refused' as const,
    reason: 'draining',
  }));
  leader.append(decideReports(leader.state, name, refused).entries);
}

describe('hosts of a pool', () => {
  it('go only to workers of that pool, and hosts without one to any', () => {
    const job = leader.submit('web1.east web1.west loose1');
    const workers = [worker('east-1', ['east'], 1), worker('west-1', ['west'], 2)];
    expect(given(leader.plan({ workers }), job)).toEqual({
      'web1.east': 'east-1',
      'web1.west': 'west-1',
      loose1: 'west-1',
    });
  });

  it('go to a worker of several pools too, and to none that has none', () => {
    const job = leader.submit('web1.east web1.west');
    expect(leader.plan({ workers: [any] })).toEqual([]);
    expect(given(leader.plan({ workers: [any, both] }), job)).toEqual({
      'web1.east': 'both-1',
      'web1.west': 'both-1',
    });
  });

  it('wait for a worker without holding up those behind them, nor getting a permit', () => {
    const job = leader.submit('web[1-4].east web[1-4].west loose1');
    expect(given(leader.plan({ workers: [west] }), job)).toEqual({
      'web1.west': 'west-1',
      'web2.west': 'west-1',
      'web3.west': 'west-1',
      'web4.west': 'west-1',
      loose1: 'west-1',
    });
    expect(leader.hostsIn(job, 'waiting')).toEqual(['web1.east', 'web2.east', 'web3.east', 'web4.east']);
    leader.finish(job, leader.hostsIn(job, 'assigned'), succeeded);
    expect(leader.plan({ workers: [west] })).toEqual([]);
    expect(leader.state.jobs.get(job)!.state).toBe('running');
    expect(Object.keys(given(leader.plan({ workers: [west, east] }), job))).toHaveLength(4);
  });

  it('use up nothing of a cap or a slot while nobody reaches them', () => {
    leader.constrain({
      ...fleet,
      envs: { all: { of: ['@web'] } },
      constraints: { all: { concurrency: { web: { kind: 'count', count: 2 } }, sequence: [] } },
    });
    const job = leader.submit('web[1-4].east web[1-4].west', { limits: { ...limits, concurrent: 2 } });
    expect(Object.keys(given(leader.plan({ workers: [west] }), job))).toEqual(['web1.west', 'web2.west']);
  });

  it('are never a deadlock, and end with the job timeout (S7, S10)', () => {
    leader.constrain({
      ...fleet,
      envs: { all: { of: ['*'] } },
      constraints: { all: { concurrency: {}, sequence: [['web', 'loose']] } },
    });
    const job = leader.submit('web1.east loose1', { limits: { ...limits, jobTimeoutMs: 1000 } });
    expect(leader.plan({ workers: [west] })).toEqual([]);
    expect(leader.state.jobs.get(job)!.state).toBe('accepted');
    leader.plan({ workers: [west], nowMs: 1000 });
    const { state, halt, hosts } = leader.state.jobs.get(job)!;
    expect(state).toBe('halted');
    expect(halt?.cause).toBe('job-timeout');
    expect(hosts.map((host) => host.state)).toEqual(['halted', 'halted']);
  });

  it('that come back with their permit wait for their own pool, and others that came back go on', () => {
    const job = leader.submit('web1.east web1.west');
    leader.plan({ workers: [east, west] });
    refuseAll('east-1');
    refuseAll('west-1');
    expect(leader.hostsIn(job, 'permitted')).toEqual(['web1.east', 'web1.west']);
    expect(given(leader.plan({ workers: [west] }), job)).toEqual({ 'web1.west': 'west-1' });
    expect(explainJob(leader.state, leader.state.jobs.get(job)!)).toEqual([
      { hosts: [0], pool: 'east', obstacles: [] },
    ]);
    expect(given(leader.plan({ workers: [west, east] }), job)).toEqual({ 'web1.east': 'east-1' });
  });

  it('keep their pool over a snapshot, and take that of the next version of the file', () => {
    const job = leader.submit('web1.east web1.west');
    leader.plan({ workers: [east, west] });
    refuseAll('east-1');
    leader.state = restoreState(snapshotState(leader.state), leader.documents);
    expect(leader.plan({ workers: [west] })).toEqual([]);
    leader.constrain({ ...fleet, pools: { west: '@*' } });
    expect(given(leader.plan({ workers: [west] }), job)).toEqual({ 'web1.east': 'west-1' });
  });

  it('go nowhere else for a job without constraints either', () => {
    leader.submit('web1.east', { unconstrained: true });
    expect(leader.plan({ workers: [west, any] })).toEqual([]);
  });

  it('do not go to a worker of theirs that cannot open the credentials (V3)', () => {
    leader.submit('web1.east', { recipients: ['kid-x'] });
    expect(leader.plan({ workers: [east] })).toEqual([]);
  });

  it('of an unproven password stay on one worker, and those of the other pool follow when it is proven', () => {
    const job = leader.submit('web1.east web1.west', { provesPassword: true });
    expect(given(leader.plan({ workers: [east, west] }), job)).toEqual({ 'web1.east': 'east-1' });
    const started = { job, host: 0, attempt: 1, event: 'started' as const };
    leader.append(decideReports(leader.state, 'east-1', [started]).entries);
    expect(given(leader.plan({ workers: [east, west] }), job)).toEqual({ 'web1.west': 'west-1' });
  });

  it('are told apart from others that wait for the same', () => {
    const job = leader.submit('web1.east web1.west loose1');
    expect(explainJob(leader.state, leader.state.jobs.get(job)!)).toEqual([
      { hosts: [0], pool: 'east', obstacles: [] },
      { hosts: [1], pool: 'west', obstacles: [] },
      { hosts: [2], pool: undefined, obstacles: [] },
    ]);
  });

  it('never start after a halt', () => {
    const job = leader.submit('web1.east');
    const decision = decideHalt(leader.state, { job, by: 'ada', cause: 'request', kill: false });
    if (decision.kind === 'halted') leader.append(decision.entries);
    leader.plan({ workers: [west] });
    expect(leader.state.jobs.get(job)!.state).toBe('halted');
  });
});
