/**
 * The worker's process is killed at each point of its journal, and started again: what it says then is true, and nothing
 * runs twice (A3, A4, A6, E1). Each command leaves a line in a file when it runs.
 */
import { existsSync, readFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttemptReport } from '@pogo/protocol';
import fc from 'fast-check';
import { afterAll, afterEach, expect, test } from 'vitest';
import { startTimeOf } from '../src/process-identity.js';
import { type Dispatcher, removePrograms } from './cluster.js';
import { type Daemon, makeHome, runCleanups, startDispatcher, startOn, type WorkerHome } from './daemon.js';
import type { Script } from './scripted-rexec.js';

afterEach(runCleanups);
afterAll(removePrograms);

const job = 1;
const hosts = Array.from({ length: 8 }, (_, index) => index);

interface World {
  home: WorkerHome;
  dispatcher: Dispatcher;
  trace: string;
  script: Script;
}

async function makeWorld(script: (trace: string) => Script): Promise<World> {
  const [home, dispatcher] = [await makeHome('maxConnections: 3\n'), await startDispatcher()];
  const trace = join(home.directory, 'trace');
  return { home, dispatcher, trace, script: script(trace) };
}

/** What the dispatcher's log says of a host: the first end that came, and evidence in the place of an `unknown`. */
function endOf(dispatcher: Dispatcher, host: number): string | undefined {
  let end: string | undefined;
  for (const report of dispatcher.reports) {
    if (report.host !== host) continue;
    const said = stateOf(report);
    if (end === undefined || end === 'unknown') end = said ?? end;
  }
  return end;
}

function stateOf(report: AttemptReport): string | undefined {
  if (report.event === 'finished') return report.outcome.state;
  return report.event === 'refused' ? 'refused' : undefined;
}

/** As a dispatcher does after a greeting (A2): what its log assigns to the worker, and the worker doesn't hold. */
async function sendOrders({ dispatcher, script }: World): Promise<void> {
  const held = new Set(dispatcher.hellos.at(-1)!.held.map(({ host }) => host));
  const missing = hosts.filter((host) => endOf(dispatcher, host) === undefined && !held.has(host));
  await dispatcher.open(job, script);
  if (missing.length > 0) await dispatcher.assign(job, missing);
}

/** One life of the worker, up to its crash. Returns whether it crashed before every host had its end. */
async function runUntilCrash(world: World, point: string): Promise<boolean> {
  const { home, dispatcher } = world;
  const before = dispatcher.hellos.length;
  const worker = await startOn(home, dispatcher, {
    program: 'crashing-worker.ts',
    environment: { POGO_CRASH: point },
  });
  const orders = async () => {
    await dispatcher.until(() => dispatcher.hellos.length > before);
    await sendOrders(world);
    if (point.startsWith('refused')) await dispatcher.order('halt', { job, kill: false });
  };
  // The worker goes away in the middle of this.
  void orders().catch(() => undefined);
  const isReached = await Promise.race([
    worker.exited.then(() => true),
    everyEnd(dispatcher).then(() => worker.child.exitCode !== null || worker.child.signalCode !== null),
  ]);
  if (!isReached) worker.child.kill('SIGKILL');
  await worker.exited;
  return isReached;
}

async function everyEnd(dispatcher: Dispatcher): Promise<void> {
  await dispatcher.until(() => hosts.every((host) => endOf(dispatcher, host) !== undefined));
}

async function runToTheEnd(world: World): Promise<Daemon> {
  const { home, dispatcher } = world;
  const before = dispatcher.hellos.length;
  const worker = await startOn(home, dispatcher, { program: 'crashing-worker.ts' });
  await dispatcher.until(() => dispatcher.hellos.length > before);
  await sendOrders(world);
  await everyEnd(dispatcher);
  return worker;
}

