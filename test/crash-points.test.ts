/**
 * kill -9 of every part at every point where it writes down what it is about to do, or has done. The commands keep a
 * record of their own on the hosts: it, not ours, says what ran.
 *
 * 1. An attempt runs at most once.
 * 2. `succeeded` ran once, to its end; never started means not at all; `unknown` may have run.
 * 3. Every job ends, or names what it needs; asked for evidence, `unknown` becomes what the host says.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { homeLayout, jobSchema } from '@pogo/protocol';
import { signalProcesses } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HeldProcess, type HoldOptions, holdProcess } from './support/held-process.js';
import { type HostAccount, reachWithKey } from './support/host-account.js';
import type { RunningCommand } from './support/running-command.js';
import { openScene, type Scene } from './support/scene.js';

const hostCount = 4;
const targets = `127.0.1.[1-${hostCount}]`;
type Part = 'dispatcher' | 'worker' | 'rexec';

let scene: Scene;
let hosts: HostAccount;
let files: ReturnType<typeof homeLayout>;

beforeAll(async () => {
  // One thread for files: the tracer counts calls by thread.
  scene = await openScene({ killsParts: true, environment: { UV_THREADPOOL_SIZE: '1' } });
  hosts = await reachWithKey(scene, hostCount);
  files = homeLayout(scene.cluster.home);
});

afterAll(() => scene?.close());

const record = 'record';
/** Notes on the host that this attempt has begun, and later that it has ended. */
const recorded = (seconds: number) =>
  `note() { echo "$POGO_JOB_ID $POGO_HOST $POGO_ATTEMPT $1" >> "$HOME/${record}"; }; ` +
  `note begun; echo running; sleep ${seconds}; note ended`;

/** Newest file below the directory whose name fits. */
function newest(directory: string, fits: RegExp): string {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    fits.test(name),
  );
  const name = names.sort().at(-1);
  if (name === undefined) throw new Error(`no ${String(fits)} in ${directory}`);
  return join(directory, name);
}

function startJob({ concurrent, seconds }: { concurrent: number; seconds: number }): RunningCommand {
  return hosts.start(targets, ['--concurrent', String(concurrent)], recorded(seconds));
}

/** Long enough to be in mid-command when a part is killed, and when that is noticed, on a slow machine. */
const midCommand = { concurrent: 2, seconds: 4 };

async function jobDocument(id: string) {
  const answer = await scene.api('GET', `/v1/jobs/${id}`);
  if (answer.status !== 200) throw new Error(`${id}: ${answer.status} ${answer.body}`);
  return jobSchema.parse(JSON.parse(answer.body));
}

/** Until nothing happens any more without somebody's doing; credentials are given as often as they are asked for. */
async function settle(id: string): Promise<void> {
  for (let resumed = 0; ; resumed++) {
    const pending = ['accepted', 'running'];
    await expect
      .poll(async () => (await jobDocument(id)).state, { timeout: 100_000, interval: 200 })
      .not.toSatisfy((state: string) => pending.includes(state));
    if ((await jobDocument(id)).state !== 'needs-credentials') return;
    expect(resumed, 'resumed over and over').toBeLessThan(3);
    const again = await scene.run(['resume', id, '--identity', hosts.key.privatePath, '--yes']);
    expect([0, 9], again.stderr).toContain(again.exitCode);
  }
}

/** What each host of the job wrote down, by attempt. */
function recordOf(id: string, host: string): Record<string, string[]> {
  const byAttempt: Record<string, string[]> = {};
  for (const line of hosts.lines(record)) {
    const [job, name, attempt, what] = line.split(' ');
    if (job === id && name === host) (byAttempt[attempt!] ??= []).push(what!);
  }
  return byAttempt;
}

async function expectTruth(id: string): Promise<void> {
  for (const { host, state, attempt, outcome } of await scene.hosts(id)) {
    const name = host.replace(/^.*@/, '').replace(/:\d+$/, '');
    const written = recordOf(id, name);
    const shown = `${id} ${name} ${state} ${outcome?.reason ?? ''} ${JSON.stringify(written)}`;
    for (const lines of Object.values(written))
      expect([['begun'], ['begun', 'ended']], shown).toContainEqual(lines);
    const own = written[String(attempt)] ?? [];
    switch (state) {
      case 'succeeded':
        expect(own, shown).toEqual(['begun', 'ended']);
        break;
      case 'killed':
        expect(own, shown).not.toContain('ended');
        break;
      case 'unknown':
        break;
      default:
        expect(['waiting', 'halted'], shown).toContain(state);
        expect(own, shown).toEqual([]);
    }
  }
}

/** After `resolve`, only a host that has nothing to say may still be unknown. */
async function expectEvidence(id: string): Promise<void> {
  const before = await scene.hosts(id);
  if (before.some(({ state }) => state === 'unknown')) {
    await scene.run(['resolve', id, '--identity', hosts.key.privatePath, '--yes']);
    await settle(id);
  }
  await expectTruth(id);
  for (const { host, state, attempt } of await scene.hosts(id)) {
    if (state !== 'unknown') continue;
    const name = host.replace(/^.*@/, '').replace(/:\d+$/, '');
    expect(recordOf(id, name)[String(attempt)] ?? [], `${id} ${name} has evidence`).toEqual([]);
  }
  await expect.poll(() => hosts.processes(), { timeout: 10_000 }).toEqual([]);
}

