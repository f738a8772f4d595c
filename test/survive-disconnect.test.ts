/**
 * `--survive-disconnect` on real sshd: the command goes on without its connection, and everything that it wrote arrives
 * once and in order, with its exact exit status (docs/SURVIVE-DISCONNECT.md).
 */
import { createHash } from 'node:crypto';
import { addSudoRules, processTable, signalProcesses } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { footprintOf } from './support/footprint.js';
import { type HostAccount, reachWithKey, waitFor } from './support/host-account.js';
import { follow, jobOf, type RunningCommand } from './support/running-command.js';
import { openScene, runDocumentOf, type Scene } from './support/scene.js';

let scene: Scene;
let hosts: HostAccount;
let untouched: string[];
const undo: (() => void)[] = [];

beforeAll(async () => {
  scene = await openScene({ killsParts: true });
  hosts = await reachWithKey(scene, 3);
  const rules = await addSudoRules([`${hosts.account.name} ALL=(ALL) NOPASSWD: ALL`]);
  undo.push(() => rules.remove());
  untouched = footprintOf(hosts.account);
});

afterAll(async () => {
  for (const remove of undo) remove();
  await scene?.close();
});

/** What serves the account's connections: a restart of sshd that takes its sessions along ends these. */
function sessions(): number[] {
  return processTable()
    .filter(
      ({ argv }) =>
        argv[0]?.startsWith('sshd') === true && argv.join(' ').includes(`: ${hosts.account.name}`),
    )
    .map(({ pid }) => pid);
}

async function endSessions(): Promise<void> {
  const pids = sessions();
  expect(pids).not.toEqual([]);
  signalProcesses('KILL', pids);
  await vi.waitFor(() => expect(sessions().filter((pid) => pids.includes(pid))).toEqual([]), {
    timeout: 10_000,
  });
}

/** Waits until somebody is connected to so many hosts. */
async function connected(count: number): Promise<void> {
  await vi.waitFor(() => expect(sessions().length).toBeGreaterThanOrEqual(count), {
    timeout: 60_000,
    interval: 50,
  });
}

/** Waits until the command waits at a gate on so many hosts. */
async function waitsAt(gate: string, count: number): Promise<void> {
  await vi.waitFor(() => expect(hosts.lines(`at-${gate}`)).toHaveLength(count), {
    timeout: 60_000,
    interval: 50,
  });
}

/** Shell text that says so and waits until the gate is open. */
const gate = (name: string) => `echo x >>"$HOME/at-${name}"; ${waitFor(name)}`;

const lines = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => `${from + at}\n`).join('');

const sha256 = (text = '') => createHash('sha256').update(text).digest('hex');

async function expectEnd(command: RunningCommand, count: number, stdout: string, exitCode: number) {
  await command.ended;
  const document = runDocumentOf(command.stdout());
  expect(document.hosts).toHaveLength(count);
  for (const host of document.hosts) {
    expect(host).toMatchObject({ state: 'failed', outcome: { reason: 'exit-nonzero', exitCode } });
    expect(host.stdout?.length).toBe(stdout.length);
    expect(sha256(host.stdout)).toBe(sha256(stdout));
    expect(host.outcome?.stdout).toEqual({ bytes: stdout.length, sha256: sha256(stdout) });
    expect(host.stderr).toBe('problem\n');
  }
}

/** But what these tests themselves put there. */
async function expectNothingLeft(): Promise<void> {
  await expect
    .poll(() => footprintOf(hosts.account).filter((line) => !/\/(at-)?gate-\w+ \d+$/.test(line)), {
      timeout: 10_000,
    })
    .toEqual(untouched);
}

const lasting = ['--survive-disconnect', '--json'];

