/** Every way in which the stub ends the command: nothing of the session lives afterwards, and nothing of ours (S3, S4, S5). */
import { afterAll, describe, expect, it } from 'vitest';
import { encodeHeartbeat, encodeKill, encodeTerminate } from '@pogo/stub';
import {
  type HostRun,
  HostRun as Run,
  argv,
  interpreter,
  interpreters,
  runOnHost,
  shell,
  sweep,
  tellingInterpreters,
} from './host.js';

afterAll(sweep);

/** Says "up" once it takes no notice of TERM, and stays. */
const stubborn = shell("trap '' TERM; echo up; while :; do sleep 1000; done");
/** Says "up" and would stay. */
const willing = shell('echo up; sleep 1000; sleep 1000');

/** Does `act` at the command's first output. */
function onceUp(act: (run: HostRun) => void) {
  let done = false;
  return (event: { kind: string }, run: HostRun) => {
    if (done || event.kind !== 'stdout') return;
    done = true;
    act(run);
  };
}

describe.concurrent.each(interpreters)('under %s', (name) => {
  const launch = interpreter(name);
  const telling = tellingInterpreters.includes(name);
  const signalled = (signal: 'SIGTERM' | 'SIGKILL') =>
    telling
      ? { kind: 'signalled', signal }
      : { kind: 'exited', exitCode: signal === 'SIGTERM' ? 143 : 137, ambiguous: true };

  it('a timeout ends a command that heeds TERM by TERM', async () => {
    const { ended, leftBehind, stdout } = await runOnHost({ launch, command: willing, timeoutMs: 500 });
    expect(stdout.toString()).toBe('up\n');
    expect(ended).toEqual({
      kind: 'ended',
      exit: signalled('SIGTERM'),
      stopCause: 'timeout',
      timedOut: true,
      killed: true,
      killConfirmed: true,
      leftovers: false,
    });
    expect(leftBehind).toEqual([]);
  });

  it('a timeout ends a command that ignores TERM by KILL', async () => {
    const { ended, leftBehind } = await runOnHost({
      launch,
      command: stubborn,
      timeoutMs: 500,
      killGraceMs: 200,
    });
    expect(ended).toMatchObject({ exit: signalled('SIGKILL'), timedOut: true, killConfirmed: true });
    expect(leftBehind).toEqual([]);
  });

  it('a timeout reaches processes in groups of their own, stopped ones and such that ignore TERM, after their leader has gone', async () => {
    const { ended, leftBehind, stdout } = await runOnHost({
      launch,
      command: argv(
        'bash',
        '-c',
        `set -m
        sleep 1001 &
        (trap '' TERM; echo deaf; exec sleep 1002) &
        sleep 1003 & kill -STOP $!
        (exec -a 'odd) S 1 1 1 (name' sleep 1004) &
        wait`,
      ),
      timeoutMs: 700,
      killGraceMs: 300,
    });
    expect(stdout.toString()).toBe('deaf\n');
    expect(ended).toMatchObject({ timedOut: true, killConfirmed: true, leftovers: false });
    expect(leftBehind).toEqual([]);
  });

  it('terminate is TERM, then KILL', async () => {
    const heeded = await runOnHost({
      launch,
      command: willing,
      onEvent: onceUp((run) => run.send(encodeTerminate())),
    });
    expect(heeded.ended).toMatchObject({
      exit: signalled('SIGTERM'),
      stopCause: 'terminate',
      timedOut: false,
      killed: true,
      killConfirmed: true,
    });
    const ignored = await runOnHost({
      launch,
      command: stubborn,
      killGraceMs: 300,
      onEvent: onceUp((run) => run.send(encodeTerminate())),
    });
    expect(ignored.ended).toMatchObject({
      exit: signalled('SIGKILL'),
      stopCause: 'terminate',
      killConfirmed: true,
    });
    expect([...heeded.leftBehind, ...ignored.leftBehind]).toEqual([]);
  });

  it('a command may end by itself on TERM, and its status counts', async () => {
    const { ended, stdout } = await runOnHost({
      launch,
      command: shell("trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.05; done"),
      onEvent: onceUp((run) => run.send(encodeTerminate())),
    });
    expect(stdout.toString()).toBe('up\nbye\n');
    expect(ended).toMatchObject({
      exit: { kind: 'exited', exitCode: 9 },
      stopCause: 'terminate',
      killConfirmed: true,
    });
  });

  it('kill is KILL at once, also when terminate came before it', async () => {
    const { ended, leftBehind } = await runOnHost({
      launch,
      command: stubborn,
      killGraceMs: 2_000_000,
      onEvent: onceUp((run) => {
        run.send(encodeTerminate());
        run.send(encodeKill());
      }),
    });
    expect(ended).toMatchObject({ exit: signalled('SIGKILL'), killed: true, killConfirmed: true });
    expect(leftBehind).toEqual([]);
  });

  it('the end of stdin ends the command', async () => {
    const { ended, leftBehind } = await runOnHost({
      launch,
      command: stubborn,
      killGraceMs: 2_000_000,
      onEvent: onceUp((run) => run.child.stdin.end()),
    });
    expect(ended).toMatchObject({ exit: signalled('SIGKILL'), stopCause: 'closed', killConfirmed: true });
    expect(leftBehind).toEqual([]);
  });

  it('a connection that closes on both sides leaves nothing', async () => {
    const run = new Run({
      launch,
      command: stubborn,
      onEvent: onceUp(({ child }) => {
        child.stdin.destroy();
        child.stdout.destroy();
        child.stderr.destroy();
      }),
    });
    await new Promise((resolve) => run.child.on('exit', resolve));
    expect(run.processes()).toEqual([]);
  });

  it('silence ends the command, and heartbeats keep it', async () => {
    const silent = await runOnHost({ launch, command: willing, silenceMs: 600 });
    expect(silent.ended).toMatchObject({ stopCause: 'silence', killed: true, killConfirmed: true });
    expect(silent.leftBehind).toEqual([]);
    // The command itself asks for heartbeats, for longer than the silence limit, and then ends.
    const kept = await runOnHost({
      launch,
      command: shell('i=0; while [ $i -lt 16 ]; do echo beat; sleep 0.2; i=$((i+1)); done'),
      silenceMs: 2400,
      onEvent: (event, run) => {
        if (event.kind === 'stdout') run.send(encodeHeartbeat());
      },
    });
    expect(kept.ended).toMatchObject({ exit: { kind: 'exited', exitCode: 0 }, killed: false });
    expect(kept.leftBehind).toEqual([]);
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGKILL'] as const)('%s to the stub ends the command', async (signal) => {
    let waiting: NodeJS.Timeout | undefined;
    const { ended, leftBehind, events } = await runOnHost({
      launch,
      command: stubborn,
      onEvent: onceUp((run) => {
        waiting = setInterval(() => {
          // The command is watched: main shell, actor, reader, the actor's sleep, the command, its sleep.
          if (run.processes().length < 6) return;
          clearInterval(waiting);
          run.child.kill(signal);
        }, 20);
      }),
    });
    clearInterval(waiting);
    expect(events.map(({ kind }) => kind)).toContain('started');
    expect(ended).toMatchObject({ exit: { kind: 'unknown' }, killed: true, killConfirmed: true });
    expect(leftBehind).toEqual([]);
  });
});

it('in plain mode, a channel that closes before the command is watched leaves nothing', async () => {
  const run = new Run({
    launch: interpreter('plain'),
    command: stubborn,
    // Between the start of the command and the word that it was started.
    rewrite: { from: /(_\w=\$!\n)(\w\n\w&)/g, to: '$1sleep 0.5\n$2' },
    onEvent: onceUp(({ child }) => {
      child.stdin.destroy();
      child.stdout.destroy();
      child.stderr.destroy();
    }),
  });
  await new Promise((resolve) => run.child.on('exit', resolve));
  expect(run.processes()).toEqual([]);
});