function linesOf(trace: string): Map<number, number> {
  const counts = new Map<number, number>();
  if (!existsSync(trace)) return counts;
  for (const line of readFileSync(trace, 'utf8').trim().split('\n')) {
    const host = Number(line.split(' ')[1]);
    counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  return counts;
}

function expectTruth({ dispatcher, trace }: World): void {
  const lines = linesOf(trace);
  for (const host of hosts) {
    const end = endOf(dispatcher, host);
    const count = lines.get(host) ?? 0;
    const told = `host ${host} is ${end} and ran ${count} times`;
    if (end === 'succeeded') expect(count, told).toBe(1);
    else if (end === 'refused') expect(count, told).toBe(0);
    else {
      expect(end, told).toBe('unknown');
      expect(count, told).toBeLessThanOrEqual(1);
    }
  }
  const { journal } = dispatcher.hellos[0]!;
  expect(dispatcher.hellos.every((hello) => hello.journal === journal)).toBe(true);
}

const points = ['term', 'received', 'rexec-started', 'begun', 'finished', 'acknowledged', 'refused'];
const crashes = points.flatMap((point) =>
  ['before', 'during', 'after'].map((phase) => [`${point}:${phase}:1`]),
);
const laterCrashes = [
  ['begun:after:2'],
  ['finished:before:2'],
  ['acknowledged:after:3'],
  // Again while the first crash is told of.
  ['begun:after:1', 'finished:before:1'],
  ['begun:after:1', 'finished:after:1', 'acknowledged:before:1'],
  ['received:after:1', 'refused:before:1'],
  ['received:after:1', 'refused:after:1', 'acknowledged:during:1'],
  ['term:after:1', 'received:during:1', 'begun:during:1', 'refused:during:1'],
];

test.each([...crashes, ...laterCrashes].map((lives) => [lives.join(', then '), lives] as const))(
  'killed at %s: every host has a true end, and no command ran twice',
  async (_name, lives) => {
    const world = await makeWorld((trace) => ({ '*': { trace, then: 'ok' } }));
    let isCertain = true;
    for (const point of lives) {
      const isReached = await runUntilCrash(world, point);
      // The last result may be acknowledged and the process gone in the same moment: then all is over as well.
      if (isCertain && !point.startsWith('acknowledged'))
        expect(isReached, `${point} was not reached`).toBe(true);
      // What was on its way is on the disk or it isn't: the next life may have refused all that was left to do.
      if (point.includes(':during:')) isCertain = false;
    }
    await runToTheEnd(world);
    expectTruth(world);
  },
);

test('killed again and again, wherever it is: every host has a true end, and no command ran twice', async () => {
  const point = fc
    .tuple(
      fc.constantFrom(...points),
      fc.constantFrom('before', 'during', 'after'),
      fc.integer({ min: 1, max: 4 }),
    )
    .map((parts) => parts.join(':'));
  await fc.assert(
    fc.asyncProperty(fc.array(point, { minLength: 1, maxLength: 4 }), async (lives) => {
      const world = await makeWorld((trace) => ({ '*': { trace, then: 'ok' } }));
      for (const life of lives) await runUntilCrash(world, life);
      await runToTheEnd(world);
      expectTruth(world);
      await runCleanups();
    }),
    { numRuns: 6, endOnFailure: true },
  );
}, 180_000);

test('killed in mid-command: what ran is unknown, what waited was refused, and the rest runs', async () => {
  const world = await makeWorld((trace) => ({ '*': { trace, then: 'hold' } }));
  const { home, dispatcher, trace } = world;
  const worker = await startOn(home, dispatcher);
  await sendOrders(world);
  await dispatcher.until(() => dispatcher.reports.filter(({ event }) => event === 'started').length === 3);
  while (linesOf(trace).size < 3) await new Promise((resolve) => setImmediate(resolve));
  const rexecs = worker.rexecs();
  worker.child.kill('SIGKILL');
  await worker.exited;
  world.script = { '*': { trace, then: 'ok' } };
  await startOn(home, dispatcher);
  await dispatcher.until(() => dispatcher.hellos.length === 2);
  expect(dispatcher.hellos[1]!.held).toHaveLength(8);
  await everyEnd(dispatcher);
  expectTruth(world);
  expect(hosts.map((host) => endOf(dispatcher, host)).sort()).toEqual([
    ...Array<string>(5).fill('refused'),
    ...Array<string>(3).fill('unknown'),
  ]);
  for (const { event, ...report } of dispatcher.reports) {
    if (event === 'finished') {
      expect(report).toMatchObject({
        outcome: {
          reason: 'rexec-lost',
          message: expect.stringContaining('worker was restarted') as string,
        },
      });
    }
  }
  for (const pid of rexecs) expect(startTimeOf(pid)).toBeUndefined();
});

test('results that nobody took before the crash are said after it', async () => {
  const world = await makeWorld((trace) => ({ '*': { trace, then: 'ok' } }));
  const { home, dispatcher, trace } = world;
  dispatcher.answer = 'fail';
  const worker = await startOn(home, dispatcher);
  await sendOrders(world);
  while (linesOf(trace).size < 8) await new Promise((resolve) => setImmediate(resolve));
  const { directory } = home;
  // Until the last result is in the journal's file.
  while (!isWhole(directory)) await new Promise((resolve) => setImmediate(resolve));
  worker.child.kill('SIGKILL');
  await worker.exited;
  expect(dispatcher.reports).toEqual([]);
  dispatcher.answer = 'acknowledge';
  await startOn(home, dispatcher);
  await everyEnd(dispatcher);
  for (const host of hosts) expect(endOf(dispatcher, host)).toBe('succeeded');
  expectTruth(world);
});

function isWhole(directory: string): boolean {
  const text = readFileSync(join(directory, 'journal', 'segment-0000000001'), 'latin1');
  return text.split('"event":"finished"').length - 1 === hosts.length;
}

test('a restarted worker refuses orders of an older term, and answers what it had before', async () => {
  const world = await makeWorld((trace) => ({ '*': { trace, then: 'ok' } }));
  const { home, dispatcher, trace, script } = world;
  dispatcher.term = 9;
  const worker = await startOn(home, dispatcher);
  await sendOrders(world);
  await everyEnd(dispatcher);
  worker.child.kill('SIGKILL');
  await worker.exited;
  // A dispatcher that doesn't know yet that another one leads.
  dispatcher.term = 8;
  await startOn(home, dispatcher);
  expect(await dispatcher.open(job, script)).toEqual({ kind: 'stale-term', term: 9 });
  expect(await dispatcher.assign(job, [7], 2)).toEqual({ kind: 'stale-term', term: 9 });
  await dispatcher.stop();
  dispatcher.term = 9;
  await dispatcher.start();
  await dispatcher.until(() => dispatcher.hellos.length === 3);
  await dispatcher.open(job, script);
  // A copy of the first order that took its time.
  expect(await dispatcher.assign(job, hosts)).toEqual({ kind: 'taken' });
  await dispatcher.assign(job, [0], 2);
  await dispatcher.until(() =>
    dispatcher.reports.some(({ event, attempt }) => event === 'finished' && attempt === 2),
  );
  const lines = linesOf(trace);
  expect([...lines.values()].reduce((sum, count) => sum + count)).toBe(9);
});

test('a rexec that outlives its worker is ended before its attempts are called unknown', async () => {
  const world = await makeWorld(() => ({ 0: 'outlive' }));
  const { home, dispatcher, script } = world;
  const worker = await startOn(home, dispatcher);
  await dispatcher.open(job, script);
  await dispatcher.assign(job, [0]);
  await dispatcher.until(() => dispatcher.eventsOf(0).includes('started'));
  const rexecs = worker.rexecs();
  worker.child.kill('SIGKILL');
  await worker.exited;
  const next = await startOn(home, dispatcher);
  await dispatcher.until(() => endOf(dispatcher, 0) === 'unknown');
  expect(next.log()).toContain('had not ended, and is killed');
  for (const pid of rexecs) expect(startTimeOf(pid)).toBeUndefined();
});

test('a second worker on the same journal does not start, and says whose it is', async () => {
  const { home, dispatcher } = await makeWorld(() => ({}));
  const first = await startOn(home, dispatcher);
  const second = await startOn(home, dispatcher);
  expect(await second.exited).toBe(1);
  expect(second.log()).toContain('journal-locked');
  expect(second.log()).toContain(`process ${first.child.pid}`);
});

test('output that was written before the crash is read after it, a torn end included', async () => {
  const world = await makeWorld(() => ({ '*': 'ok' }));
  const { home, dispatcher, script } = world;
  const worker = await startOn(home, dispatcher);
  await dispatcher.open(job, script);
  await dispatcher.assign(job, [0, 1]);
  await dispatcher.ends(2);
  worker.child.kill('SIGKILL');
  await worker.exited;
  await appendFile(join(home.directory, 'spool', 'p0000000001.spool'), Buffer.alloc(11, 1));
  await startOn(home, dispatcher);
  const host = { index: 1, attempt: 1, stream: 'stdout' } as const;
  expect(await dispatcher.openOutput({ subscription: 1, job, host })).toBe(true);
  const frames = await dispatcher.output(1);
  expect(Buffer.concat(frames.map(({ data }) => data)).toString()).toBe('hello 1\n');
});
