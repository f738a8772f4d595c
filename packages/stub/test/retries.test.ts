/** Further tries of what failed by itself. */
import { readdirSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeTerminate, longestStepMs } from '@pogo/stub';
import { claimOf, interpreter, interpreters, newHome, newLockKey, runOnHost, shell, sweep } from './host.js';

afterAll(sweep);

describe.concurrent.each(interpreters)('under %s', (name) => {
  const launch = interpreter(name);

  it('a command is tried again 5 s later, up to the number of retries, and its output goes on', async () => {
    const home = newHome();
    const { stdout, ended, events, leftBehind } = await runOnHost({
      launch,
      home,
      claim: claimOf(newLockKey()),
      retries: 2,
      command: shell('date +%s; echo "try $POGO_TRY"; [ $POGO_TRY = 3 ] && kill -9 $$; exit 7'),
    });
    const lines = stdout.toString().trim().split('\n');
    expect(lines.filter((line) => line.startsWith('try'))).toEqual(['try 1', 'try 2', 'try 3']);
    const seconds = lines.filter((line) => /^\d+$/.test(line)).map(Number);
    for (const [index, second] of seconds.entries()) {
      if (index > 0) expect(second - (seconds[index - 1] ?? 0)).toBeGreaterThanOrEqual(5);
    }
    expect(events.filter(({ kind }) => kind === 'started')).toHaveLength(1);
    const telling = ['dash', 'bash', 'busybox', 'ksh93'].includes(name);
    expect(ended?.exit).toEqual(
      telling ? { kind: 'signalled', signal: 'SIGKILL' } : { kind: 'exited', exitCode: 137, ambiguous: true },
    );
    expect(leftBehind).toEqual([]);
    expect(readdirSync(home)).toEqual([]);
  });

  it('a try that succeeds is the last, without a claim too', async () => {
    const { stdout, ended, leftBehind } = await runOnHost({
      launch,
      retries: 5,
      command: shell('echo "try $POGO_TRY"; [ $POGO_TRY = 2 ]'),
    });
    expect(stdout.toString()).toBe('try 1\ntry 2\n');
    expect(ended?.exit).toEqual({ kind: 'exited', exitCode: 0, ambiguous: false });
    expect(leftBehind).toEqual([]);
  });

  it('a try that ends before its actor can hear is followed by another all the same', async () => {
    const { stdout, ended } = await runOnHost({
      launch,
      home: newHome(),
      claim: claimOf(newLockKey()),
      retries: 1,
      // The actor begins to listen late.
      rewrite: { from: /(?=trap '\w+=3 \w+=1' USR1)/g, to: 'sleep 0.3\n' },
      command: shell('echo "try $POGO_TRY"; [ $POGO_TRY = 2 ]'),
    });
    expect(stdout.toString()).toBe('try 1\ntry 2\n');
    expect(ended?.exit).toMatchObject({ kind: 'exited', exitCode: 0 });
  });

  it.each([126, 127])('status %i is not tried again', async (status) => {
    const { stdout, ended } = await runOnHost({
      launch,
      retries: 1,
      command: shell(`echo tried; exit ${status}`),
    });
    expect(stdout.toString()).toBe('tried\n');
    expect(ended?.exit).toMatchObject({ exitCode: status });
  });

  it('a command that timed out or was ended is not tried again', async () => {
    const timedOut = await runOnHost({
      launch,
      retries: 1,
      timeoutMs: 400,
      command: shell('echo tried; sleep 1000'),
    });
    expect(timedOut.stdout.toString()).toBe('tried\n');
    expect(timedOut.ended).toMatchObject({ timedOut: true, killConfirmed: true });
    const ended = await runOnHost({
      launch,
      retries: 1,
      command: shell('echo tried; sleep 1000'),
      onEvent: (event, run) => {
        if (event.kind === 'stdout') run.send(encodeTerminate());
      },
    });
    expect(ended.stdout.toString()).toBe('tried\n');
    expect(ended.ended).toMatchObject({ stopCause: 'terminate', killConfirmed: true });
    expect([...timedOut.leftBehind, ...ended.leftBehind]).toEqual([]);
  });

  it('one that is ended between two tries reports the try before', async () => {
    const home = newHome();
    const { stdout, ended, leftBehind } = await runOnHost({
      launch,
      home,
      claim: claimOf(newLockKey()),
      retries: 1,
      command: shell('echo tried; exit 7'),
      onEvent: (event, run) => {
        if (event.kind !== 'stdout') return;
        const waiting = setInterval(() => {
          // Main shell, listener, reader, the sleep between the tries: the command has gone.
          if (run.processes().length !== 4 || run.processes().some((line) => / echo tried/.test(line)))
            return;
          clearInterval(waiting);
          run.send(encodeTerminate());
        }, 20);
      },
    });
    expect(stdout.toString()).toBe('tried\n');
    expect(ended).toMatchObject({
      exit: { kind: 'exited', exitCode: 7 },
      stopCause: 'terminate',
      killConfirmed: true,
      leftovers: false,
    });
    expect(leftBehind).toEqual([]);
    expect(readdirSync(home)).toEqual([]);
  });
});

it('from one try to the next it takes the whole time of a try, and the longest pause', () => {
  expect(longestStepMs({ timeoutMs: 1000 })).toBe(6000);
  expect(longestStepMs({ timeoutMs: 1000, killGraceMs: 0, retries: 2 })).toBe(6000);
  const health = { script: 'true', retries: 1, intervalMs: 8000 };
  expect(longestStepMs({ timeoutMs: 1000, killGraceMs: 0, steps: { health } })).toBe(9000);
});
