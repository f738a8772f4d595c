/**
 * Rollouts that a person steers: ramps, holds, altered limits and freezes, end to end. What counts is what the commands
 * wrote down on the hosts themselves.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostAccount, reachWithKey, waitFor } from './support/host-account.js';
import { jobOf, type RunningCommand } from './support/running-command.js';
import { openScene, type Scene } from './support/scene.js';

let scene: Scene;
let hosts: HostAccount;

beforeAll(async () => {
  scene = await openScene();
  hosts = await reachWithKey(scene, 8);
});

afterAll(() => scene.close());

/** Notes the host's name in a file of the account, which all hosts share. */
const noting = (file: string, rest = 'true') => `echo "$POGO_HOST" >> "$HOME/${file}"; ${rest}`;
const soon = { timeout: 60_000 };

async function use(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await scene.run(args);
  expect(exitCode, stderr).toBe(0);
  return `${stdout}${stderr}`;
}

async function succeeds(command: RunningCommand): Promise<void> {
  expect((await command.ended).exitCode, command.stderr()).toBe(0);
}

describe('a ramp', () => {
  it('stops at a canary that fails, and goes on only when somebody says so', async () => {
    const script = noting('ramp', '[ "$POGO_HOST" != 127.0.1.1 ] || [ -e "$HOME/repaired" ]');
    const command = hosts.start('127.0.1.[1-6]', ['--ramp', '1,3'], script);
    const id = await jobOf(command);
    await command.untilStderr(/step 1 of 3 of the ramp is over, and 1 host did not succeed/);
    expect(hosts.lines('ramp')).toEqual(['127.0.1.1']);
    expect(await use('explain', id)).toContain('127.0.1.[2-6] (5) wait for somebody to confirm');
    expect(await use('status', id)).toContain(`\`pogo resume ${id}\` begins the next step`);

    // The canary is repaired, and tried again: the steps after it need nobody any more.
    hosts.open('repaired');
    await use('retry', id, '127.0.1.1', '-d');
    await succeeds(command);
    const order = hosts.lines('ramp');
    expect(order.slice(0, 2)).toEqual(['127.0.1.1', '127.0.1.1']);
    expect(order.slice(2, 4).sort()).toEqual(['127.0.1.2', '127.0.1.3']);
    expect(order.slice(4).sort()).toEqual(['127.0.1.4', '127.0.1.5', '127.0.1.6']);
  });

  it('waits for a confirmation after each step where that was asked for', async () => {
    const command = hosts.start(
      '127.0.1.[1-4]',
      ['--ramp', '50%', '--ramp-pause', 'confirm'],
      noting('steps'),
    );
    const id = await jobOf(command);
    await command.untilStderr(/step 1 of 2 of the ramp is over: nothing new starts until somebody confirms/);
    expect(hosts.lines('steps').sort()).toEqual(['127.0.1.1', '127.0.1.2']);
    expect(await use('resume', id, '-d')).toContain(`resuming ${id}`);
    await succeeds(command);
    expect(hosts.lines('steps')).toHaveLength(4);
  });
});

describe('a held job', () => {
  it('starts nothing, obeys other limits when it goes on, and is followed all the while', async () => {
    const script = noting('held', waitFor('held-gate'));
    const command = hosts.start('127.0.1.[1-6]', ['--concurrent', '1'], script);
    const id = await jobOf(command);
    await expect.poll(() => hosts.lines('held'), soon).toEqual(['127.0.1.1']);
    await use('hold', id);
    await command.untilStderr(new RegExp(`${id} is held by .*: nothing new starts`));
    // Three more may run at once, but for the hold.
    expect(await use('alter', id, '--concurrent', '4')).toContain('at once: at most 4 hosts');
    expect(await use('jobs')).toMatch(new RegExp(`${id} +held \\(by `));
    expect(hosts.lines('held')).toEqual(['127.0.1.1']);
    await use('resume', id, '-d');
    await expect.poll(() => hosts.lines('held').length, soon).toBe(4);
    const running = await scene.run(['status', id, '--json']);
    expect((JSON.parse(running.stdout) as { job: { counts: object } }).job.counts).toMatchObject({
      waiting: 2,
    });
    hosts.open('held-gate');
    await succeeds(command);
    expect(hosts.lines('held').sort()).toEqual([1, 2, 3, 4, 5, 6].map((host) => `127.0.1.${host}`));
  });
});

describe('a freeze', () => {
  it('keeps hosts of two jobs from starting, those that run go on, and both end well once it is lifted', async () => {
    const first = hosts.start(
      '127.0.1.[1-3]',
      ['--concurrent', '1'],
      noting('frozen', waitFor('frozen-gate')),
    );
    await expect.poll(() => hosts.lines('frozen'), soon).toEqual(['127.0.1.1']);
    expect(await use('freeze', '--note', 'disks are full')).toContain('frozen by');
    const second = hosts.start('127.0.1.[5-6]', [], noting('frozen'));
    const ids = [await jobOf(first), await jobOf(second)];
    hosts.open('frozen-gate');
    await expect
      .poll(async () => (await scene.hosts(ids[0]!)).map(({ state }) => state), soon)
      .toEqual(['succeeded', 'waiting', 'waiting']);
    for (const id of ids)
      expect(await use('explain', id)).toMatch(
        /wait for the namespace, which is frozen by .* \(disks are full\)/,
      );
    expect(await use('status', ids[1]!)).toContain('`pogo freeze --lift` lifts it');
    expect(hosts.lines('frozen')).toEqual(['127.0.1.1']);
    await use('freeze', '--lift');
    await succeeds(first);
    await succeeds(second);
    expect(hosts.lines('frozen').sort()).toEqual([1, 2, 3, 5, 6].map((host) => `127.0.1.${host}`));
  });
});
