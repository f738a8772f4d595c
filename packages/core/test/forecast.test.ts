/** What a job would do, foreseen by the planner itself. */
import { type NamespaceDefinition, snapshotState } from '@pogo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foresee, type Foreseen, reallyRun } from './forecast-fixture.js';
import { Leader, limits, workerA } from './job-fixture.js';

const percent = (value: number) => ({ kind: 'percent' as const, percent: value });
const count = (value: number) => ({ kind: 'count' as const, count: value });

const prod: Partial<NamespaceDefinition> = {
  apps: {
    frontend: ['foo[1-101].{east,west}'],
    backend: ['bar[1-10].{east,west}'],
    tail: ['zar[1-10].west'],
  },
  envs: {
    coast: { east: ['@frontend,@backend&*.east'], west: ['@frontend,@backend&*.west'] },
  },
  constraints: {
    coast: {
      concurrency: { frontend: percent(25), backend: count(1) },
      sequence: [['backend', 'frontend']],
    },
  },
};

function leaderOf(definition: Partial<NamespaceDefinition> = prod): Leader {
  const leader = new Leader();
  leader.constrain(definition);
  return leader;
}

const one = (concurrent: number) => ({ limits: { ...limits, concurrent } });
const sizes = ({ waves }: Foreseen) => waves.map((wave) => wave.count);
/** For each wave the names of its hosts, and what they waited for. */
const told = (foreseen: Foreseen) =>
  foreseen.waves.map(({ starts }) =>
    starts.map(({ bindings, count: hosts }) => ({ hosts, bindings: bindings.map(({ kind }) => kind) })),
  );
const slotNamed = (leader: Leader, name: string) =>
  leader.state.constraints.namespace!.slots.findIndex((slot) => slot.name === name);

