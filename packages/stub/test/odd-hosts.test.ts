/** Hosts that lack what most have: the command runs, and what can't be promised there is said. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { argv, interpreter, program, runOnHost, shell, sweep } from './host.js';

const directories: string[] = [];

afterAll(() => {
  sweep();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

/** A directory to be the host's whole PATH. */
function pathWith(...programs: string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'pogo-stub-path-'));
  directories.push(directory);
  for (const name of programs) symlinkSync(program(name), join(directory, name));
  return directory;
}

const everyday = ['sh', 'echo', 'true', 'kill'];

describe.concurrent.each(['dash', 'bash', 'busybox', 'plain'])('under %s', (name) => {
  const launch = interpreter(name);

  it('without setsid the command runs in the session of the connection, and a timeout ends that session but us', async () => {
    const { ended, events, leftBehind } = await runOnHost({
      launch,
      wrapper: [program('setsid')],
      environmentOfHost: { PATH: pathWith(...everyday, 'sleep') },
      command: shell("trap '' TERM; sleep 1000 & sleep 1000; sleep 1000"),
      timeoutMs: 400,
      killGraceMs: 300,
    });
    expect(events).toContainEqual(expect.objectContaining({ kind: 'started', ownSession: false }));
    expect(ended).toMatchObject({ timedOut: true, killConfirmed: true, leftovers: false });
    expect(leftBehind).toEqual([]);
  });

  it('without setsid, and inside a session that is not ours, only the command itself is ended, and that is said', async () => {
    const { ended, leftBehind } = await runOnHost({
      launch,
      environmentOfHost: { PATH: pathWith(...everyday, 'sleep') },
      command: shell('sleep 1000 >/dev/null 2>&1 & exec sleep 1001'),
      timeoutMs: 400,
    });
    expect(ended).toMatchObject({ timedOut: true, killConfirmed: false, leftovers: true });
    expect(leftBehind).toEqual([expect.stringMatching(/^\d+ sleep 1000/)]);
  });

  it('a sleep that takes whole seconds only is enough', async () => {
    const path = pathWith(...everyday, 'setsid');
    writeFileSync(
      join(path, 'sleep'),
      `#!/bin/sh\ncase $1 in *.*) echo "sleep: invalid number" >&2; exit 1 ;; esac\nexec ${program('sleep')} "$1"\n`,
      { mode: 0o755 },
    );
    const { ended, leftBehind, stderr } = await runOnHost({
      launch,
      environmentOfHost: { PATH: path },
      command: argv(program('sleep'), '1000'),
      timeoutMs: 1500,
    });
    expect(ended).toMatchObject({ timedOut: true, killConfirmed: true });
    expect(stderr.toString()).toBe('');
    expect(leftBehind).toEqual([]);
  });

  it('without sleep nothing can be timed: the command is ended, and that is said', async () => {
    const { ended, leftBehind } = await runOnHost({
      launch,
      environmentOfHost: { PATH: pathWith(...everyday, 'setsid') },
      command: argv(program('sleep'), '1000'),
    });
    expect(ended).toMatchObject({ stopCause: 'no-timer', killed: true });
    expect(leftBehind).toEqual([]);
  });

  it('without /proc the process group is what a kill reaches', async () => {
    const { ended, leftBehind } = await runOnHost({
      launch,
      rewrite: { from: '/proc/', to: '/no/proc/' },
      command: shell("trap '' TERM; sleep 1000 & sleep 1000; sleep 1000"),
      timeoutMs: 400,
      killGraceMs: 300,
    });
    expect(ended).toMatchObject({ timedOut: true, killed: true, exit: { exitCode: 137, ambiguous: true } });
    expect(leftBehind).toEqual([]);
  });
});

it('bash before 5.1, whose here-documents are files, tells signals apart all the same', async () => {
  const old = (script: string) =>
    runOnHost({ launch: interpreter('bash'), prelude: 'BASH_VERSION=4.4.20\n', command: shell(script) });
  expect((await old('kill -9 $$')).ended?.exit).toEqual({ kind: 'signalled', signal: 'SIGKILL' });
  expect((await old('exit 137')).ended?.exit).toEqual({ kind: 'exited', exitCode: 137, ambiguous: false });
});

it('an exported variable named like one of ours neither harms nor is lost', async () => {
  const names = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'].map(
    (letter) => `_${letter}`,
  );
  const { ended } = await runOnHost({
    environmentOfHost: Object.fromEntries(names.map((name) => [name, 'theirs'])),
    command: shell('kill -9 $$'),
  });
  expect(ended?.exit).toEqual({ kind: 'signalled', signal: 'SIGKILL' });
});
