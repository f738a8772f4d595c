/** The embedded store of a running cluster on a disk that fills up: what is said, what waits, and that nothing is lost. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { homeLayout } from '@pogo/protocol';
import {
  type Cluster,
  type TemporaryDirectory,
  builtCli,
  createAccount,
  createKey,
  createNetworkNamespace,
  createTemporaryDirectory,
  mustRun,
  runCommand,
  signalProcesses,
  startCluster,
  startSshd,
  trackLeaks,
} from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { follow, jobOf, type RunningCommand } from './support/running-command.js';
import { waitFor } from './support/host-account.js';

const teardown: (() => unknown)[] = [];
let directory: TemporaryDirectory;
let cluster: Cluster;
let login: string[];
let home: string;
/** The account's home on the hosts, where commands leave lines. */
let hostHome: string;
/** Where the store is, alone on a file system of 8 MB. */
let disk: string;

beforeAll(async () => {
  const leaks = trackLeaks();
  teardown.push(() => leaks.assertNoLeaks());
  directory = createTemporaryDirectory();
  teardown.push(() => directory.remove());
  const namespace = await createNetworkNamespace();
  teardown.push(() => namespace.stop());
  home = directory.file('pogo-home');
  disk = homeLayout(home).dispatcher.store;
  mkdirSync(disk, { recursive: true, mode: 0o700 });
  await mustRun('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=0700', 'none', disk]);
  teardown.push(() => mustRun('umount', [disk]));

  const key = await createKey({ directory: directory.path });
  const account = await createAccount({ authorizedKeys: [key.publicLine] });
  hostHome = account.home;
  teardown.push(() => account.remove());
  const sshd = await startSshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'], namespace });
  teardown.push(() => sshd.stop());
  cluster = await startCluster({ cli: builtCli(join(import.meta.dirname, '..')), namespace, home });
  teardown.push(() => cluster.stop());
  login = [
    ...['-l', account.name, '-p', String(sshd.port), '--identity', key.privatePath],
    ...['--known-hosts', sshd.knownHosts(sshd.addresses(3))],
  ];
});

afterAll(async () => {
  const failures: unknown[] = [];
  for (const step of teardown.reverse()) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'));
});

function start(expression: string, more: readonly string[], script: string): RunningCommand {
  return follow(cluster.spawn(['run', '-h', expression, ...login, ...more, '--', 'sh', '-c', script]));
}

async function fillDisk(): Promise<void> {
  const { stderr } = await runCommand('dd', ['if=/dev/zero', `of=${join(disk, 'ballast')}`, 'bs=4k']);
  expect(stderr).toContain('No space left on device');
}

function makeRoom(): void {
  rmSync(join(disk, 'ballast'));
}

/** What any command that needs the store says while it can't be written. */
async function expectClearRefusal(): Promise<void> {
  const refused = await cluster.run(['run', '-h', '127.0.1.1', ...login, '--', 'true']);
  expect(refused.exitCode).not.toBe(0);
  expect(refused.stderr).toContain('store-unavailable');
  expect(refused.stderr).toContain(disk);
  expect(refused.stderr).toContain('Its disk is full: make room there');
}

describe('the disk of the store fills up in mid-job', () => {
  it('the commands say so, and once there is room the job goes on to its end, each command run once', async () => {
    const first = await cluster.run(['run', '-h', '127.0.1.[1-3]', ...login, '--', 'echo', 'before']);
    expect(first.exitCode, first.stderr).toBe(0);

    const script = `echo $POGO_HOST >> ran-1; echo started; ${waitFor('gate-1')}`;
    const command = start('127.0.1.[1-3]', ['--concurrent', '1'], script);
    await command.untilStdout(/started/);
    await fillDisk();
    await mustRun('touch', [join(hostHome, 'gate-1')]);
    await expectClearRefusal();
    makeRoom();
    expect(await command.ended, command.stderr()).toMatchObject({ exitCode: 0 });
    expect(command.stdout().match(/started/g)).toHaveLength(3);
    expect(readFileSync(join(hostHome, 'ran-1'), 'utf8').split('\n')).toHaveLength(4);
    const jobs = await cluster.run(['jobs']);
    expect(jobs.stdout).toContain(`${await jobOf(command)}  succeeded`);
    expect(jobs.stdout).toContain('p0000000001  succeeded');
  });

  it('and the dispatcher is killed there: it comes back with all that was acknowledged as soon as there is room', async () => {
    const script = `echo $POGO_HOST >> ran-2; echo started; ${waitFor('gate-2')}; echo after`;
    const command = start('127.0.1.[1-2]', [], script);
    await command.untilStdout(/started[^]*started/);
    await fillDisk();
    await expect
      .poll(async () => (await cluster.run(['run', '-h', '127.0.1.1', ...login, '--', 'true'])).stderr, {
        timeout: 60_000,
      })
      .toContain('Its disk is full');
    signalProcesses('KILL', cluster.pids('dispatcher'));
    await mustRun('touch', [join(hostHome, 'gate-2')]);
    // It is started again and again, and says each time why it can't.
    const log = homeLayout(home).dispatcher.log;
    const refusals = () =>
      readFileSync(log, 'utf8').split(`the store in ${disk} can't be read or written`).length;
    const before = refusals();
    await expect.poll(refusals, { timeout: 60_000 }).toBeGreaterThan(before + 1);
    makeRoom();
    expect(await command.ended, command.stderr()).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(hostHome, 'ran-2'), 'utf8').split('\n')).toHaveLength(3);
    const jobs = await cluster.run(['jobs']);
    for (const job of ['p0000000001', 'p0000000002', await jobOf(command)])
      expect(jobs.stdout).toContain(`${job}  succeeded`);
  });
});