describe('a command that survives its connection', () => {
  it('goes on when the sessions of sshd are killed, twice, on three hosts', async () => {
    const script = [
      `echo problem >&2; seq 1 1000; ${gate('gate-a')}`,
      `seq 1001 100000; ${gate('gate-b')}`,
      'seq 100001 100010; exit 43',
    ].join('; ');
    const command = hosts.start('127.0.1.[1-3]', lasting, script);
    await waitsAt('gate-a', 3);
    await endSessions();
    hosts.open('gate-a');
    await waitsAt('gate-b', 3);
    await connected(3);
    await endSessions();
    hosts.open('gate-b');
    await expectEnd(command, 3, lines(1, 100_010), 43);
    await expectNothingLeft();
  });

  it('goes on as another account, behind sudo', async () => {
    const script = `echo problem >&2; id -un; echo x >>${hosts.account.home}/at-gate-c; while [ ! -e ${hosts.account.home}/gate-c ]; do sleep 0.05; done; seq 1 10; exit 44`;
    const command = hosts.start('127.0.1.1', [...lasting, '--run-as', 'root'], script);
    await waitsAt('gate-c', 1);
    await endSessions();
    hosts.open('gate-c');
    await expectEnd(command, 1, `root\n${lines(1, 10)}`, 44);
    await expectNothingLeft();
  });

  it('goes on as a script that came with the job', async () => {
    const file = scene.file(
      'script',
      `#!/bin/sh\n# ${'x'.repeat(200_000)}\necho problem >&2; ${gate('gate-d')}\nseq 1 "$1"; exit 45\n`,
    );
    const command = follow(
      scene.cluster.spawn(['run', '-h', '127.0.1.1', ...hosts.login, ...lasting, '-f', file, '500']),
    );
    await waitsAt('gate-d', 1);
    await endSessions();
    hosts.open('gate-d');
    await expectEnd(command, 1, lines(1, 500), 45);
    await expectNothingLeft();
  });

  it('goes on when rexec is killed: the next one takes it up, behind what the worker has', async () => {
    const script = `echo problem >&2; seq 1 20000; ${gate('gate-e')}; seq 20001 40000; exit 46`;
    const command = hosts.start('127.0.1.[1-2]', lasting, script);
    await waitsAt('gate-e', 2);
    signalProcesses('KILL', scene.cluster.pids('rexec'));
    await vi.waitFor(() => expect(sessions()).toEqual([]), { timeout: 20_000 });
    hosts.open('gate-e');
    await expectEnd(command, 2, lines(1, 40_000), 46);
    await expectNothingLeft();
  });

  it('is ended by a halt with --kill that is given while nobody is connected', async () => {
    const command = hosts.start('127.0.1.1', lasting, `${gate('gate-f')}; exit 47`);
    await waitsAt('gate-f', 1);
    const job = await jobOf(command);
    const stopped = hosts.sshd.pid;
    signalProcesses('STOP', [stopped]);
    try {
      await endSessions();
      expect((await scene.run(['halt', job, '--kill'])).exitCode).toBe(0);
    } finally {
      signalProcesses('CONT', [stopped]);
    }
    await command.ended;
    expect(await scene.hosts(job)).toMatchObject([{ state: 'killed', outcome: { reason: 'halt-kill' } }]);
    await expectNothingLeft();
  });

  it('goes on when the worker is killed: its host is unknown, until `pogo resolve` takes it up', async () => {
    const before = scene.returns('worker');
    const script = `echo problem >&2; seq 1 100; ${gate('gate-g')}; seq 101 30000; exit 48`;
    const command = hosts.start('127.0.1.1', lasting, script);
    await waitsAt('gate-g', 1);
    signalProcesses('KILL', scene.cluster.pids('worker'));
    expect(await command.ended).toMatchObject({ exitCode: 9 });
    await expect.poll(() => scene.returns('worker'), { timeout: 30_000 }).toBe(before + 1);
    const job = await jobOf(command);
    expect(await scene.hosts(job)).toMatchObject([{ state: 'unknown' }]);
    hosts.open('gate-g');
    const resolved = await scene.run(['resolve', job, '--identity', hosts.key.privatePath, '--yes']);
    expect(await scene.hosts(job), resolved.stderr).toMatchObject([
      { state: 'failed', outcome: { exitCode: 48, stdout: { sha256: sha256(lines(1, 30_000)) } } },
    ]);
    const log = await scene.run(['log', job, '127.0.1.1']);
    expect(log.stdout).toContain(lines(99, 102));
    expect(sha256(log.stdout)).toBe(sha256(lines(1, 30_000)));
    await expectNothingLeft();
  });
});
