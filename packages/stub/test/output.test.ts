/** Output: raw, complete, ended by the end frames, whatever the host and the command do to the streams (S1, F3). */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { argv, interpreter, interpreters, newDirectory, runOnHost, shell, sweep } from './host.js';

afterEach(sweep);

const everyByte = 'process.stdout.write(Buffer.from(Array.from({length: 256}, (_, i) => i)))';

describe.each(interpreters)('under %s', (name) => {
  const launch = interpreter(name);

  it('bytes of every value pass on both streams', async () => {
    const { stdout, stderr } = await runOnHost({
      launch,
      command: argv('node', '-e', `${everyByte};${everyByte.replace('stdout', 'stderr')}`),
    });
    const expected = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    expect(stdout).toEqual(expected);
    expect(stderr).toEqual(expected);
  });

  it('output that looks like a frame is output', async () => {
    const lookalike = `\x1epogo-${'0'.repeat(32)} e 0 0 0 0 \n\x1epogo-\x1e`;
    const { stdout, ended } = await runOnHost({ launch, command: argv('printf', '%s', lookalike) });
    expect(stdout.toString()).toBe(lookalike);
    expect(ended?.exit).toMatchObject({ exitCode: 0 });
  });

  it('a daemon that keeps the streams open does not keep the run open, and lives on', async () => {
    // It writes on as fast as it can, until nobody reads any more. The command ends once the daemon is itself.
    const up = join(newDirectory(), 'up');
    let daemon: string[] = [];
    const { ended, stdout, leftBehind } = await runOnHost({
      launch,
      command: shell(
        `setsid sh -c ': >${up}; while echo daemon; do :; done' & ` +
          `until [ -e ${up} ]; do sleep 0.02; done; echo done; exit 5`,
      ),
      onEvent: (event, run) => {
        if (event.kind !== 'ended') return;
        daemon = run.processes();
        run.child.stdout.destroy();
        run.child.stderr.destroy();
      },
    });
    expect(ended).toMatchObject({ exit: { kind: 'exited', exitCode: 5 }, killed: false });
    expect(stdout.toString()).toMatch(/^done$/m);
    expect(daemon.join('\n')).toMatch(/while echo daemon/);
    expect(leftBehind.filter((line) => !line.includes('echo daemon'))).toEqual([]);
  });

  it("a process that stays in the command's group is reported, and lives on", async () => {
    const { ended, leftBehind } = await runOnHost({
      launch,
      command: shell('sleep 1000 >/dev/null 2>&1 & exit 0'),
    });
    expect(ended).toMatchObject({ killed: false, leftovers: true });
    expect(leftBehind).toEqual([expect.stringMatching(/^\d+ sleep 1000/)]);
  });
});

describe('a flood', () => {
  it('50 MB on stdout and 10 MB on stderr arrive complete', async () => {
    const digests = { stdout: createHash('sha256'), stderr: createHash('sha256') };
    const bytes = { stdout: 0, stderr: 0 };
    const { ended } = await runOnHost({
      command: shell('seq 1 7000000 | head -c 50000000; seq 1 2000000 | head -c 10000000 >&2'),
      keep: false,
      onEvent: (event) => {
        if (event.kind !== 'stdout' && event.kind !== 'stderr') return;
        digests[event.kind].update(event.bytes);
        bytes[event.kind] += event.bytes.length;
      },
    });
    expect(ended?.exit).toMatchObject({ exitCode: 0 });
    expect(bytes).toEqual({ stdout: 50_000_000, stderr: 10_000_000 });
    const expected = (size: number) => {
      const hash = createHash('sha256');
      let written = 0;
      for (let line = 1; written < size; line++) {
        const text = `${line}\n`.slice(0, size - written);
        hash.update(text);
        written += text.length;
      }
      return hash.digest('hex');
    };
    expect(digests.stdout.digest('hex')).toBe(expected(50_000_000));
    expect(digests.stderr.digest('hex')).toBe(expected(10_000_000));
  });
});

describe('the streams of a host', () => {
  it('what start files write before the stub begins is noise, and no output', async () => {
    const { noise, stdout, stderr, ended } = await runOnHost({
      prelude: 'echo "Welcome to web1"; printf "\\036pogo-not a frame" ; echo "stty: not a terminal" >&2\n',
      command: shell('echo out; echo err >&2'),
    });
    expect(noise.stdout.toString()).toBe('Welcome to web1\n\x1epogo-not a frame');
    expect(noise.stderr.toString()).toBe('stty: not a terminal\n');
    expect([stdout.toString(), stderr.toString()]).toEqual(['out\n', 'err\n']);
    expect(ended?.exit).toMatchObject({ exitCode: 0 });
  });

  it('an account without a shell is never ready, and what it says is noise', async () => {
    const { events, protocolError, noise } = await runOnHost({
      launch: {
        name: 'nologin',
        file: '/bin/sh',
        argv0: 'sh',
        arguments: ['-c', 'echo This account is not available.; exit 1'],
      },
      command: argv('true'),
    });
    expect(protocolError?.code).toBe('never-ready');
    expect(noise.stdout.toString()).toBe('This account is not available.\n');
    expect(events.map(({ kind }) => kind)).toEqual(['noise', 'protocol-error']);
  });

  it('a command that leaves its full stdout non-blocking does not keep the end frame from being written', async () => {
    let waiting: NodeJS.Timeout | undefined;
    const { stdout, ended } = await runOnHost({
      command: argv(
        'node',
        '-e',
        // Fills the stream until it stays full, however far the test has read ahead.
        `process.stdout.write('x');
        const nap = new Int32Array(new SharedArrayBuffer(4));
        for (const block of ['x'.repeat(4096), 'x'])
          for (let full = 0; full < 20; ) {
            try { fs.writeSync(1, block); full = 0; } catch (error) {
              if (error.code !== 'EAGAIN') process.exit(5);
              full++;
              Atomics.wait(nap, 0, 0, 20);
            }
          }
        process.kill(process.pid, 'SIGKILL'); // before it can put the stream right`,
      ),
      onEvent: (event, run) => {
        if (event.kind !== 'started') return;
        run.child.stdout.pause();
        waiting = setInterval(() => {
          // The stub found the stream full, and waits a second before it tries again.
          if (!run.processes().some((line) => /^\d+ sleep 1 /.test(line))) return;
          clearInterval(waiting);
          run.child.stdout.resume();
        }, 20);
      },
    });
    expect(stdout.toString()).toMatch(/^x{1000,}$/);
    expect(ended?.exit).toEqual({ kind: 'signalled', signal: 'SIGKILL' });
  });
});