interface CrashPoint {
  readonly part: Part;
  readonly name: string;
  readonly hold: (pid: number) => HoldOptions;
}

const appends = ['acceptance', 'first orders', 'second entry after them', 'third entry after them'];
const journaled = ['first record of a job', 'second record', 'third record', 'fourth record'];

const points: CrashPoint[] = [
  ...appends.flatMap((what, index) =>
    (['entry', 'exit'] as const).map((at): CrashPoint => ({
      part: 'dispatcher',
      name: `${at === 'entry' ? 'before' : 'after'} the append of the ${what}`,
      hold: (pid) => ({
        ...{ pid, call: 'fdatasync', nth: index + 1, at },
        path: newest(files.dispatcher.store, /(^|\/)\d+\.log$/),
      }),
    })),
  ),
  ...journaled.flatMap((what, index) =>
    (['entry', 'exit'] as const).map((at): CrashPoint => ({
      part: 'worker',
      name: `${at === 'entry' ? 'before' : 'after'} the sync of the ${what} in its journal`,
      hold: (pid) => ({
        ...{ pid, call: 'fdatasync', nth: index + 1, at },
        path: newest(files.worker.journal, /./),
      }),
    })),
  ),
  ...(['entry', 'exit'] as const).map((at): CrashPoint => ({
    part: 'rexec',
    name: `${at === 'entry' ? 'before' : 'after'} it dials the first host`,
    hold: (pid) => ({ pid, call: 'connect', nth: 1, at }),
  })),
];

describe('kill -9', () => {
  it.each(points)('of the $part $name', async ({ part, hold }) => {
    // A rexec that served the last job may still be on its way out.
    await expect.poll(() => scene.cluster.pids(part).length, { timeout: 30_000 }).toBe(1);
    const [pid] = scene.cluster.pids(part);
    const before = part === 'rexec' ? 0 : scene.returns(part);
    const held: HeldProcess = await holdProcess(hold(pid!));
    // One after another: what several do at once may be written down with fewer records than a point counts.
    const command = startJob({ concurrent: 1, seconds: 0.7 });
    try {
      expect(await held.reached(command.ended), `not reached: ${command.stderr()}`).toBe(true);
      signalProcesses('KILL', [pid!]);
    } finally {
      await held.release();
    }
    if (part !== 'rexec') await expect.poll(() => scene.returns(part), { timeout: 60_000 }).toBe(before + 1);
    const { exitCode } = await command.ended;
    const id = /^job (p\d{10}) /m.exec(command.stderr())?.[1];
    expect(id, command.stderr()).toBeDefined();
    expect([0, 3, 8, 9], command.stderr()).toContain(exitCode);
    await settle(id!);
    await expectTruth(id!);
    await expectEvidence(id!);
  });

  it.each(['dispatcher', 'worker', 'rexec'] as const)('of the %s in mid-command', async (part) => {
    const before = part === 'rexec' ? 0 : scene.returns(part);
    const command = startJob(midCommand);
    await command.untilStdout(/running[^]*running/);
    signalProcesses('KILL', scene.cluster.pids(part));
    if (part !== 'rexec') await expect.poll(() => scene.returns(part), { timeout: 60_000 }).toBe(before + 1);
    await command.ended;
    const id = /^job (p\d{10}) /m.exec(command.stderr())![1]!;
    await settle(id);
    await expectTruth(id);
    await expectEvidence(id);
  });

  it('of dispatcher and worker at once: the job asks for credentials, and goes on with them', async () => {
    const before = [scene.returns('dispatcher'), scene.returns('worker')] as const;
    const command = startJob(midCommand);
    await command.untilStdout(/running[^]*running/);
    signalProcesses('KILL', [...scene.cluster.pids('dispatcher'), ...scene.cluster.pids('worker')]);
    await expect
      .poll(() => [scene.returns('dispatcher'), scene.returns('worker')], { timeout: 60_000 })
      .toEqual([before[0] + 1, before[1] + 1]);
    // 9 where the worker has told of its lost attempts before the dispatcher gives up on the credentials.
    expect([8, 9], command.stderr()).toContain((await command.ended).exitCode);
    expect(command.stderr()).toContain('credentials-needed');
    const id = /^job (p\d{10}) /m.exec(command.stderr())![1]!;
    const statesNow = async () => (await scene.hosts(id)).map(({ state }) => state).sort();
    await expect.poll(statesNow, { timeout: 60_000 }).toEqual(['unknown', 'unknown', 'waiting', 'waiting']);
    expect((await jobDocument(id)).state).toBe('needs-credentials');
    // The two of unknown outcome hold the permits of the job's own cap: they are asked first.
    await expectEvidence(id);
    await settle(id);
    expect(await statesNow()).toEqual(['killed', 'killed', 'succeeded', 'succeeded']);
  });
});
