/** Scripts that follow on the channel: received whole and byte for byte, or not run, and gone afterwards. */
import { randomBytes } from 'node:crypto';
import { readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type StubCommand, encodeHeartbeat, encodeTerminate } from '@pogo/stub';
import {
  type HostRunOptions,
  claimInterpreters,
  claimOf,
  interpreter,
  killAll,
  newDirectory,
  newHome,
  newLockKey,
  program,
  runOnHost,
  sweep,
  withMounts,
} from './host.js';

afterEach(sweep);

function script(content: Uint8Array | string, name: string, ...args: (string | Uint8Array)[]) {
  const bytes = Buffer.from(content);
  const command: StubCommand = { kind: 'script', name, bytes: bytes.length, args };
  return { command, upload: [bytes], claim: claimOf(newLockKey()) } satisfies HostRunOptions;
}

/** A script that writes itself to stdout, followed by `rest`, which no shell reads. */
function selfShowing(rest: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('#!/bin/sh\nexec cat "$0"\n'), rest]);
}

const hostile = Buffer.from(
  '\x00\x1e\n\r\nh\nt\nk\na\n\x1epogo-\xff\xfe}\nexit 0\n$(id)`id`\x04\x03',
  'latin1',
);

describe.each(claimInterpreters)('under %s', (name) => {
  const launch = interpreter(name);

  it('a script arrives byte for byte, whatever its bytes, its size and the pieces it comes in', async () => {
    const home = newHome();
    const sizes = fc.oneof(
      fc.constantFrom(0, 1, 511, 512, 4095, 4096, 4097, 32_767, 32_768, 32_769, 65_536, 131_073, 300_001),
      fc.nat(5000),
    );
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }),
        async (size, cuts) => {
          const whole = selfShowing(Buffer.concat([hostile, randomBytes(size)]));
          const at = [
            0,
            ...cuts.map((cut) => Math.round(cut * whole.length)).sort((a, b) => a - b),
            whole.length,
          ];
          const result = await runOnHost({
            launch,
            home,
            ...script(whole, 'show'),
            upload: at.slice(1).map((to, index) => whole.subarray(at[index], to)),
          });
          expect(result.stdout.equals(whole)).toBe(true);
          expect(result.ended).toMatchObject({ exit: { kind: 'exited', exitCode: 0 }, killed: false });
          expect(readdirSync(home)).toEqual([]);
        },
      ),
      { numRuns: name === 'dash' ? 25 : 8 },
    );
  });

  it('it is run by its own name, with its arguments, and heard in order', async () => {
    const home = newHome();
    const { stdout, events, ended, leftBehind } = await runOnHost({
      launch,
      home,
      ...script(
        '#!/bin/sh\nstat -c %a "$0" "${0%/*}"\nprintf "%s\\n" "${0##*/}" "$@"\nexit 6\n',
        "my 'odd'\n-script",
        '-x',
        "it's",
        '',
        '*',
      ),
    });
    expect(stdout.toString()).toBe("700\n700\nmy 'odd'\n-script\n-x\nit's\n\n*\n");
    expect(events.map(({ kind }) => kind).filter((kind) => kind !== 'stdout')).toEqual([
      'ready',
      'send',
      'received',
      'started',
      'ended',
    ]);
    expect(events[1]).toEqual({ kind: 'send', offset: 0 });
    expect(ended?.exit).toEqual({ kind: 'exited', exitCode: 6, ambiguous: false });
    expect(leftBehind).toEqual([]);
    expect(readdirSync(home)).toEqual([]);
  });

  it('a script of no bytes arrives', async () => {
    const home = newHome();
    const { events, ended } = await runOnHost({ launch, home, ...script('', 'empty') });
    expect(events.map(({ kind }) => kind)).toContain('received');
    expect(ended?.exit.kind).toBe('exited');
    expect(readdirSync(home)).toEqual([]);
  });

  it('one that is cut in the middle is not run, and leaves nothing', async () => {
    const home = newHome();
    const whole = selfShowing(randomBytes(100_000));
    const { events, leftBehind } = await runOnHost({
      launch,
      home,
      ...script(whole, 'cut'),
      upload: [whole.subarray(0, 70_000)],
      onEvent: (event, run) => {
        if (event.kind === 'send') setImmediate(() => run.child.stdin.end());
      },
    });
    expect(events.at(-1)).toMatchObject({ kind: 'refused', code: 'upload-cut' });
    expect(events.map(({ kind }) => kind)).not.toContain('started');
    expect(leftBehind).toEqual([]);
    expect(readdirSync(home)).toEqual([]);
  });

  it('one that stops arriving is given up, and leaves nothing', async () => {
    const home = newHome();
    const whole = selfShowing(randomBytes(1000));
    const { events, leftBehind } = await runOnHost({
      launch,
      home,
      ...script(whole, 'stalled'),
      upload: [whole.subarray(0, 500)],
      silenceMs: 600,
    });
    expect(events.at(-1)).toMatchObject({ kind: 'refused', code: 'upload-silent' });
    expect(leftBehind).toEqual([]);
    expect(readdirSync(home)).toEqual([]);
  });

  it('one that fills the disk is given up with the reason, and leaves nothing', async () => {
    const { events, stderr, leftBehind } = await runOnHost({
      launch,
      wrapper: withMounts(
        launch,
        'for d in /tmp /var/tmp /dev/shm; do mount -t tmpfs -o size=64k none $d; done',
      ),
      environmentOfHost: { HOME: '/tmp' },
      ...script(selfShowing(randomBytes(1_000_000)), 'large'),
      onEvent: (event, run) => {
        if (event.kind === 'refused') run.child.stdin.destroy();
      },
    });
    expect(events.at(-1)).toMatchObject({ kind: 'refused', code: 'upload-no-space' });
    expect(stderr.toString()).toBe('');
    expect(leftBehind).toEqual([]);
  });

  it('where its home is mounted noexec it is put where files can be run', async () => {
    const { stdout } = await runOnHost({
      launch,
      wrapper: withMounts(
        launch,
        'mount -t tmpfs -o noexec none /tmp; mount -t tmpfs -o noexec none /var/tmp; mount -t tmpfs none /dev/shm',
      ),
      environmentOfHost: { HOME: '/tmp' },
      ...script('#!/bin/sh\necho "$0"\n', 'where'),
    });
    expect(stdout.toString()).toMatch(/^\/dev\/shm\/\.pogo-0\/\.pogo-[^/]*\.d\/where\n$/);
  });

  it('where files can be run nowhere its interpreter is started, and without one that is said', async () => {
    const nowhere = withMounts(
      launch,
      'for d in /tmp /var/tmp /dev/shm; do mount -t tmpfs -o noexec none $d; done',
    );
    const environmentOfHost = { HOME: '/tmp' };
    const { stdout, ended } = await runOnHost({
      launch,
      wrapper: nowhere,
      environmentOfHost,
      ...script('#! /bin/sh -e\necho "$0" "$1"; false; echo not here\n', 'by-name', 'an argument'),
    });
    expect(stdout.toString()).toMatch(/^\/tmp\/\.pogo-[^/]*\.d\/by-name an argument\n$/);
    expect(ended?.exit).toMatchObject({ exitCode: 1 });
    const binary = await runOnHost({
      launch,
      wrapper: nowhere,
      environmentOfHost,
      ...script('\x7fELF', 'binary'),
    });
    expect(binary.events.at(-1)).toMatchObject({ kind: 'refused', code: 'script-not-executable' });
  });

  it('where nothing can be written there is no place for it, and that is said', async () => {
    const { events, leftBehind } = await runOnHost({
      launch,
      wrapper: withMounts(
        launch,
        'for d in /tmp /dev/shm /var/tmp; do mount -t tmpfs none $d; mount -o remount,ro $d; done',
      ),
      environmentOfHost: { HOME: '/tmp' },
      ...script('#!/bin/sh\n', 'anywhere'),
    });
    expect(events.at(-1)).toMatchObject({ kind: 'refused', code: 'upload-no-place' });
    expect(leftBehind).toEqual([]);
  });

  it('what is left of it when all is killed goes with the next run', async () => {
    const home = newHome();
    const whole = script('#!/bin/sh\necho up; sleep 1000\n', 'killed');
    await runOnHost({
      launch,
      home,
      ...whole,
      onEvent: (event, run) => {
        if (event.kind !== 'stdout') return;
        killAll(run);
      },
    });
    expect(readdirSync(home)).toHaveLength(2);
    await runOnHost({ launch, home, claim: { ...whole.claim, index: 8 } });
    expect(readdirSync(home)).toEqual([]);
  });

  it('control lines are heard again behind it', async () => {
    const home = newHome();
    const { ended } = await runOnHost({
      launch,
      home,
      ...script('#!/bin/sh\necho up\nsleep 1000\n', 'sleeper'),
      onEvent: (event, run) => {
        if (event.kind === 'received') run.send(encodeHeartbeat());
        if (event.kind === 'stdout') run.send(encodeTerminate());
      },
    });
    expect(ended).toMatchObject({ stopCause: 'terminate', killConfirmed: true });
    expect(readdirSync(home)).toEqual([]);
  });
});

