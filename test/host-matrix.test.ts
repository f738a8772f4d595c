/**
 * Every login shell that accounts of a real fleet have, and a root with BusyBox alone, against everything that a
 * command can do: each cell ends as it should, and nothing of ours is left in it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostState, ReasonCode } from '@pogo/core';
import { type Account, type Key, processTable, signalProcesses, type Sshd } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type BusyboxRoot, createBusyboxRoot } from './support/busybox-root.js';
import { footprintOf } from './support/footprint.js';
import { follow } from './support/running-command.js';
import { openScene, type RunDocument, type Scene } from './support/scene.js';

/** How long after a job's end nothing of it may be left: what the product promises. */
const cleanWithinMs = 10_000;

const loginShells = {
  bash: '/bin/bash',
  dash: '/bin/dash',
  zsh: '/usr/bin/zsh',
  ksh: '/usr/bin/ksh93',
  fish: '/usr/bin/fish',
  tcsh: '/usr/bin/tcsh',
} as const;

interface Cell {
  readonly name: string;
  readonly account: Account;
  readonly target: string;
  readonly homes: readonly string[];
}

let scene: Scene;
let key: Key;
let sshd: Sshd;
let busybox: BusyboxRoot;
const cells: Cell[] = [];
let login: readonly string[];

beforeAll(async () => {
  scene = await openScene();
  key = await scene.key();
  const authorizedKeys = [key.publicLine];
  const accounts: [string, Account][] = [];
  for (const [name, shell] of Object.entries(loginShells)) {
    const account = await scene.account({ shell, authorizedKeys });
    // What accounts of real fleets have: start files that talk, in the shells that read one for a command.
    const noise = 'echo "welcome to $HOSTNAME"; echo "beware" >&2\n';
    for (const file of ['.bashrc', '.zshenv']) writeFileSync(join(account.home, file), noise);
    accounts.push([name, account]);
  }
  const locked = await scene.account({ authorizedKeys });
  busybox = await createBusyboxRoot(locked);
  accounts.push(['BusyBox root', locked]);
  sshd = await scene.sshd({
    methods: ['publickey'],
    hostKeyTypes: ['ed25519'],
    settings: { Banner: scene.file('banner', 'Authorised use only.\nAll of it is logged.\n') },
    userSettings: { [locked.name]: { ChrootDirectory: busybox.path } },
  });
  accounts.forEach(([name, account], index) => {
    const homes =
      account === locked ? [account.home, busybox.home, join(busybox.path, 'tmp')] : [account.home];
    cells.push({ name, account, target: `${account.name}@${sshd.address(index + 1)}`, homes });
  });
  login = [
    ...cells.flatMap(({ target }) => ['-h', target]),
    ...['-p', String(sshd.port), '--identity', key.privatePath],
    ...['--known-hosts', sshd.knownHosts(sshd.addresses(cells.length))],
  ];
  // Some shells make directories of their own when an account logs in for the first time.
  await scene.run(['run', ...login, '--', 'true']);
  // A host may take its time to leave: what is compared later begins with accounts that run nothing.
  const processes = () =>
    Object.values(footprints())
      .flat()
      .filter((line) => line.startsWith('process '));
  await vi.waitFor(() => expect(processes()).toEqual([]), { timeout: cleanWithinMs, interval: 250 });
});

afterAll(async () => {
  await scene?.close();
  await busybox?.remove();
});

const footprints = () =>
  Object.fromEntries(cells.map(({ name, account, homes }) => [name, footprintOf(account, homes)]));

/** Runs `act` and expects that within the promised time the accounts are as they were before. */
async function leavesNothing(act: () => Promise<void>): Promise<void> {
  const before = footprints();
  await act();
  await expect.poll(footprints, { timeout: cleanWithinMs, interval: 250 }).toEqual(before);
}

/** What each cell came to, by its name. */
function byCell({ hosts }: Pick<RunDocument, 'hosts'>) {
  return Object.fromEntries(
    cells.map(({ name }, index) => {
      const found = hosts.find(
        ({ host }) => host.split('@').at(-1)!.split(':')[0] === sshd.address(index + 1),
      );
      return [name, found];
    }),
  );
}

function everyCell<T>(value: T): Record<string, T> {
  return Object.fromEntries(cells.map(({ name }) => [name, value]));
}

