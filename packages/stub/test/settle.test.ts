/** The probe: what became of an attempt, asked on a connection of its own. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type StubEvent, encodeTerminate } from '@pogo/stub';
import {
  type HostRun,
  HostRun as Run,
  type HostRunResult,
  argv,
  claimInterpreters,
  claimOf,
  interpreter,
  loginShell,
  loginShells,
  newHome,
  newLockKey,
  runOnHost,
  shell,
  sweep,
} from './host.js';

afterEach(sweep);

const uptime = Number(readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0]);

/** The connection breaks on all sides at the command's first output. */
function cutOnceUp() {
  let done = false;
  return (event: StubEvent, { child }: HostRun) => {
    if (done || event.kind !== 'stdout') return;
    done = true;
    child.stdin.destroy();
    child.stdout.destroy();
    child.stderr.destroy();
  };
}

describe.each(claimInterpreters)('under %s', (name) => {
  const launch = interpreter(name);
  const signalled = ['dash', 'bash', 'busybox', 'ksh93'].includes(name)
    ? { kind: 'signalled', signal: 'SIGTERM' }
    : { kind: 'exited', exitCode: 143, ambiguous: true };

  it('an attempt whose connection was cut has ended its command, and the probe fetches the outcome once', async () => {
    const home = newHome();
    const claim = claimOf(newLockKey());
    const run = new Run({
      launch,
      home,
      claim,
      command: shell('echo up; sleep 1000 & sleep 1000'),
      onEvent: cutOnceUp(),
    });
    await new Promise((resolve) => run.child.on('exit', resolve));
    expect(run.processes()).toEqual([]);
    const ended = {
      kind: 'ended',
      exit: signalled,
      stopCause: 'closed',
      timedOut: false,
      killed: true,
      killConfirmed: true,
      leftovers: false,
    };
    const settled = { kind: 'settled', job: 12, attempt: 1, index: 7, found: 'outcome', ended };
    const unacknowledged = await runOnHost({
      launch,
      home,
      settle: claim,
      acknowledge: false,
      onEvent: (event, { child }) => {
        if (event.kind === 'settled') child.stdin.end();
      },
    });
    expect(unacknowledged.events).toEqual([{ kind: 'ready' }, settled]);
    expect(readdirSync(home)).toHaveLength(1);
    const fetched = await runOnHost({ launch, home, settle: claim });
    expect(fetched.events).toEqual([{ kind: 'ready' }, settled]);
    expect(readdirSync(home)).toEqual([]);
    const again = await runOnHost({ launch, home, settle: claim });
    expect(again.settled).toMatchObject([{ found: 'none' }]);
    expect([unacknowledged, fetched, again].flatMap(({ leftBehind }) => leftBehind)).toEqual([]);
  });

  it('a live attempt is waited for, and its outcome is told', async () => {
    const home = newHome();
    const claim = claimOf(newLockKey());
    let probe: Promise<HostRunResult> | undefined;
    const run = await runOnHost({
      launch,
      home,
      claim,
      command: shell('sleep 0.6; exit 5'),
      acknowledge: false,
      onEvent: (event, { child }) => {
        if (event.kind === 'started') probe = runOnHost({ launch, home, settle: claim });
        if (event.kind === 'ended') child.stdin.end();
      },
    });
    const { settled, ended } = (await probe) ?? {};
    expect(settled).toMatchObject([{ found: 'outcome', ended: run.ended }]);
    expect(run.ended?.exit).toEqual({ kind: 'exited', exitCode: 5, ambiguous: false });
    expect(ended).toBeUndefined();
    expect(readdirSync(home)).toEqual([]);
  });

  it('a live attempt that outlasts the wait is reported as live, and left alone', async () => {
    const home = newHome();
    const claim = claimOf(newLockKey());
    let probe: Promise<HostRunResult> | undefined;
    const run = new Run({
      launch,
      home,
      claim,
      command: argv('sleep', '1000'),
      onEvent: (event) => {
        if (event.kind !== 'started') return;
        probe = runOnHost({ launch, home, settle: { ...claim, waitMs: 300 } });
        void probe.finally(() => run.send(encodeTerminate()));
      },
    });
    const { ended } = await run.result;
    expect((await probe)?.events).toEqual([
      { kind: 'ready' },
      { kind: 'settled', job: 12, attempt: 1, index: 7, found: 'live' },
    ]);
    expect(ended).toMatchObject({ stopCause: 'terminate' });
    expect(readdirSync(home)).toEqual([]);
  });

  it('an attempt that left nothing is reported so, with the uptime of the host', async () => {
    const home = newHome();
    const claim = claimOf(newLockKey());
    // Of another attempt of that job, and of another job.
    await runOnHost({
      launch,
      home,
      claim: { ...claim, index: 3, attempt: 0 },
      acknowledge: false,
      onEvent: (event, { child }) => {
        if (event.kind === 'ended') child.stdin.end();
      },
    });
    const { events, leftBehind } = await runOnHost({ launch, home, settle: claim });
    expect(events).toEqual([
      { kind: 'ready' },
      {
        kind: 'settled',
        job: 12,
        attempt: 1,
        index: 7,
        found: 'none',
        uptimeSeconds: expect.toSatisfy((seconds: number) => seconds >= Math.floor(uptime)) as number,
      },
    ]);
    expect(leftBehind).toEqual([]);
    expect(readdirSync(home)).toHaveLength(1);
  });

  it('with a fence, an attempt that left nothing never runs', async () => {
    const home = newHome();
    const claim = claimOf(newLockKey());
    const { settled } = await runOnHost({ launch, home, settle: { ...claim, fence: true } });
    expect(settled).toMatchObject([{ found: 'none' }]);
    const late = await runOnHost({ launch, home, claim, command: shell('echo ran >"$HOME/ran"') });
    expect(late.events.at(-1)).toEqual({ kind: 'fenced', index: 8 });
    expect(existsSync(join(home, 'ran'))).toBe(false);
    const next = await runOnHost({ launch, home, claim: { ...claim, index: 8 } });
    expect(next.ended?.exit).toMatchObject({ exitCode: 0 });
  });
});

describe.each(loginShells)('with %s as login shell', (name) => {
  it('an outcome is left, and fetched', async () => {
    const home = newHome();
    const claim = claimOf(newLockKey());
    const launch = loginShell(name);
    const run = new Run({ launch, home, claim, command: shell('echo up; sleep 1000'), onEvent: cutOnceUp() });
    await new Promise((resolve) => run.child.on('exit', resolve));
    const { settled } = await runOnHost({ launch, home, settle: claim });
    expect(settled).toMatchObject([{ found: 'outcome', ended: { stopCause: 'closed' } }]);
    expect(readdirSync(home).filter((file) => file.startsWith('.pogo'))).toEqual([]);
  });
});