it.each(['dash', 'busybox'])('without head a script arrives through dd, under %s', async (name) => {
  const home = newHome();
  const path = newDirectory();
  for (const tool of ['sh', 'dd', 'wc', 'rm', 'mkdir', 'chmod', 'sleep', 'setsid', 'cat']) {
    symlinkSync(program(tool), join(path, tool));
  }
  const whole = selfShowing(Buffer.concat([hostile, randomBytes(200_000)]));
  const { stdout, ended } = await runOnHost({
    launch: interpreter(name),
    home,
    environmentOfHost: { PATH: path },
    ...script(whole, 'show'),
  });
  expect(stdout.equals(whole)).toBe(true);
  expect(ended).toMatchObject({ exit: { exitCode: 0 }, killed: false });
  expect(readdirSync(home)).toEqual([]);
});

it('a large script costs no memory', async () => {
  const home = newHome();
  const size = 30_000_000;
  const { stdout, ended } = await runOnHost({
    home,
    ...script(
      Buffer.concat([
        Buffer.from('#!/bin/sh\nwc -c <"$0"; grep VmHWM /proc/$PPID/status\n#'),
        Buffer.alloc(size, 'x'),
      ]),
      'large',
    ),
  });
  expect(ended?.exit).toMatchObject({ exitCode: 0 });
  expect(stdout.toString()).toMatch(/^300000\d\d\n/);
  expect(Number(/VmHWM:\s*(\d+) kB/.exec(stdout.toString())?.[1])).toBeLessThan(8000);
});
