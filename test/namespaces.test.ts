/**
 * Two namespaces on one dispatcher, end to end: real clients, real hosts. What counts is what the commands wrote down on
 * the hosts themselves.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type HostAccount, reachWithKey, waitFor } from './support/host-account.js';
import { noting, peakOf } from './support/host-record.js';
import { openScene, type Scene } from './support/scene.js';

let scene: Scene;
let hosts: HostAccount;

const fileOf = (web: string, limit: number) => `apps: { web: ['${web}'] }
envs: { site: { all: ['@web'] } }
constraints: { site: { concurrency: { web: ${limit} } } }
`;

beforeAll(async () => {
  scene = await openScene();
  hosts = await reachWithKey(scene, 8);
});

afterAll(() => scene.close());

const east = ['--namespace', 'east'];

it('a second namespace is made on purpose, and each keeps its own limit while both have a job', async () => {
  const ours = await scene.run(['ns', 'apply', scene.file('ours.yaml', fileOf('127.0.1.[1-4]', 1))]);
  expect(ours.exitCode, ours.stderr).toBe(0);
  const file = scene.file('east.yaml', fileOf('127.0.1.[5-8]', 2));
  const slip = await scene.run(['ns', 'apply', file, ...east]);
  expect(slip.exitCode).toBe(2);
  expect(slip.stderr).toMatch(/unknown-namespace.*only default.*--create/s);
  const made = await scene.run(['ns', 'apply', file, ...east, '--create']);
  expect(made.exitCode, made.stderr).toBe(0);
  expect(made.stdout).toContain('namespace east, version 1: 4 hosts');

  // Groups are those of the job's namespace.
  const one = hosts.start('@web', [], noting('one', waitFor('gate')));
  const two = hosts.start('@web', east, noting('two', waitFor('gate')));
  await expect.poll(() => hosts.lines('one').length, { timeout: 60_000 }).toBe(1);
  await expect.poll(() => hosts.lines('two').length, { timeout: 60_000 }).toBe(2);
  hosts.open('gate');
  for (const { ended, stderr } of [one, two]) expect((await ended).exitCode, stderr()).toBe(0);
  expect([peakOf(hosts.lines('one')), peakOf(hosts.lines('two'))]).toEqual([1, 2]);

  const listed = await scene.run(['jobs']);
  expect(listed.stdout).toMatch(/^p0100000001 +east /m);
  expect(listed.stdout).toMatch(/^p0000000001 +default /m);
  const last = JSON.parse((await scene.run(['jobs', '-n', 'east', '--json'])).stdout) as { jobs: object[] };
  expect(last.jobs).toMatchObject([{ id: 'p0100000001', namespace: 'east', state: 'succeeded' }]);
});

it('a host of one is refused in the other, by file and line and before a job, and what is in force stays', async () => {
  const wrong = scene.file('wrong.yaml', fileOf('127.0.1.[1-4],127.0.1.5', 1));
  const refused = await scene.run(['ns', 'apply', wrong]);
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toMatch(
    /wrong\.yaml:1:\d+: "127\.0\.1\.5" is a host of namespace east \(version 1\).*\[host-of-another-namespace\]/,
  );
  expect((await scene.run(['ns', 'show'])).stdout).toBe(fileOf('127.0.1.[1-4]', 1));
  const run = await scene.run(['run', '-h', '127.0.1.5', '--allow-unknown', ...hosts.login, '--', 'true']);
  expect(run.exitCode).toBe(2);
  expect(run.stderr).toContain('host-of-another-namespace');
});
