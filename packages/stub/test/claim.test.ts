/** The claim of a run (C1 to C5): what is on the host during it and after it, and that one command at a time runs under a key. */
import { existsSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type StubEvent, encodeAcknowledge, encodeTerminate } from '@pogo/stub';
import {
  type HostRun,
  HostRun as Run,
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
} from './host.js';

afterEach(sweep);

function startedWith(events: readonly StubEvent[]) {
  return events.find((event) => event.kind === 'started');
}

function once(kind: StubEvent['kind'], act: (run: HostRun) => void) {
  let done = false;
  return (event: StubEvent, run: HostRun) => {
    if (done || event.kind !== kind) return;
    done = true;
    act(run);
  };
}

describe.each(claimInterpreters)('under %s', (name) => {
  const launch = interpreter(name);

  it('a run holds the lock by one private file, and leaves none once its end is acknowledged', async () => {
    const home = newHome();
    const lockKey = newLockKey();
    const { stdout, ended, events, leftBehind } = await runOnHost({
      launch,
      home,
      claim: claimOf(lockKey),
      command: shell('stat -c "%a %n" "$HOME"/.pogo-*; cat "$HOME"/.pogo-*; umask; exit 3'),
      prelude: `${launch.prelude ?? ''}umask 027\n`,
    });
    expect(stdout.toString()).toMatch(
      new RegExp(
        `^600 .*/\\.pogo-${lockKey}-7-\\d+-\\d+-[0-9a-f]{8}\n12 1 ${Date.UTC(2026, 6, 1) / 86_400_000}\nc \\d+ \\d+\n0*27\n$`,
      ),
    );
    expect(startedWith(events)).toMatchObject({ lock: 'held' });
    expect(ended?.exit).toEqual({ kind: 'exited', exitCode: 3, ambiguous: false });
    expect(readdirSync(home)).toEqual([]);
    expect(leftBehind).toEqual([]);
  });

  it('without an acknowledgement the outcome stays, and the next run reports it and removes it', async () => {
    const home = newHome();
    const lockKey = newLockKey();
    const first = await runOnHost({
      launch,
      home,
      claim: claimOf(lockKey),
      command: shell('kill -9 $$'),
      acknowledge: false,
      onEvent: once('ended', (run) => run.child.stdin.end()),
    });
    const [record = 'none', ...more] = readdirSync(home);
    expect(more).toEqual([]);
    expect(statSync(join(home, record)).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, record)).size).toBeLessThan(200);
    // An earlier attempt takes no notice of it; a later one does.
    const earlier = await runOnHost({
      launch,
      home,
      claim: claimOf(lockKey, { index: 6, attempt: 0 }),
    });
    expect(earlier.settled).toEqual([]);
    const { settled, ended, events } = await runOnHost({
      launch,
      home,
      claim: claimOf(lockKey, { index: 9, job: 13 }),
    });
    expect(settled).toEqual([
      { kind: 'settled', index: 7, job: 12, attempt: 1, found: 'outcome', ended: first.ended },
    ]);
    expect(events.slice(0, 3).map(({ kind }) => kind)).toEqual(['ready', 'settled', 'started']);
    expect(ended?.exit).toMatchObject({ exitCode: 0 });
    expect(readdirSync(home)).toEqual([]);
  });

  it('exit 137 and SIGKILL are told apart by the record as by the end', async () => {
    const home = newHome();
    const claim = claimOf(newLockKey());
    const exits = [];
    for (const [script, index] of [
      ['exit 137', 1],
      ['kill -9 $$', 2],
    ] as const) {
      const { ended } = await runOnHost({
        launch,
        home,
        claim: { ...claim, index, job: index },
        command: shell(script),
        acknowledge: false,
        onEvent: once('ended', (run) => run.child.stdin.end()),
      });
      const { settled } = await runOnHost({ launch, home, settle: { ...claim, index, job: index } });
      expect(settled).toMatchObject([{ found: 'outcome', ended }]);
      exits.push(ended?.exit);
    }
    if (['dash', 'bash', 'busybox', 'ksh93'].includes(name)) {
      expect(exits[0]).toMatchObject({ kind: 'exited', exitCode: 137 });
      expect(exits[1]).toEqual({ kind: 'signalled', signal: 'SIGKILL' });
    } else {
      // These tell them apart nowhere, and say so.
      expect(exits).toEqual([0, 1].map(() => ({ kind: 'exited', exitCode: 137, ambiguous: true })));
    }
    expect(readdirSync(home)).toEqual([]);
  });

  it('an acknowledgement before the end is taken for none', async () => {
    const home = newHome();
    const { ended } = await runOnHost({
      launch,
      home,
      claim: claimOf(newLockKey()),
      command: shell('echo up; sleep 0.3'),
      acknowledge: false,
      onEvent: (event, run) => {
        if (event.kind === 'stdout') run.send(encodeAcknowledge());
        if (event.kind === 'ended') run.child.stdin.end();
      },
    });
    expect(ended).toMatchObject({ killed: false, exit: { kind: 'exited', exitCode: 0 } });
    expect(readdirSync(home)).toHaveLength(1);
  });

  it('a run waits while another lives under its key, but for no other key', async () => {
    const home = newHome();
    const lockKey = newLockKey();
    const log = join(home, 'log');
    const work = (word: string) =>
      shell(`echo ${word} in >>"$HOME/log"; sleep 0.4; echo ${word} out >>"$HOME/log"`);
    let second: Promise<unknown> | undefined;
    let stranger: ReturnType<typeof runOnHost> | undefined;
    await runOnHost({
      launch,
      home,
      claim: claimOf(lockKey),
      command: work('first'),
      onEvent: once('started', () => {
        second = runOnHost({ launch, home, claim: claimOf(lockKey, { index: 8 }), command: work('second') });
        stranger = runOnHost({ launch, home, claim: claimOf(newLockKey()) });
      }),
    });
    await second;
    expect((await stranger)?.settled).toEqual([]);
    expect(readFileSync(log, 'utf8')).toBe('first in\nfirst out\nsecond in\nsecond out\n');
    expect(readdirSync(home)).toEqual(['log']);
  });

  it('one that waits in vain says who holds the lock, has run nothing, and leaves nothing', async () => {
    const home = newHome();
    const lockKey = newLockKey();
    const waits: ReturnType<typeof runOnHost>[] = [];
    const waiting = (waitMs: number, onEvent?: (event: StubEvent, run: HostRun) => void) =>
      runOnHost({
        launch,
        home,
        claim: claimOf(lockKey, { index: 8, waitMs }),
        command: shell('echo ran >"$HOME/ran"'),
        ...(onEvent && { onEvent }),
      });
    const holder = new Run({
      launch,
      home,
      claim: claimOf(lockKey),
      command: argv('sleep', '1000'),
      onEvent: once('started', () => {
        waits.push(
          waiting(300),
          waiting(0),
          waiting(
            60_000,
            once('ready', (run) => run.send(encodeTerminate())),
          ),
          waiting(
            60_000,
            once('ready', (run) => run.child.stdin.end()),
          ),
        );
        void Promise.all(waits).finally(() => holder.send(encodeTerminate()));
      }),
    });
    const { ended } = await holder.result;
    expect(ended).toMatchObject({ stopCause: 'terminate', killConfirmed: true });
    const results = await Promise.all(waits);
    expect(results.map(({ events }) => events.at(-1))).toEqual(
      [{}, {}, { stopCause: 'terminate' }, { stopCause: 'closed' }].map((cause) => ({
        kind: 'busy',
        holder: { index: 7, pid: holder.child.pid, job: 12, attempt: 1 },
        ...cause,
      })),
    );
    expect(results.flatMap(({ leftBehind }) => leftBehind)).toEqual([]);
    expect(existsSync(join(home, 'ran'))).toBe(false);
    expect(readdirSync(home)).toEqual([]);
  });

  it('a command that leaves a daemon behind ends when it ends, and its claim with it', async () => {
    const home = newHome();
    const lockKey = newLockKey();
    const { ended } = await runOnHost({
      launch,
      home,
      claim: claimOf(lockKey),
      command: shell('sleep 1000 >/dev/null 2>&1 &'),
    });
    expect(ended).toMatchObject({ exit: { exitCode: 0 }, leftovers: true });
    expect(readdirSync(home)).toEqual([]);
    const next = await runOnHost({ launch, home, claim: claimOf(lockKey, { index: 8, waitMs: 0 }) });
    expect(next.ended?.exit).toMatchObject({ exitCode: 0 });
  });

  it('a fence lets no lower index run, however late, and goes after 31 days', async () => {
    const home = newHome();
    const lockKey = newLockKey();
    const fencing = await runOnHost({
      launch,
      home,
      claim: claimOf(lockKey, { index: 9, fence: true }),
    });
    expect(fencing.ended?.exit).toMatchObject({ exitCode: 0 });
    expect(readdirSync(home)).toEqual([expect.stringMatching(/^\.pogo-[0-9a-f]{16}-fence-9-\d+$/)]);
    const low = await runOnHost({
      launch,
      home,
      claim: claimOf(lockKey, { index: 8 }),
      command: shell('echo ran >"$HOME/ran"'),
    });
    expect(low.events).toEqual([{ kind: 'ready' }, { kind: 'fenced', index: 9 }]);
    expect(existsSync(join(home, 'ran'))).toBe(false);
    const same = await runOnHost({ launch, home, claim: claimOf(lockKey, { index: 9 }) });
    expect(same.ended?.exit).toMatchObject({ exitCode: 0 });
    // A higher fence takes the lower one's place.
    await runOnHost({ launch, home, claim: claimOf(lockKey, { index: 11, fence: true }) });
    expect(readdirSync(home)).toEqual([expect.stringMatching(/-fence-11-/)]);
    const later = await runOnHost({
      launch,
      home,
      claim: claimOf(lockKey, { index: 12, nowMs: Date.UTC(2026, 7, 2) }),
    });
    expect(later.ended?.exit).toMatchObject({ exitCode: 0 });
    expect(readdirSync(home)).toEqual([]);
  });

  it('a record is removed after 31 days by whoever sees it', async () => {
    const home = newHome();
    const lockKey = newLockKey();
    const day = Date.UTC(2026, 6, 1) / 86_400_000;
    writeFileSync(
      join(home, `.pogo-${lockKey}-99-4000-1-abcdef01`),
      `3 1 ${day - 31}\nc 4001 2\ne 0 0 0 1 \n`,
    );
    writeFileSync(
      join(home, `.pogo-${lockKey}-98-4000-1-abcdef01`),
      `3 1 ${day - 32}\nc 4001 2\ne 0 0 0 1 \n`,
    );
    await runOnHost({ launch, home, claim: claimOf(lockKey) });
    expect(readdirSync(home)).toEqual([expect.stringMatching(/-99-/)]);
  });
});