describe('every login shell, and BusyBox alone', () => {
  it('hands an argument vector over byte for byte', async () => {
    const hostile = [
      '',
      'two words',
      ' ',
      '\n',
      'line\nbreak\n',
      "it's",
      '"double"',
      '$HOME $(id) `id`',
      ';|&<>(){}[]*?!~#%^',
      'back\\slash\\',
      '-n',
      '--',
      '\u0001\u0007\u001b[31m\u007f',
      '\r\n\t',
      'grüße, 日本語 🙂',
      '\u00a0\u2028',
    ];
    await leavesNothing(async () => {
      const { result, document } = await scene.runJson([...login, '--', 'printf', '[%s]\\n', ...hostile]);
      const output = hostile.map((argument) => `[${argument}]\n`).join('');
      const got = byCell(document);
      for (const { name } of cells) {
        expect(got[name], name).toMatchObject({ state: 'succeeded' });
        const { stdout = '', encoding } = got[name]!;
        expect(encoding === 'base64' ? Buffer.from(stdout, 'base64').toString() : stdout, name).toBe(output);
      }
      expect(result.exitCode).toBe(0);
    });
  });

  it('gives a shell string to /bin/sh, and its exit status back', async () => {
    await leavesNothing(async () => {
      const script =
        'for i in 1 2 3; do echo "$i $POGO_ATTEMPT"; done | tail -n 1; echo "bad $((40 + 2))" >&2; exit 3';
      const { result, document } = await scene.runJson([...login, '--', script]);
      for (const [name, host] of Object.entries(byCell(document))) {
        expect(host, name).toMatchObject({
          state: 'failed',
          outcome: { reason: 'exit-nonzero', exitCode: 3 },
          stdout: '3 1\n',
          stderr: 'bad 42\n',
        });
      }
      expect(result.exitCode).toBe(5);
    });
  });

  it('gets a script, runs it with its arguments, and loses it again', async () => {
    const text = '#!/bin/sh\nprintf "[%s]\\n" "$@"\ncase $0 in */*) test -f "$0" && echo there ;; esac\n';
    const script = scene.file('a-script.sh', text);
    await leavesNothing(async () => {
      const { result, document } = await scene.runJson([...login, '-f', script, "it's", 'two\nlines', '']);
      for (const [name, host] of Object.entries(byCell(document))) {
        expect(host, name).toMatchObject({ state: 'succeeded', stdout: "[it's]\n[two\nlines]\n[]\nthere\n" });
      }
      expect(result.exitCode).toBe(0);
    });
  });

  it('ends a command at its time limit, with all that it started', async () => {
    await leavesNothing(async () => {
      const script = 'sleep 98811 & (sleep 98811 & wait) & sleep 98811';
      const { result, document } = await scene.runJson([...login, '-t', '1', '--', script]);
      const states = Object.entries(byCell(document)).map(([name, host]) => [name, host?.outcome?.reason]);
      expect(Object.fromEntries(states)).toEqual(everyCell<ReasonCode>('command-timeout'));
      expect(result.exitCode).toBe(3);
    });
  });

  it('ends a command that is halted with --kill', async () => {
    await leavesNothing(async () => {
      const job = await startEverywhere('sleep 98812');
      expect(await scene.run(['halt', '--kill', job.id])).toMatchObject({ exitCode: 0 });
      await job.command.ended;
      expect(await endOf(job.id)).toEqual(everyCell(['killed', 'halt-kill']));
    });
  });

  it('ends a command whose connection is cut, and tells of it when it is asked again', async () => {
    await leavesNothing(async () => {
      const job = await startEverywhere('sleep 98813');
      const uids = cells.map(({ account }) => account.uid);
      const sessions = processTable().filter(
        ({ uid, argv }) => uids.includes(uid) && /^(\S*\/)?sshd\b/.test(argv[0] ?? ''),
      );
      expect(sessions.length).toBeGreaterThanOrEqual(cells.length);
      signalProcesses(
        'KILL',
        sessions.map(({ pid }) => pid),
      );
      await job.command.ended;
      expect(await endOf(job.id)).toEqual(everyCell(['killed', 'connection-closed']));
    });
  });

  it('tells an exit with status 137 from a death by SIGKILL', async () => {
    await leavesNothing(async () => {
      const exited = await scene.runJson([...login, '--', 'sh', '-c', 'exit 137']);
      for (const [name, host] of Object.entries(byCell(exited.document))) {
        expect(host?.outcome, name).toMatchObject({ reason: 'exit-nonzero', exitCode: 137 });
      }
      const killed = await scene.runJson([...login, '--', 'sh', '-c', 'kill -9 $$']);
      for (const [name, host] of Object.entries(byCell(killed.document))) {
        expect(host?.outcome, name).toMatchObject({ reason: 'signal', signal: 'SIGKILL' });
      }
    });
  });

  it('ends when the command ends, though it leaves a daemon behind', async () => {
    const { result, document } = await scene.runJson([
      ...[...login, '--'],
      '(exec setsid sleep 98814 >/dev/null 2>&1 </dev/null) & echo done',
    ]);
    try {
      for (const [name, host] of Object.entries(byCell(document))) {
        expect(host, name).toMatchObject({ state: 'succeeded', stdout: 'done\n' });
      }
      expect(result.exitCode).toBe(0);
    } finally {
      const daemons = processTable().filter(({ argv }) => argv.includes('98814'));
      signalProcesses(
        'KILL',
        daemons.map(({ pid }) => pid),
      );
      expect(daemons).toHaveLength(cells.length);
    }
  });
});

/** Starts a command on all cells and waits until it runs on each. */
async function startEverywhere(script: string) {
  const command = follow(scene.cluster.spawn(['run', ...login, '--', 'sh', '-c', `echo running; ${script}`]));
  await command.untilStderr(/^job p\d{10} /m);
  await command.untilStdout(new RegExp(`(running[^]*){${cells.length}}`));
  return { command, id: /^job (p\d{10}) /m.exec(command.stderr())![1]! };
}

/** State and reason of each cell. */
async function endOf(job: string): Promise<Record<string, (HostState | ReasonCode | undefined)[]>> {
  const hosts = await scene.hosts(job);
  const found = byCell({ hosts: hosts as RunDocument['hosts'] });
  return Object.fromEntries(
    Object.entries(found).map(([name, host]) => [name, [host!.state, host!.outcome?.reason]]),
  );
}
