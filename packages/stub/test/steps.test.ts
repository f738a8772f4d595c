/** What surrounds the command: hooks, job's own steps, the health check. P1 and P2 of stub-text/steps.ts. */
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type StubEvent, type StubSteps, encodeTerminate } from '@pogo/stub';
import {
  HostRun,
  type HostRunOptions,
  argv,
  claimInterpreters,
  claimOf,
  interpreter,
  newDirectory,
  newHome,
  newLockKey,
  program,
  runOnHost,
  shell,
  sweep,
  withMounts,
} from './host.js';

afterAll(sweep);

/** A directory in the place of /etc/pogo. */
function hooksOf(files: Record<string, string | { script: string; mode: number }>) {
  const directory = newDirectory();
  for (const [name, file] of Object.entries(files)) {
    const { script, mode } = typeof file === 'string' ? { script: file, mode: 0o755 } : file;
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, mode);
  }
  return { directory, rewrite: { from: '/etc/pogo/', to: `${directory}/` } };
}

const hooks = { prehooks: true, posthooks: true } satisfies StubSteps;

/** What a person would call each thing that was begun. */
function begun(events: readonly StubEvent[]): string[] {
  return events.flatMap((event) =>
    event.kind === 'started' || event.kind === 'step'
      ? [[event.step?.kind ?? 'command', event.step?.hook].filter(Boolean).join(' ')]
      : [],
  );
}

describe.concurrent.each(claimInterpreters)('under %s', (name) => {
  const launch = interpreter(name);
  const run = (options: HostRunOptions) =>
    runOnHost({ launch, home: newHome(), claim: claimOf(newLockKey()), ...options });

  it('hooks, pre, command, post, hooks and health come in this order, executable files only, each with our variables', async () => {
    const { rewrite } = hooksOf({
      'pre.d/20-second': 'echo "20 $POGO_HOST"',
      'pre.d/10-first': 'echo "10 $POGO_HOST"',
      'pre.d/15-text': { script: 'echo never', mode: 0o644 },
      'pre.d/30 odd': 'echo 30',
      'post.d/10-last': 'echo "post $POGO_HOST"',
      'post.d/directory/inside': 'echo never',
    });
    const home = newHome();
    const { stdout, ended, events, leftBehind } = await run({
      home,
      rewrite,
      environment: { POGO_HOST: 'web1' },
      steps: {
        ...hooks,
        pre: 'echo "pre $POGO_HOST"',
        post: `echo 'it'"'"'s after'`,
        health: { script: 'echo well', retries: 3, intervalMs: 10 },
      },
      command: argv('echo', "it's the command"),
    });
    expect(stdout.toString().trim().split('\n')).toEqual([
      ...['10 web1', '20 web1', '30', 'pre web1', "it's the command", "it's after", 'post web1', 'well'],
    ]);
    expect(begun(events)).toEqual([
      ...['prehook 10-first', 'prehook 20-second', 'prehook', 'pre', 'command'],
      ...['post', 'posthook 10-last', 'health'],
    ]);
    expect(ended).toMatchObject({ exit: { kind: 'exited', exitCode: 0 }, killed: false });
    expect(ended).not.toHaveProperty('step');
    expect(leftBehind).toEqual([]);
    expect(readdirSync(home)).toEqual([]);
  });

  it.each<[string, StubSteps, Record<string, string>, string[], object]>([
    [
      'a pre hook',
      { ...hooks, pre: 'echo pre' },
      { 'pre.d/10-no': 'echo no; exit 3', 'pre.d/20-later': 'echo later', 'post.d/10': 'echo post' },
      ['no'],
      { kind: 'prehook', hook: '10-no' },
    ],
    ['pre', { pre: 'echo no; exit 3', post: 'echo post' }, {}, ['no'], { kind: 'pre' }],
    ['post', { ...hooks, post: 'exit 3' }, { 'post.d/10': 'echo posthook' }, ['command'], { kind: 'post' }],
    [
      'a post hook',
      { ...hooks, health: { script: 'echo well', retries: 1, intervalMs: 10 } },
      { 'pre.d/10': 'echo pre', 'post.d/50-check': 'exit 3', 'post.d/60': 'echo never' },
      ['pre', 'command'],
      { kind: 'posthook', hook: '50-check' },
    ],
    [
      'the health check at its last try',
      { health: { script: 'echo ill; exit 3', retries: 2, intervalMs: 10 } },
      {},
      ['command', 'ill', 'ill', 'ill'],
      { kind: 'health' },
    ],
  ])('where %s fails nothing follows, and the end is its own', async (_, steps, files, said, step) => {
    const home = newHome();
    const hooked = hooksOf(files);
    const { stdout, ended, leftBehind } = await run({
      home,
      ...(steps.prehooks === true && { rewrite: hooked.rewrite }),
      steps,
      command: argv('echo', 'command'),
    });
    expect(stdout.toString().trim().split('\n')).toEqual(said);
    expect(ended).toMatchObject({ step, exit: { kind: 'exited', exitCode: 3 }, killed: false });
    expect(leftBehind).toEqual([]);
    expect(readdirSync(home)).toEqual([]);
  });

  it('a command that fails is the end: nothing follows it, and no step is named', async () => {
    const { rewrite } = hooksOf({ 'pre.d/10': 'echo pre', 'post.d/10': 'echo never' });
    const { stdout, ended } = await run({
      rewrite,
      steps: { ...hooks, post: 'echo never', health: { script: 'echo never', retries: 1, intervalMs: 10 } },
      command: shell('echo command; exit 7'),
    });
    expect(stdout.toString()).toBe('pre\ncommand\n');
    expect(ended).toMatchObject({ exit: { kind: 'exited', exitCode: 7 } });
    expect(ended).not.toHaveProperty('step');
  });

  it('a health check is tried until it succeeds', async () => {
    const directory = newDirectory();
    const { stdout, ended, events } = await run({
      steps: {
        health: {
          script: `echo x >> ${directory}/tries; [ "$(wc -l < ${directory}/tries)" -ge 3 ] && echo well`,
          retries: 100,
          intervalMs: 10,
        },
      },
    });
    expect(stdout.toString()).toBe('well\n');
    expect(begun(events)).toEqual(['command', 'health', 'health', 'health']);
    expect(ended).toMatchObject({ exit: { kind: 'exited', exitCode: 0 } });
  });

  it('a step that runs too long is killed with its whole session, and is the last', async () => {
    const { rewrite } = hooksOf({ 'pre.d/10-slow': 'sleep 1000 & sleep 1000' });
    const { stdout, ended, leftBehind } = await run({
      rewrite,
      steps: hooks,
      timeoutMs: 400,
      command: argv('echo', 'never'),
    });
    expect(stdout.toString()).toBe('');
    expect(ended).toMatchObject({
      step: { kind: 'prehook', hook: '10-slow' },
      timedOut: true,
      killConfirmed: true,
    });
    expect(leftBehind).toEqual([]);
  });

  it('one that is ended while it waits for its next health check says so', async () => {
    const home = newHome();
    const { ended, leftBehind } = await run({
      home,
      steps: { health: { script: 'echo ill; exit 1', retries: 9, intervalMs: 600_000 } },
      onEvent: (event, host) => {
        if (event.kind !== 'stdout') return;
        const waiting = setInterval(() => {
          // As a worker does: a line that comes between two steps may be lost.
          if (host.child.exitCode === null) host.send(encodeTerminate());
          else clearInterval(waiting);
        }, 50);
      },
    });
    expect(ended).toMatchObject({
      step: { kind: 'health' },
      stopCause: 'terminate',
      killConfirmed: true,
    });
    expect(leftBehind).toEqual([]);
    expect(readdirSync(home)).toEqual([]);
  });

  it('what a cut connection ended, and in which step, is kept for whoever asks (E4)', async () => {
    const home = newHome();
    const claim = claimOf(newLockKey());
    const { rewrite } = hooksOf({ 'pre.d/10-slow': 'echo up; sleep 1000' });
    const cut = new HostRun({
      launch,
      home,
      claim,
      rewrite,
      steps: hooks,
      command: argv('echo', 'never'),
      onEvent: (event, { child }) => {
        if (event.kind !== 'stdout') return;
        child.stdin.destroy();
        child.stdout.destroy();
        child.stderr.destroy();
      },
    });
    await new Promise((resolve) => cut.child.on('exit', resolve));
    expect(cut.processes()).toEqual([]);
    const { settled } = await runOnHost({ launch, home, settle: claim });
    expect(settled).toMatchObject([
      { found: 'outcome', ended: { stopCause: 'closed', step: { kind: 'prehook', hook: '10-slow' } } },
    ]);
    expect(readdirSync(home)).toEqual([]);
  });

  it('further tries are of the command alone', async () => {
    const { rewrite } = hooksOf({ 'pre.d/10': 'echo pre', 'post.d/10': 'echo post' });
    const { stdout, ended } = await run({
      rewrite: [rewrite, { from: '=5000', to: '=10' }],
      steps: hooks,
      retries: 2,
      command: shell('echo "try $POGO_TRY"; [ $POGO_TRY = 2 ]'),
    });
    expect(stdout.toString()).toBe('pre\ntry 1\ntry 2\npost\n');
    expect(ended).toMatchObject({ exit: { exitCode: 0 } });
  });
});