describe('a forecast', () => {
  it('has backends of each coast first, and their frontends wait for them', () => {
    const foreseen = foresee(leaderOf(), 'foo13.east foo13.west bar3.east bar3.west');
    expect([...foreseen.startsMs]).toEqual([
      ['bar3.east', 0],
      ['bar3.west', 0],
      ['foo13.east', 1000],
      ['foo13.west', 1000],
    ]);
    expect(told(foreseen)[1]!.map(({ bindings }) => bindings)).toEqual([['stage'], ['stage']]);
    expect(foreseen.ending).toEqual({ kind: 'ended', state: 'succeeded', totalMs: 2000, clockMs: 2000 });
  });

  it('has never more hosts of a slot at once than it lets through, and says that this is what held the others', () => {
    const leader = leaderOf();
    const slot = slotNamed(leader, 'frontend@coast=east');
    const foreseen = foresee(leader, 'foo[1-101].east');
    expect(sizes(foreseen)).toEqual([25, 25, 25, 25, 1]);
    for (const [index, { starts, full }] of foreseen.waves.entries()) {
      expect(starts[0]!.bindings).toEqual(index === 0 ? [] : [{ kind: 'slot', slot, use: 25 }]);
      expect(full).toEqual(index === 4 ? [] : [{ slot, use: 25 }]);
    }
    expect(foreseen.peaks).toEqual(new Map([[slot, 25]]));
    expect(foreseen).toMatchObject({ started: 101, never: [], peak: 25 });
  });

  it('has the own limit of the job, and that of its workers', () => {
    const capped = foresee(leaderOf(), 'zar[1-4].west', one(2));
    expect(told(capped)).toEqual([[{ hosts: 2, bindings: [] }], [{ hosts: 2, bindings: ['own-cap'] }]]);
    const workers = [{ ...workerA, capacity: 3 }];
    const small = foresee(leaderOf(), 'zar[1-4].west', {}, { workers });
    expect(told(small)).toEqual([[{ hosts: 3, bindings: [] }], [{ hosts: 1, bindings: ['worker'] }]]);
    const pooled = [
      { ...workerA, capacity: 1, pools: ['far'] },
      { ...workerA, name: 'b' },
    ];
    const far = foresee(
      leaderOf({ ...prod, pools: { far: 'zar[1-2].west' } }),
      'zar[1-2].west',
      {},
      { workers: pooled },
    );
    expect(told(far)).toEqual([[{ hosts: 1, bindings: [] }], [{ hosts: 1, bindings: ['worker'] }]]);
  });

  it('has the steps of a ramp, and takes them to be confirmed at once', () => {
    const ramp = (pauseMs: number | null) => ({ limits: { ...limits, ramp: { steps: [1, 3], pauseMs } } });
    const paused = foresee(leaderOf(), 'zar[1-6].west', ramp(500));
    expect(paused.waves.map(({ atMs, count: hosts }) => [atMs, hosts])).toEqual([
      [0, 1],
      [1500, 2],
      [3000, 3],
    ]);
    expect(paused.waves.map(({ starts }) => starts[0]!.bindings)).toEqual([
      [],
      [{ kind: 'ramp', step: 1 }],
      [{ kind: 'ramp', step: 2 }],
    ]);
    // The pauses don't count against the job's timeout.
    expect(paused.ending).toMatchObject({ totalMs: 4000, clockMs: 3000 });
    expect(foresee(leaderOf(), 'zar[1-6].west', ramp(null)).ending).toMatchObject({ totalMs: 3000 });
  });

  it('counts what other jobs have under way, and goes on when that is over', () => {
    const leader = leaderOf();
    leader.submit('foo[1-20].east');
    leader.plan();
    const foreseen = foresee(
      leader,
      'foo[30-39].east',
      {},
      { durationOf: (job) => (job === 1 ? 5000 : 1000) },
    );
    // Five at a time, until the other job's twenty are over.
    expect(foreseen.waves.map(({ atMs, count: hosts }) => [atMs, hosts])).toEqual([
      [0, 5],
      [1000, 5],
    ]);
    const busy = foresee(leader, 'foo1.east');
    expect(busy.startsMs.get('foo1.east')).toBe(1000);
    expect(told(busy)[0]![0]!.bindings).toEqual(['busy']);
  });

  it('names what never starts, and who holds the room for good', () => {
    const leader = leaderOf();
    const job = leader.submit('foo[1-25].east');
    leader.plan();
    leader.finish(job, leader.hostNames(job), { state: 'failed', reason: 'exit-nonzero', exitCode: 1 });
    leader.plan();
    const foreseen = foresee(leader, 'foo[30-32].east zar1.west');
    expect(foreseen.started).toBe(1);
    expect(foreseen.ending).toEqual({ kind: 'stuck', totalMs: 1000 });
    expect(foreseen.never).toMatchObject([
      { hosts: [0, 1, 2], obstacles: [{ kind: 'slot', use: 25, slot: { name: 'frontend@coast=east' } }] },
    ]);
  });

  it('goes on at once where the end of another job frees what that held', () => {
    const leader = leaderOf({
      apps: { a: ['x[1-2]'], b: ['y1'] },
      envs: { e: { x: ['x[1-2]'] } },
      constraints: { e: { concurrency: { a: count(1) }, sequence: [] } },
      holdFailures: 'until-job-ends',
    });
    const job = leader.submit('x1 y1');
    leader.plan();
    leader.finish(job, ['x1'], { state: 'failed', reason: 'exit-nonzero', exitCode: 1 });
    const foreseen = foresee(leader, 'x2');
    expect(foreseen.startsMs.get('x2')).toBe(1000);
    expect(foreseen.waves[0]!.starts[0]!.bindings).toEqual([{ kind: 'slot', slot: 0, use: 1 }]);
  });

  it('says of a host that waits for itself that it never starts', () => {
    const leader = leaderOf({
      apps: { a: ['h[1-2]'], b: ['h[2-3]'] },
      envs: { e: { x: ['h[1-3]'] } },
      constraints: { e: { concurrency: {}, sequence: [['a', 'b']] } },
    });
    const foreseen = foresee(leader, 'h[1-3]');
    expect([...foreseen.startsMs.keys()]).toEqual(['h1']);
    expect(foreseen.ending).toMatchObject({ kind: 'ended', state: 'deadlocked' });
    expect(foreseen.never.flatMap(({ hosts }) => hosts).sort()).toEqual([1, 2]);
    for (const { obstacles } of foreseen.never) expect(obstacles).toMatchObject([{ kind: 'stage' }]);
  });

  it('leaves the present as it is', () => {
    const leader = leaderOf();
    const job = leader.submit('foo[1-40].east bar1.east', one(7));
    leader.plan();
    const before = structuredClone(snapshotState(leader.state));
    foresee(leader, 'foo[30-60].east');
    expect(snapshotState(leader.state)).toEqual(before);
    expect(leader.state.jobs.get(job)!.disturbed).toBe(1);
  });

  it('goes on past the time at which the job would be ended: how long it takes is the question', () => {
    const short = { limits: { ...limits, concurrent: 1, jobTimeoutMs: 1500 } };
    expect(foresee(leaderOf(), 'zar[1-4].west', short).ending).toEqual({
      kind: 'ended',
      state: 'succeeded',
      totalMs: 4000,
      clockMs: 4000,
    });
  });

  it('is cut after as many hosts as it may go through, and says so', () => {
    const foreseen = foresee(leaderOf(), 'foo[1-101].east', {}, { maxHosts: 50 });
    expect(foreseen.ending).toEqual({ kind: 'cut', totalMs: 2000 });
    expect(foreseen).toMatchObject({ started: 75, never: [] });
  });

  it('is the same by whatever pieces it is worked out', () => {
    const whole = foresee(leaderOf(), '@frontend,@backend', {}, { piece: 1_000_000 });
    const pieces = foresee(leaderOf(), '@frontend,@backend', {}, { piece: 1 });
    expect(pieces.waves).toEqual(whole.waves);
    expect(pieces.ending).toEqual(whole.ending);
  });

  it('copes with 20,000 hosts in 200 slots', () => {
    const values = Array.from({ length: 200 }, (_, index) => `r${index + 1}`);
    const leader = leaderOf({
      apps: { app: ['h[1-100].r[1-200]'] },
      envs: { rack: Object.fromEntries(values.map((value) => [value, [`h[1-100].${value}`]])) },
      constraints: { rack: { concurrency: { app: percent(10) }, sequence: [] } },
    });
    const workers = [{ ...workerA, capacity: 1_000_000 }];
    const foreseen = foresee(leader, 'h[1-100].r[1-200]', {}, { workers, piece: 1_000_000 });
    expect(sizes(foreseen)).toEqual(Array.from({ length: 10 }, () => 2000));
    expect(foreseen.peaks.size).toBe(200);
  });
});

