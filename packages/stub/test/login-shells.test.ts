/** The command line means the same to every login shell, and the stub takes the shell's place. */
import { afterEach, describe, expect, it } from 'vitest';
import { argv, loginShell, loginShells, runOnHost, shell, sweep } from './host.js';

afterEach(sweep);

describe.each(loginShells)('with %s as login shell', (name) => {
  const launch = loginShell(name);

  it('arguments arrive byte for byte', async () => {
    const every = Uint8Array.from({ length: 255 }, (_, index) => index + 1);
    const words = [every, '', "it's", 'two\nlines\n\n', '$HOME ~ * `id` ; && | > <', '!history', '猫'];
    const { stdout, ended, leftBehind } = await runOnHost({
      launch,
      command: argv('printf', '%s\\0', ...words),
    });
    expect(stdout).toEqual(Buffer.concat(words.flatMap((word) => [Buffer.from(word), Buffer.of(0)])));
    expect(ended?.exit).toEqual({ kind: 'exited', exitCode: 0, ambiguous: false });
    expect(leftBehind).toEqual([]);
  });

  it('a shell string, its status and its streams arrive', async () => {
    const { stdout, stderr, ended, leftBehind } = await runOnHost({
      launch,
      command: shell('echo "$POGO_HOST"; echo err >&2; exit 42'),
      environment: { POGO_HOST: 'web1' },
    });
    expect([stdout.toString(), stderr.toString()]).toEqual(['web1\n', 'err\n']);
    expect(ended?.exit).toEqual({ kind: 'exited', exitCode: 42, ambiguous: false });
    expect(leftBehind).toEqual([]);
  });

  it('a timeout leaves nothing', async () => {
    const { ended, leftBehind } = await runOnHost({
      launch,
      command: shell('sleep 1000 & sleep 1000'),
      timeoutMs: 400,
    });
    expect(ended).toMatchObject({
      timedOut: true,
      killConfirmed: true,
      exit: { kind: 'signalled', signal: 'SIGTERM' },
    });
    expect(leftBehind).toEqual([]);
  });

  it('a closed connection leaves nothing', async () => {
    const { ended, leftBehind } = await runOnHost({
      launch,
      command: argv('sleep', '1000'),
      onEvent: (event, run) => {
        if (event.kind === 'started') run.child.stdin.end();
      },
    });
    expect(ended).toMatchObject({ stopCause: 'closed', killConfirmed: true });
    expect(leftBehind).toEqual([]);
  });
});