it('hooks that the account may not read are not passed over: the command does not begin', async () => {
  const { directory, rewrite } = hooksOf({ 'pre.d/10': 'echo never' });
  chmodSync(join(directory, 'pre.d'), 0o700);
  chmodSync(directory, 0o755);
  const asNobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];
  const { stdout, stderr, ended } = await runOnHost({
    wrapper: [program('setpriv'), ...asNobody],
    home: '/nonexistent',
    rewrite,
    steps: hooks,
    command: argv('echo', 'never'),
  });
  expect(stdout.toString()).toBe('');
  expect(stderr.toString()).toContain('pre.d');
  expect(ended).toMatchObject({ step: { kind: 'prehook' }, exit: { kind: 'exited' } });
});

it('a script that has no place where it may be executed is read by its interpreter, and the steps by theirs', async () => {
  const script = Buffer.from('#!/bin/sh\necho script\n');
  const launch = interpreter('dash');
  const { stdout, ended } = await runOnHost({
    launch,
    wrapper: withMounts(launch, 'for d in /tmp /var/tmp /dev/shm; do mount -t tmpfs -o noexec none $d; done'),
    environmentOfHost: { HOME: '/tmp' },
    claim: claimOf(newLockKey()),
    command: { kind: 'script', name: 'script', bytes: script.length, args: [] },
    upload: [script],
    steps: { pre: 'echo pre', post: 'echo post' },
  });
  expect(stdout.toString()).toBe('pre\nscript\npost\n');
  expect(ended).toMatchObject({ exit: { exitCode: 0 } });
});