const names = Array.from({ length: 14 }, (_, index) => `h${index}`);
const someNames = fc.subarray(names, { minLength: 1 });
const limit = fc.option(
  fc.oneof(fc.integer({ min: 1, max: 3 }).map(count), fc.integer({ min: 1, max: 60 }).map(percent)),
);

describe('any forecast', () => {
  it('has the order of the real run with the same durations, and is never over a limit', () => {
    fc.assert(
      fc.property(
        fc.record({
          apps: fc.tuple(someNames, someNames, someNames),
          east: someNames,
          limits: fc.tuple(limit, limit, limit),
          sequence: fc.constantFrom([], [['a', 'b']], [['a', 'b', 'c']]),
          other: someNames,
          targets: fc.subarray([...names, 'stranger'], { minLength: 1 }),
          concurrent: fc.option(fc.integer({ min: 1, max: 5 })),
          capacity: fc.constantFrom(2, 5, 100),
          durations: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 40, maxLength: 40 }),
        }),
        (given) => {
          const leader = leaderOf({
            apps: { a: given.apps[0], b: given.apps[1], c: given.apps[2] },
            envs: {
              coast: {
                east: given.east,
                west: names.filter((name) => !given.east.includes(name)).concat('w'),
              },
            },
            constraints: {
              coast: {
                concurrency: Object.fromEntries(
                  ['a', 'b', 'c'].flatMap((app, index) =>
                    given.limits[index] ? [[app, given.limits[index]]] : [],
                  ),
                ),
                sequence: given.sequence,
              },
            },
          });
          const workers = [{ ...workerA, capacity: given.capacity }];
          const durationOf = (job: number, host: number) => given.durations[(job * 15 + host) % 40]!;
          leader.submit(given.other.join());
          leader.plan({ workers });
          const own = { limits: { ...limits, concurrent: given.concurrent } };
          const foreseen = foresee(leader, given.targets.join(), own, { durationOf, workers });
          expectWithinLimits(leader, foreseen, (host) => durationOf(2, host));
          const job = leader.submit(given.targets.join(), own);
          expect(job).toBe(2);
          expect(new Map(reallyRun(leader, job, { durationOf, workers }))).toEqual(foreseen.startsMs);
          expect(foreseen.never.reduce((sum, { hosts }) => sum + hosts.length, foreseen.started)).toBe(
            given.targets.length,
          );
        },
      ),
      { numRuns: 150 },
    );
  });
});

/** Counts anew, from nothing but when hosts start and how long they need. */
function expectWithinLimits(leader: Leader, foreseen: Foreseen, durationOf: (host: number) => number): void {
  const namespace = leader.state.constraints.namespace!;
  for (const { atMs } of foreseen.waves) {
    const use = new Map<number, number>();
    foreseen.hosts.forEach((name, host) => {
      const startMs = foreseen.startsMs.get(name);
      if (startMs === undefined || startMs > atMs || startMs + durationOf(host) <= atMs) return;
      const member = namespace.memberOf(name);
      for (const slot of member === undefined ? [] : namespace.slotsOf(member))
        use.set(slot, (use.get(slot) ?? 0) + 1);
    });
    for (const [slot, hosts] of use) expect(hosts).toBeLessThanOrEqual(namespace.slots[slot]!.limit);
  }
}
