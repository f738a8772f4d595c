/**
 * A namespace's limits, end to end: real clients, real hosts. What counts is what the commands wrote down on the hosts
 * themselves; the log is asked only for what to do next.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostAccount, reachWithKey, waitFor } from './support/host-account.js';
import { noting, peakOf } from './support/host-record.js';
import { jobOf } from './support/running-command.js';
import { openScene, type Scene } from './support/scene.js';

let scene: Scene;
let hosts: HostAccount;

const frontends = '127.0.1.[1-8]';
const namespace = `
apps:
  frontend: [ '${frontends}' ]
  backend: [ '127.0.1.[9-10]' ]
envs:
  site: { one: [ '@frontend', '@backend' ] }
constraints:
  site:
    concurrency: { frontend: 25%, backend: 1 }
    sequence: [ [ backend, frontend ] ]
`;

beforeAll(async () => {
  scene = await openScene();
  hosts = await reachWithKey(scene, 10);
  const applied = await scene.run(['ns', 'apply', scene.file('prod.yaml', namespace)]);
  expect(applied.exitCode, applied.stderr).toBe(0);
});

afterAll(() => scene.close());

describe('a limit', () => {
  it('holds over the jobs of two clients that submit at the same moment, on hosts that both name', async () => {
    const both = ['127.0.1.[1-6]', '127.0.1.[3-8]'].map((targets) =>
      hosts.start(targets, [], noting('union', 'sleep 0.4')),
    );
    for (const { ended, stderr } of both) expect((await ended).exitCode, stderr()).toBe(0);
    expect(hosts.lines('union')).toHaveLength(24);
    expect(peakOf(hosts.lines('union'))).toBe(2);
  });

  it('is passed over by --unconstrained: the record of the hosts would have shown it', async () => {
    const script = noting('lifted', waitFor('lifted-gate'));
    const command = hosts.start('@frontend', ['--unconstrained'], script);
    await expect.poll(() => hosts.lines('lifted').length, { timeout: 60_000 }).toBe(8);
    hosts.open('lifted-gate');
    expect((await command.ended).exitCode, command.stderr()).toBe(0);
    expect(peakOf(hosts.lines('lifted'))).toBe(8);
  });

  it('is held by hosts that failed: their job is deadlocked, the next waits and says why, until somebody lets go', async () => {
    const failed = await scene.run([
      ...['run', '-h', frontends, ...hosts.login, '--', 'sh', '-c'],
      `${noting('failing', 'true')}; exit 3`,
    ]);
    expect(failed.exitCode, failed.stderr).toBe(6);
    expect(hosts.lines('failing')).toHaveLength(4);
    const [first] = /p\d{10}/.exec(failed.stderr)!;

    const next = hosts.start('127.0.1.[5-6]', [], noting('next', 'true'));
    const id = await jobOf(next);
    const explained = await scene.run(['explain', id]);
    expect(explained.stdout).toContain('frontend@site=one');
    expect(explained.stdout).toContain('2 of 2');
    expect(explained.stdout).toContain(first);
    expect(hosts.lines('next')).toEqual([]);

    const released = await scene.run(['release', first, '127.0.1.[1-8]']);
    expect(released.exitCode, released.stderr).toBe(0);
    expect((await next.ended).exitCode, next.stderr()).toBe(0);
    expect(peakOf(hosts.lines('next'))).toBeLessThanOrEqual(2);
  });
});

describe('a sequence', () => {
  it('has frontends wait for the backends of their job, and says so', async () => {
    const command = hosts.start('127.0.1.1,127.0.1.9', [], noting('order', waitFor('order-gate')));
    const id = await jobOf(command);
    await expect.poll(() => hosts.lines('order'), { timeout: 60_000 }).toEqual(['127.0.1.9 begin']);
    const explained = await scene.run(['explain', id]);
    expect(explained.stdout).toContain('127.0.1.1 ');
    expect(explained.stdout).toContain('backend@site=one');
    hosts.open('order-gate');
    expect((await command.ended).exitCode, command.stderr()).toBe(0);
    expect(hosts.lines('order')).toEqual([
      '127.0.1.9 begin',
      '127.0.1.9 end',
      '127.0.1.1 begin',
      '127.0.1.1 end',
    ]);
  });
});
