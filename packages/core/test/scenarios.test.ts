/** The scenarios that the product's design names, at the planner: numbers and names are the design's. */
import {
  decideHalt,
  decideRelease,
  decideRetry,
  hostIndexes,
  nextDeadlineMs,
  resolveTargets,
  type NamespaceDefinition,
  type Outcome,
} from '@pogo/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { Leader, limits, workerA } from './job-fixture.js';

const succeeded: Outcome = { state: 'succeeded', exitCode: 0 };
const failed: Outcome = { state: 'failed', reason: 'exit-nonzero', exitCode: 1 };
const workers = [{ ...workerA, capacity: 1000 }];

const fleet: Partial<NamespaceDefinition> = {
  apps: {
    frontend: ['foo[1-101].{east,west}.example.com'],
    backend: ['bar[1-10].{east,west}.example.com'],
    tail: ['zar[1-10].west.example.com'],
  },
  envs: {
    coast: {
      east: ['@frontend&*.east.example.com', '@backend&*.east.example.com'],
      west: ['@frontend&*.west.example.com', '@backend&*.west.example.com'],
    },
  },
  constraints: {
    coast: {
      concurrency: { frontend: { kind: 'percent', percent: 25 }, backend: { kind: 'count', count: 1 } },
      sequence: [['backend', 'frontend']],
    },
  },
};

const on = (names: string, coast: string) => `${names}.${coast}.example.com`;
const present = { kind: 'present' } as const;
let leader: Leader;

beforeEach(() => {
  leader = new Leader();
  leader.constrain(fleet);
});

/** Names of the hosts that are permitted or beyond, and not over. */
const live = (job: number) => leader.hostsIn(job, 'permitted', 'assigned', 'connecting', 'running');
const step = () => leader.plan({ workers });

function halt(job: number): void {
  const decision = decideHalt(leader.state, { job, by: 'ada', cause: 'request', kill: false });
  if (decision.kind === 'halted') leader.append(decision.entries);
}

/** Runs the job to its end, every command a success; gives the names that were under way together, most first. */
function runAll(...jobs: number[]): Record<string, number> {
  const peaks: Record<string, number> = {};
  for (step(); ; step()) {
    const under = jobs.flatMap((job) => live(job));
    if (under.length === 0) return peaks;
    const now: Record<string, number> = {};
    for (const name of under) {
      const group = name.replace(/\d+/, '');
      now[group] = (now[group] ?? 0) + 1;
    }
    for (const [group, count] of Object.entries(now)) peaks[group] = Math.max(peaks[group] ?? 0, count);
    const job = jobs.find((number) => live(number).length > 0)!;
    leader.finish(job, live(job).slice(0, 1), succeeded);
  }
}

