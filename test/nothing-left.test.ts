/**
 * Nothing of ours stays on a host (I9), whatever ended the command: processes, /tmp, the home and the place of the
 * lock are as they were, on twenty hosts per cause. Only where the worker itself died, and so nobody could hear what
 * the hosts had to say, each keeps that word (E4) until it is asked for it.
 */
import { processTable, signalProcesses } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { footprintOf } from './support/footprint.js';
import { type HostAccount, reachWithKey } from './support/host-account.js';
import type { RunningCommand } from './support/running-command.js';
import { openScene, type Scene, statesOf } from './support/scene.js';

const hostCount = 20;
const targets = `127.0.1.[1-${hostCount}]`;
/** What the product promises. */
const cleanWithinMs = 10_000;

let scene: Scene;
let hosts: HostAccount;
let untouched: string[];

beforeAll(async () => {
  scene = await openScene({ killsParts: true });
  hosts = await reachWithKey(scene, hostCount);
  untouched = footprintOf(hosts.account);
});

afterAll(() => scene?.close());

async function expectNothingLeft(): Promise<void> {
  await expect
    .poll(() => footprintOf(hosts.account), { timeout: cleanWithinMs, interval: 250 })
    .toEqual(untouched);
}

interface StartedJob {
  readonly id: string;
  readonly command: RunningCommand;
}

/** A command that runs on all hosts, with a child of its own on each. */
async function startEverywhere(mark: string, more: readonly string[] = []): Promise<StartedJob> {
  const script = `sleep ${mark} & echo running; sleep ${mark}`;
  const command = hosts.start(targets, more, script);
  await command.untilStdout(new RegExp(`(running[^]*){${hostCount}}`));
  return { command, id: /^job (p\d{10}) /m.exec(command.stderr())![1]! };
}

async function statesAfter({ command, id }: StartedJob) {
  await command.ended;
  return statesOf({ hosts: await scene.hosts(id) });
}

const kill = (role: 'worker' | 'rexec') => signalProcesses('KILL', scene.cluster.pids(role));

describe('nothing is left on twenty hosts', () => {
  it('after success', async () => {
    const { document } = await scene.runJson(['-h', targets, ...hosts.login, '--', 'echo', 'hello']);
    expect(statesOf(document)).toEqual({ succeeded: hostCount });
    await expectNothingLeft();
  });

  it('after failure', async () => {
    const { document } = await scene.runJson(['-h', targets, ...hosts.login, '--', 'sh', '-c', 'exit 9']);
    expect(statesOf(document)).toEqual({ failed: hostCount });
    await expectNothingLeft();
  });

  it('after a script that came with the job', async () => {
    const script = scene.file('script', `#!/bin/sh\n# ${'x'.repeat(200_000)}\necho "$1"\n`);
    const { document } = await scene.runJson(['-h', targets, ...hosts.login, '-f', script, 'hello']);
    expect(statesOf(document)).toEqual({ succeeded: hostCount });
    expect(new Set(document.hosts.map(({ stdout }) => stdout))).toEqual(new Set(['hello\n']));
    await expectNothingLeft();
  });

  it('after a timeout', async () => {
    const job = await startEverywhere('98701', ['-t', '3']);
    expect(await statesAfter(job)).toEqual({ 'timed-out': hostCount });
    await expectNothingLeft();
  });

  it('after halt --kill', async () => {
    const job = await startEverywhere('98702');
    expect(await scene.run(['halt', '--kill', job.id])).toMatchObject({ exitCode: 0 });
    expect(await statesAfter(job)).toEqual({ killed: hostCount });
    await expectNothingLeft();
  });

  it('after every connection was cut, and the hosts have told what became of their commands', async () => {
    const job = await startEverywhere('98703');
    const sessions = processTable().filter(
      ({ uid, argv }) => uid === hosts.account.uid && /^(\S*\/)?sshd\b/.test(argv[0] ?? ''),
    );
    expect(sessions).toHaveLength(hostCount);
    signalProcesses(
      'KILL',
      sessions.map(({ pid }) => pid),
    );
    expect(await statesAfter(job)).toEqual({ killed: hostCount });
    await expectNothingLeft();
  });

  it('after kill -9 of rexec, whose successor asks the hosts', async () => {
    const job = await startEverywhere('98704');
    kill('rexec');
    expect(await statesAfter(job)).toEqual({ killed: hostCount });
    await expectNothingLeft();
  });

  it('after kill -9 of the worker, but what the hosts keep to say, which `resolve` fetches', async () => {
    const job = await startEverywhere('98705');
    kill('worker');
    expect(await statesAfter(job)).toEqual({ unknown: hostCount });
    // Every process is gone; of files only each host's own word.
    await expect
      .poll(() => footprintOf(hosts.account).filter((line) => line.startsWith('process')), {
        timeout: cleanWithinMs,
        interval: 250,
      })
      .toEqual([]);
    const kept = footprintOf(hosts.account).filter((line) => !untouched.includes(line));
    expect(kept).toHaveLength(hostCount);
    for (const line of kept) expect(line).toMatch(/\/\.pogo-[0-9a-f-]+ \d{1,4}$/);
    const resolved = await scene.run(['resolve', job.id, '--identity', hosts.key.privatePath, '--yes']);
    expect(resolved.exitCode, resolved.stderr).toBe(3);
    expect(statesOf({ hosts: await scene.hosts(job.id) })).toEqual({ killed: hostCount });
    await expectNothingLeft();
  });
});
