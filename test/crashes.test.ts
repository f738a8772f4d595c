/** Processes of the cluster that are killed in mid-command: what is known stays, what isn't is said to be unknown. */
import { signalProcesses } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostAccount, reachWithKey, waitFor } from './support/host-account.js';
import { jobOf } from './support/running-command.js';
import { openScene, reasonOf, type Scene, statesOf } from './support/scene.js';

let scene: Scene;
let hosts: HostAccount;

beforeAll(async () => {
  scene = await openScene({ killsParts: true });
  hosts = await reachWithKey(scene, 5);
});

afterAll(() => scene.close());

function kill(role: 'dispatcher' | 'worker' | 'rexec'): void {
  signalProcesses('KILL', scene.cluster.pids(role));
}

async function expectNextJobWorks() {
  const { result, document } = await scene.runJson([
    '-h',
    '127.0.1.[1-5]',
    ...hosts.login,
    '--',
    'echo',
    'hello',
  ]);
  expect(statesOf(document)).toEqual({ succeeded: 5 });
  expect(result.exitCode).toBe(0);
}

describe('killed in mid-command', () => {
  it('rexec is followed by another, which asks the hosts: they ended the command when the connection was gone', async () => {
    const command = hosts.start('127.0.1.[1-2]', [], 'echo started; sleep 98901');
    await command.untilStdout(/started[^]*started/);
    kill('rexec');
    expect(await command.ended).toMatchObject({ exitCode: 3 });
    const shown = await scene.hosts(await jobOf(command));
    for (const host of shown)
      expect(host).toMatchObject({ state: 'killed', outcome: { reason: 'connection-closed' } });
    expect(command.stderr()).toContain(reasonOf('connection-closed').advice);
    await expect
      .poll(() => hosts.processes().map(({ argv }) => argv.join(' ')), { timeout: 30_000 })
      .toEqual([]);
    await expectNextJobWorks();
  });

  it('a connection that goes silent ends the command on the host by itself, and the host is not called a success', async () => {
    const command = hosts.start('127.0.1.1', [], 'echo started; sleep 98902');
    await command.untilStdout(/started/);
    const silenced = scene.cluster.pids('rexec');
    // The connection stays open, but no heartbeat comes any more: the stub waits for 30 s of that.
    signalProcesses('STOP', silenced);
    await expect
      .poll(() => hosts.processes().filter(({ argv }) => argv.includes('98902')).length, { timeout: 60_000 })
      .toBe(0);
    signalProcesses('CONT', silenced);
    const { exitCode } = await command.ended;
    expect([3, 9]).toContain(exitCode);
    const [host] = await scene.hosts(await jobOf(command));
    expect(['killed', 'unknown']).toContain(host!.state);
  });

  it('the worker is started again; its hosts are unknown, those that wait go on', async () => {
    const before = scene.returns('worker');
    const command = hosts.start(
      '127.0.1.[1-4]',
      ['--concurrent', '2'],
      `echo started; ${waitFor('worker-gate')}`,
    );
    await command.untilStdout(/started[^]*started/);
    kill('worker');
    await expect.poll(() => scene.returns('worker'), { timeout: 30_000 }).toBe(before + 1);
    hosts.open('worker-gate');
    expect(await command.ended).toMatchObject({ exitCode: 9 });
    const shown = await scene.hosts(await jobOf(command));
    expect(statesOf({ hosts: shown }).unknown).toBe(2);
    const { state, outcome } = shown[0]!;
    expect(['rexec-lost', 'worker-lost', 'connection-lost']).toContain(outcome?.reason);
    expect(state).toBe('unknown');
    await expect
      .poll(() => hosts.processes().map(({ argv }) => argv.join(' ')), { timeout: 30_000 })
      .toEqual([]);
    await expectNextJobWorks();
  });

  it('the dispatcher is started again; the command goes on, its output is whole, and jobs are still on record', async () => {
    const before = scene.returns('dispatcher');
    const command = hosts.start(
      '127.0.1.[1-2]',
      [],
      `echo before; ${waitFor('dispatcher-gate')}; echo after`,
    );
    await command.untilStdout(/before[^]*before/);
    kill('dispatcher');
    await expect.poll(() => scene.returns('dispatcher'), { timeout: 30_000 }).toBe(before + 1);
    hosts.open('dispatcher-gate');
    expect(await command.ended, command.stderr()).toMatchObject({ exitCode: 0 });
    for (const host of ['127.0.1.1', '127.0.1.2']) {
      const lines = command
        .stdout()
        .split('\n')
        .filter((line) => line.startsWith(`${host}: `));
      expect(lines).toEqual([`${host}: before`, `${host}: after`]);
    }
    const jobs = await scene.run(['jobs']);
    expect(jobs.stdout).toContain(`${await jobOf(command)}  succeeded`);
    expect(jobs.stdout).toContain('p0000000001');
    await expectNextJobWorks();
  });

  it('the dispatcher gets the sealed credentials back from the worker: hosts that wait go on', async () => {
    const before = scene.returns('dispatcher');
    const command = hosts.start(
      '127.0.1.[1-3]',
      ['--concurrent', '1'],
      `echo started; ${waitFor('credentials-gate')}`,
    );
    await command.untilStdout(/started/);
    kill('dispatcher');
    await expect.poll(() => scene.returns('dispatcher'), { timeout: 30_000 }).toBe(before + 1);
    hosts.open('credentials-gate');
    expect(await command.ended, command.stderr()).toMatchObject({ exitCode: 0 });
    expect(statesOf({ hosts: await scene.hosts(await jobOf(command)) })).toEqual({ succeeded: 3 });
    await expectNextJobWorks();
  });

  it('dispatcher and worker have lost the credentials: the job says so, and a halt ends it', async () => {
    const before = [scene.returns('dispatcher'), scene.returns('worker')] as const;
    const command = hosts.start('127.0.1.[1-3]', ['--concurrent', '1'], 'echo started; sleep 98903');
    await command.untilStdout(/started/);
    kill('dispatcher');
    kill('worker');
    await expect
      .poll(() => [scene.returns('dispatcher'), scene.returns('worker')], { timeout: 30_000 })
      .toEqual([before[0] + 1, before[1] + 1]);
    await command.untilStderr(/credentials-needed/);
    // 9 where the worker has told of its lost attempt before the dispatcher gives up on the credentials.
    expect([8, 9], command.stderr()).toContain((await command.ended).exitCode);
    const states = async () => statesOf({ hosts: await scene.hosts(await jobOf(command)) });
    await expect.poll(states, { timeout: 30_000 }).toEqual({ unknown: 1, waiting: 2 });
    expect((await scene.run(['status', await jobOf(command)])).stdout).toContain('needs-credentials');
    const halted = await scene.run(['halt', await jobOf(command)]);
    expect(halted.exitCode, halted.stderr).toBe(0);
    await scene.run(['wait', await jobOf(command)]);
    expect(await states()).toEqual({ unknown: 1, halted: 2 });
  });
});

describe('a second `pogo up` on the same directory', () => {
  it('is refused, and does the first no harm', async () => {
    const second = await scene.run(['up', '--listen', '127.0.0.1:0', '--worker-listen', '127.0.0.1:0']);
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toContain('already-running');
    await expectNextJobWorks();
  });
});
