/** Where claims go when the home takes none: private directories, and no lock only where nothing can be written at all. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeTerminate } from '@pogo/stub';
import {
  HostRun as Run,
  after,
  argv,
  claimInterpreters,
  claimOf,
  interpreter,
  newDirectory,
  newHome,
  newLockKey,
  runOnHost,
  shell,
  sweep,
  withMounts,
} from './host.js';

afterEach(sweep);

const uid = process.getuid?.() ?? 0;

describe.each(claimInterpreters)('under %s', (name) => {
  const launch = interpreter(name);
  const show = shell(
    'ls -d "$HOME"/.pogo-* /var/tmp/.pogo-*/.pogo-* /dev/shm/.pogo-*/.pogo-* /tmp/.pogo-*/.pogo-* 2>/dev/null; :',
  );
  const startedOf = (events: readonly { kind: string }[]) => events.find(({ kind }) => kind === 'started');

  it.each([
    ['that does not exist', '/nonexistent/home'],
    ['that is no name', ''],
    ["that is nobody's", '/proc/self'],
  ])('a home %s is replaced by a private directory, which goes as well', async (_, home) => {
    const root = newDirectory();
    const claim = claimOf(newLockKey());
    const { stdout, events } = await runOnHost({
      launch,
      environmentOfHost: { HOME: home },
      rewrite: [{ from: '/var/tmp/', to: `${root}/` }],
      claim,
      command: shell(`ls -ld ${root}/.pogo-${uid}; ls -A ${root}/.pogo-${uid}`),
    });
    expect(stdout.toString()).toMatch(new RegExp(`^drwx------.*\\n\\.pogo-${claim.lockKey}-7-.*\\n$`));
    expect(startedOf(events)).toMatchObject({ lock: 'held' });
    expect(readdirSync(root)).toEqual([]);
  });

  it('without HOME at all the lock is held, and seen by one that has a home', async () => {
    const root = newDirectory();
    const claim = claimOf(newLockKey());
    const rewrite = [{ from: '/var/tmp/', to: `${root}/v/` }];
    mkdirSync(join(root, 'v'));
    const homeless = new Run({
      launch,
      wrapper: after(launch, 'unset HOME'),
      rewrite,
      claim,
      command: argv('sleep', '1000'),
      onEvent: (event) => {
        if (event.kind !== 'started') return;
        const other = runOnHost({ launch, home: root, rewrite, claim: { ...claim, index: 8, waitMs: 200 } });
        void other.then((result) => {
          expect(result.events.at(-1)).toMatchObject({ kind: 'busy', holder: { index: 7 } });
          homeless.send(encodeTerminate());
        });
      },
    });
    const { ended, events } = await homeless.result;
    expect(startedOf(events)).toMatchObject({ lock: 'held' });
    expect(ended).toMatchObject({ stopCause: 'terminate' });
    expect(readdirSync(join(root, 'v'))).toEqual([]);
  });

  it('where all is read-only but /dev/shm, the claim is there', async () => {
    const { stdout, ended, events } = await runOnHost({
      launch,
      wrapper: withMounts(
        launch,
        'mount -t tmpfs none /tmp; mount -o remount,ro /tmp; mount -t tmpfs none /dev/shm; mount -t tmpfs none /var/tmp; mount -o remount,ro /var/tmp',
      ),
      environmentOfHost: { HOME: '/tmp' },
      claim: claimOf(newLockKey()),
      command: show,
    });
    expect(stdout.toString()).toMatch(/^\/dev\/shm\/\.pogo-0\/\.pogo-[0-9a-f]{16}-7-.*\n$/);
    expect(startedOf(events)).toMatchObject({ lock: 'held' });
    expect(ended?.exit).toMatchObject({ exitCode: 0 });
  });

  it('where all is read-only the command runs without the lock, and that is said', async () => {
    const readOnly = withMounts(
      launch,
      'for d in /tmp /dev/shm /var/tmp; do mount -t tmpfs none $d; mount -o remount,ro $d; done',
    );
    const claim = claimOf(newLockKey());
    const { stdout, ended, events, leftBehind } = await runOnHost({
      launch,
      wrapper: readOnly,
      environmentOfHost: { HOME: '/tmp' },
      claim,
      command: shell('echo ran; exit 4'),
    });
    expect(stdout.toString()).toBe('ran\n');
    expect(startedOf(events)).toMatchObject({ lock: 'none' });
    expect(ended?.exit).toEqual({ kind: 'exited', exitCode: 4, ambiguous: false });
    expect(leftBehind).toEqual([]);
    // A fence that can't be left forbids the command that was to run behind it.
    const fenced = await runOnHost({
      launch,
      wrapper: readOnly,
      environmentOfHost: { HOME: '/tmp' },
      claim: { ...claim, fence: true },
      command: shell('echo ran'),
    });
    expect(fenced.events).toEqual([
      { kind: 'ready' },
      { kind: 'refused', code: 'fence-impossible', message: expect.stringMatching(/fence/) as string },
    ]);
  });

  it('a full home takes no claim: the next place does, and the home gets no empty file', async () => {
    const { stdout, events } = await runOnHost({
      launch,
      wrapper: withMounts(
        launch,
        'mount -t tmpfs -o size=64k none /tmp; mount -t tmpfs none /var/tmp; cat /dev/zero >/tmp/full 2>/dev/null || :',
      ),
      environmentOfHost: { HOME: '/tmp' },
      claim: claimOf(newLockKey()),
      command: show,
    });
    expect(stdout.toString()).toMatch(/^\/var\/tmp\/\.pogo-0\/\.pogo-[0-9a-f]{16}-7-.*\n$/);
    expect(startedOf(events)).toMatchObject({ lock: 'held' });
  });

  it('without /proc the command runs without the lock, and that is said', async () => {
    const home = newHome();
    const { ended, events, leftBehind } = await runOnHost({
      launch,
      home,
      rewrite: { from: '/proc/', to: '/no/proc/' },
      claim: claimOf(newLockKey()),
      command: shell('exit 4'),
    });
    expect(startedOf(events)).toMatchObject({ lock: 'none' });
    expect(ended?.exit).toMatchObject({ kind: 'exited', exitCode: 4 });
    expect(leftBehind).toEqual([]);
    expect(readdirSync(home)).toEqual([]);
  });
});

it("what isn't the account's own is neither used nor believed", async () => {
  const root = newDirectory();
  const lockKey = newLockKey();
  writeFileSync(join(root, `.pogo-${lockKey}-fence-99-20000`), '');
  const { events } = await runOnHost({
    // As if each file and directory were somebody else's.
    rewrite: { from: '[ -O ', to: '[ ! -O ' },
    home: root,
    claim: claimOf(lockKey),
  });
  expect(events.find(({ kind }) => kind === 'started')).toMatchObject({ lock: 'none' });
  expect(readdirSync(root)).toHaveLength(1);
});
