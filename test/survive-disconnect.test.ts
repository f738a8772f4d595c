/**
 * `--survive-disconnect` on real sshd: the command goes on without its connection, and everything that it wrote arrives
 * once and in order, with its exact exit status (docs/SURVIVE-DISCONNECT.md).
 */
import { createHash } from 'node:crypto';
import { processTable, signalProcesses } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { footprintOf } from './support/footprint.js';
import { type HostAccount, reachWithKey, waitFor } from './support/host-account.js';
import { jobOf } from './support/running-command.js';
import { openScene, type Scene } from './support/scene.js';

let scene: Scene;
let hosts: HostAccount;

beforeAll(async () => {
  scene = await openScene({ killsParts: true });
  hosts = await reachWithKey(scene, 3);
});

afterAll(() => scene?.close());

/** The processes of sshd that serve the account: what a restart of sshd with its sessions ends. */
function sessions(): number[] {
  return processTable()
    .filter(
      ({ argv }) =>
        argv[0]?.startsWith('sshd') === true && argv.join(' ').includes(`: ${hosts.account.name}`),
    )
    .map(({ pid }) => pid);
}

function endSessions(): void {
  const pids = sessions();
  expect(pids).not.toEqual([]);
  signalProcesses('KILL', pids);
}

const lines = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => `${from + at}\n`).join('');

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('a command that survives its connection', () => {
  it('goes on when the sessions of sshd are killed, twice: output complete, exit status exact, nothing left', async () => {
    const before = footprintOf(hosts.account);
    const script = [
      `echo problem >&2; seq 1 1000; ${waitFor('one')}`,
      `seq 1001 100000; ${waitFor('two')}`,
      'seq 100001 100010; echo over >&2; exit 43',
    ].join('; ');
    const command = hosts.start('127.0.1.[1-3]', ['--survive-disconnect', '--json'], script);
    const job = await jobOf(command);
    await expect.poll(() => hosts.processes().filter(({ argv }) => argv[0] === 'seq').length).toBe(0);
    await expect.poll(() => sessions().length, { timeout: 30_000 }).toBeGreaterThanOrEqual(3);
    await expect
      .poll(() => hosts.processes().filter(({ argv }) => argv.join(' ').includes('/one')).length, {
        timeout: 30_000,
      })
      .toBeGreaterThanOrEqual(3);
    endSessions();
    hosts.open('one');
    await expect.poll(() => sessions().length, { timeout: 60_000 }).toBeGreaterThanOrEqual(3);
    endSessions();
    hosts.open('two');
    const { exitCode } = await command.ended;
    expect(exitCode).toBe(5);
    const document = JSON.parse(command.stdout()) as {
      hosts: { state: string; outcome: object; stdout: string; stderr: string }[];
    };
    for (const host of document.hosts) {
      expect(host).toMatchObject({ state: 'failed', outcome: { reason: 'exit-nonzero', exitCode: 43 } });
      expect(sha256(host.stdout)).toBe(sha256(lines(1, 100_010)));
      expect(host.stderr).toBe('problem\nover\n');
    }
    expect(job).toMatch(/^p/);
    await expect
      .poll(() => footprintOf(hosts.account).filter((line) => !/\/(one|two) 0$/.test(line)), {
        timeout: 10_000,
      })
      .toEqual(before);
  });
});