it('bash before 5.1, whose here-documents are files, holds the lock all the same', async () => {
  const home = newHome();
  const { ended, events, leftBehind } = await runOnHost({
    launch: interpreter('bash'),
    prelude: 'BASH_VERSION=4.4.20\n',
    home,
    claim: claimOf(newLockKey()),
    command: shell('kill -9 $$'),
  });
  expect(startedWith(events)).toMatchObject({ lock: 'held' });
  expect(ended?.exit).toEqual({ kind: 'signalled', signal: 'SIGKILL' });
  expect(leftBehind).toEqual([]);
  expect(readdirSync(home)).toEqual([]);
});

it('a host with BusyBox alone has all that a claim, a script, a retry and a kill need', async () => {
  const home = newHome();
  const path = newDirectory();
  for (const tool of ['sh', 'head', 'wc', 'rm', 'rmdir', 'mkdir', 'chmod', 'sleep', 'setsid', 'cat']) {
    symlinkSync(program('busybox'), join(path, tool));
  }
  const bytes = Buffer.from(`#!${path}/sh\necho "try $POGO_TRY"; [ $POGO_TRY = 2 ] || exit 1; sleep 1000\n`);
  const { stdout, ended, leftBehind } = await runOnHost({
    launch: interpreter('busybox'),
    home,
    environmentOfHost: { PATH: path },
    claim: claimOf(newLockKey()),
    command: { kind: 'script', name: 'twice', bytes: bytes.length, args: [] },
    upload: [bytes],
    retries: 1,
    onEvent: (event, run) => {
      if (event.kind === 'stdout' && Buffer.from(event.bytes).toString() === 'try 2\n') {
        run.send(encodeTerminate());
      }
    },
  });
  expect(stdout.toString()).toBe('try 1\ntry 2\n');
  expect(ended).toMatchObject({ stopCause: 'terminate', killConfirmed: true });
  expect(leftBehind).toEqual([]);
  expect(readdirSync(home)).toEqual([]);
});