describe('scenario', () => {
  it('1: foo13 and bar3 on both coasts: the first wave is exactly the backends, each foo13 waits for its own coast', () => {
    const job = leader.submit('{foo13,bar3}.{east,west}.example.com');
    step();
    expect(live(job)).toEqual([on('bar3', 'east'), on('bar3', 'west')]);
    leader.finish(job, [on('bar3', 'west')], succeeded);
    step();
    expect(live(job).sort()).toEqual([on('bar3', 'east'), on('foo13', 'west')]);
  });

  it('2: bar[1-3].east one at a time, while bar1.east and bar1.west may overlap', () => {
    const job = leader.submit('bar[1-3].east.example.com bar1.west.example.com');
    step();
    expect(live(job)).toEqual([on('bar1', 'east'), on('bar1', 'west')]);
    leader.finish(job, [on('bar1', 'east')], succeeded);
    step();
    expect(live(job)).toEqual([on('bar2', 'east'), on('bar1', 'west')]);
    expect(runAll(job)).toMatchObject({ 'bar.east.example.com': 1 });
    expect(leader.state.jobs.get(job)!.state).toBe('succeeded');
  });

  it('3: foo[1-101].east: never more than 25 at once', () => {
    const job = leader.submit('foo[1-101].east.example.com');
    expect(runAll(job)).toEqual({ 'foo.east.example.com': 25 });
    expect(leader.state.jobs.get(job)!.state).toBe('succeeded');
  });

  it('3: a slot of 2 hosts at 25% admits 1', () => {
    leader.constrain({
      apps: { app: ['h[1-2]'] },
      envs: { all: { one: ['@app'] } },
      constraints: {
        all: { concurrency: { app: { kind: 'percent', percent: 25 } }, sequence: [] },
      },
    });
    const job = leader.submit('h[1-2]');
    step();
    expect(live(job)).toEqual(['h1']);
  });

  it('4: zar[1-4].west with --concurrent 2: the peak is exactly 2', () => {
    const job = leader.submit('zar[1-4].west.example.com', { limits: { ...limits, concurrent: 2 } });
    expect(runAll(job)).toEqual({ 'zar.west.example.com': 2 });
  });

  it('5: two jobs from two people on other frontends of one coast: together never more than 25', () => {
    const one = leader.submit('foo[1-50].east.example.com', { submitter: 'ada' });
    const other = leader.submit('foo[51-101].east.example.com', { submitter: 'bob' });
    step();
    expect(live(one).length + live(other).length).toBe(25);
    expect(live(other).length).toBeGreaterThan(0);
    expect(runAll(one, other)).toEqual({ 'foo.east.example.com': 25 });
  });

  describe('6: each of the 25 running frontends fails', () => {
    let job: number;
    let down: string[];
    beforeEach(() => {
      job = leader.submit('foo[1-101].east.example.com');
      step();
      down = live(job);
      expect(down).toHaveLength(25);
      leader.finish(job, down, failed);
      step();
    });

    it('nothing new starts, and the job is deadlocked', () => {
      const { state, counts } = leader.state.jobs.get(job)!;
      expect(state).toBe('deadlocked');
      expect(counts).toMatchObject({ failed: 25, halted: 76 });
      expect(leader.state.constraints.use[0]).toBe(25);
    });

    it('the job names the slot, and the hosts that fill it', () => {
      expect(leader.state.jobs.get(job)!.deadlock).toMatchObject([
        {
          ...{ kind: 'slot', slot: 'frontend@coast=east', use: 25, limit: 25, waiting: 76 },
          holders: [{ job, count: 25, hosts: 'foo[1-25].east.example.com' }],
        },
      ]);
    });

    it('the next job on other frontends waits', () => {
      const next = leader.submit('foo[60-70].east.example.com');
      step();
      expect(leader.state.jobs.get(next)).toMatchObject({ state: 'accepted' });
      expect(live(next)).toEqual([]);
    });

    it('retrying the 25 with a good command frees them, in another job as well as in this one', () => {
      const next = leader.submit('foo[60-70].east.example.com');
      const again = leader.submit('foo[1-12].east.example.com');
      step();
      expect(live(again)).toHaveLength(12);
      leader.finish(again, live(again), succeeded);
      step();
      expect(live(next)).toHaveLength(11);
      const failures = leader.hostNames(job).flatMap((name, index) => (down.includes(name) ? [index] : []));
      const retry = decideRetry(leader.state.jobs.get(job)!, {
        hosts: failures,
        by: 'ada',
        fence: false,
        credentials: present,
      });
      if (retry.kind !== 'decided') throw new Error(retry.kind);
      leader.append(retry.entries);
      step();
      // The twelve that another job has made well need room again; there is room for one.
      expect(live(job)).toHaveLength(14);
      expect(leader.state.constraints.use[0]).toBe(25);
    });

    it('somebody may release them', () => {
      const next = leader.submit('foo[60-70].east.example.com');
      const record = leader.state.jobs.get(job)!;
      const released = decideRelease(record, { hosts: [...record.held].slice(0, 3), by: 'ada' });
      if (released.kind !== 'decided') throw new Error(released.kind);
      leader.append(released.entries);
      step();
      expect(live(next)).toHaveLength(3);
    });
  });

  it('7: one failed, one running: halting another job frees nothing; halting this one keeps both permits', () => {
    const job = leader.submit('foo[1-2].east.example.com foo[3-101].east.example.com', {
      limits: { ...limits, concurrent: 2 },
    });
    const other = leader.submit('foo[50-101].west.example.com');
    step();
    leader.finish(job, [on('foo1', 'east')], failed);
    step();
    const inUse = leader.state.constraints.use[0];
    expect(inUse).toBe(3);
    halt(other);
    step();
    expect(leader.state.constraints.use[0]).toBe(inUse);
    halt(job);
    step();
    expect(live(job)).toEqual([on('foo2', 'east'), on('foo3', 'east')]);
    leader.finish(job, live(job), succeeded);
    step();
    expect(leader.state.jobs.get(job)!.state).toBe('halted');
    expect(leader.state.constraints.use[0]).toBe(1);
  });

  it('8: --job-timeout 3 on a command that never ends: halted with kill at the deadline, not before', () => {
    const job = leader.submit('zar[1-4].west.example.com', {
      limits: { ...limits, concurrent: 2, jobTimeoutMs: 3000 },
    });
    step();
    expect(nextDeadlineMs(leader.state)).toBe(3000);
    expect(leader.decide({ workers, nowMs: 2999 })).toEqual([]);
    leader.plan({ workers, nowMs: 3000 });
    expect(leader.state.jobs.get(job)).toMatchObject({
      halt: { cause: 'job-timeout', kill: true },
      counts: { assigned: 2, halted: 2 },
    });
    leader.finish(job, live(job), { state: 'killed', reason: 'halt-kill' });
    step();
    expect(leader.state.jobs.get(job)!.state).toBe('halted');
  });

  it('10: apps a and c of the sequence [a, b, c], none of b: c still waits for a', () => {
    leader.constrain({
      apps: { a: ['a[1-2]'], b: ['b[1-2]'], c: ['c[1-2]'] },
      envs: { site: { one: ['@a', '@b', '@c'] } },
      constraints: { site: { concurrency: {}, sequence: [['a', 'b', 'c']] } },
    });
    const job = leader.submit('c[1-2],a[1-2]');
    step();
    expect(live(job)).toEqual(['a1', 'a2']);
    leader.finish(job, ['a1', 'a2'], succeeded);
    step();
    expect(live(job)).toEqual(['c1', 'c2']);
  });

  it('11: h[1-3]!h2 gives h1,h3; @frontend&*.east gives only east; an unknown group is an error, not an empty set', () => {
    const { groups } = leader.state.constraints.namespace!;
    const namesOf = (expression: string) => {
      const resolved = resolveTargets(expression, { groups });
      return resolved.ok ? resolved.targets.map(({ host }) => host) : resolved.error.code;
    };
    expect(namesOf('h[1-3]!h2')).toEqual(['h1', 'h3']);
    expect(namesOf('@frontend&*.east.example.com')).toEqual(namesOf('foo[1-101].east.example.com'));
    expect(namesOf('@nowhere')).toBe('unknown-group');
  });

  it('12: retry of 3 failed, 2 unreachable, 1 unknown, 4 not started: 9 hosts run, the unknown one does not', () => {
    const job = leader.submit('foo[1-10].east.example.com');
    leader.plan({ workers: [{ ...workerA, capacity: 6 }] });
    leader.finish(job, live(job).slice(0, 3), failed);
    leader.finish(job, live(job).slice(0, 2), { state: 'unreachable', reason: 'connection-refused' });
    leader.finish(job, live(job), { state: 'unknown', reason: 'rexec-lost' });
    halt(job);
    step();
    expect(leader.state.jobs.get(job)!.counts).toMatchObject({
      failed: 3,
      unreachable: 2,
      unknown: 1,
      halted: 4,
    });
    const retry = decideRetry(leader.state.jobs.get(job)!, {
      hosts: undefined,
      by: 'ada',
      fence: false,
      credentials: present,
    });
    if (retry.kind !== 'decided') throw new Error(retry.kind);
    leader.append(retry.entries);
    const ran = step().flatMap((entry) =>
      entry.type === 'hosts-assigned' ? [...hostIndexes(entry.hosts)] : [],
    );
    expect(ran).toHaveLength(9);
    expect(leader.hostsIn(job, 'unknown')).toHaveLength(1);
  });

  it('13: foo11.west is in app frontend, coast west, and its slots have a current use', () => {
    leader.submit('foo[1-3].west.example.com');
    step();
    const { namespace, use } = leader.state.constraints;
    const member = namespace!.memberOf('foo11.west.example.com')!;
    expect(namespace!.appsOf(member)).toEqual(['frontend']);
    expect(namespace!.environmentsOf(member)).toEqual([{ type: 'coast', value: 'west' }]);
    const slots = namespace!.slotsOf(member).map((slot) => [namespace!.slots[slot]!.name, use[slot]]);
    expect(slots).toEqual([['frontend@coast=west', 3]]);
  });

  it('14: a host in two apps with different limits obeys both', () => {
    leader.constrain({
      apps: { wide: ['h[1-10]'], narrow: ['h[1-4]'] },
      envs: { site: { one: ['@wide'] } },
      constraints: {
        site: {
          concurrency: { wide: { kind: 'count', count: 3 }, narrow: { kind: 'count', count: 1 } },
          sequence: [],
        },
      },
    });
    const job = leader.submit('h[1-10]');
    step();
    expect(live(job)).toEqual(['h1', 'h5', 'h6']);
    leader.finish(job, ['h5', 'h6'], succeeded);
    step();
    expect(live(job)).toEqual(['h1', 'h7', 'h8']);
    leader.finish(job, ['h1'], succeeded);
    step();
    expect(live(job)).toEqual(['h2', 'h7', 'h8']);
  });
});
