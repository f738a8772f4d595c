/** What every interpreter of the stub owes: arguments, environment, statuses, signals, and nothing left (S2, S3). */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  argv,
  interpreter,
  interpreters,
  program,
  runOnHost,
  shell,
  sweep,
  tellingInterpreters,
} from './host.js';

afterEach(sweep);

const anyArgument = fc
  .array(
    fc.oneof(
      fc.constantFrom(...Buffer.from(' \'"$\\`;&|\n\t*?~#(){}[]<>!=-@\x01\x7f\x1e')),
      fc.integer({ min: 1, max: 255 }),
    ),
  )
  .map((bytes) => Uint8Array.from(bytes));

describe.each(interpreters)('under %s', (name) => {
  const launch = interpreter(name);

  it('arguments arrive byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyArgument, { minLength: 1, maxLength: 8 }), async (words) => {
        const { stdout, ended, leftBehind } = await runOnHost({
          launch,
          command: argv(program('printf'), '%s\\0', ...words),
        });
        expect(stdout).toEqual(Buffer.concat(words.flatMap((word) => [word, Uint8Array.of(0)])));
        expect(ended?.exit).toEqual({ kind: 'exited', exitCode: 0, ambiguous: false });
        expect(leftBehind).toEqual([]);
      }),
      { numRuns: name === 'dash' ? 60 : 15 },
    );
  });

  it('every byte but NUL survives, next to every other kind of quoting', async () => {
    const every = Uint8Array.from({ length: 255 }, (_, index) => index + 1);
    const words = [
      every,
      '',
      "it's",
      'ends in line feeds\n\n\n',
      '\\n',
      '$(id)',
      '`id`',
      '; id',
      'ünïcödé 猫',
      '-n',
      '--',
    ];
    const { stdout } = await runOnHost({ launch, command: argv(program('printf'), '%s\\0', ...words) });
    expect(stdout).toEqual(Buffer.concat(words.flatMap((word) => [Buffer.from(word), Buffer.of(0)])));
  });

  it('five thousand arguments arrive', async () => {
    const words = Array.from({ length: 5000 }, (_, index) => `word ${index}`);
    const { stdout } = await runOnHost({ launch, command: argv(program('printf'), '%s\\0', ...words) });
    expect(stdout.toString()).toBe(words.map((word) => `${word}\0`).join(''));
  });

  it('arguments of 400 KB in all arrive, and one that no kernel takes is refused by the host with a reason', async () => {
    const words = Array.from({ length: 4 }, (_, index) => String(index).repeat(100_000));
    const large = await runOnHost({ launch, command: argv(program('printf'), '%s\\0', ...words) });
    expect(large.stdout.equals(Buffer.from(words.map((word) => `${word}\0`).join('')))).toBe(true);
    const tooLarge = await runOnHost({ launch, command: argv('true', 'x'.repeat(200_000)) });
    expect(tooLarge.stderr.toString()).toMatch(/argument list too long/i);
    expect(tooLarge.ended?.exit).toMatchObject({
      kind: 'exited',
      exitCode: expect.toBeOneOf([126, 127]) as number,
    });
  });

  it('a shell string is read by /bin/sh', async () => {
    const { stdout, stderr, ended } = await runOnHost({
      launch,
      command: shell('for i in 1 2; do echo "out $i"; done; echo \'err\' >&2\nexit 3'),
    });
    expect(stdout.toString()).toBe('out 1\nout 2\n');
    expect(stderr.toString()).toBe('err\n');
    expect(ended?.exit).toEqual({ kind: 'exited', exitCode: 3, ambiguous: false });
  });

  it('when the main shell has exited, nothing of ours is left, with stdin still open (S3)', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pogo-stub-left-'));
    const list = join(directory, 'list');
    const { argv0, file, arguments: arguments_, prelude } = launch;
    try {
      const outer = `(exec -a ${argv0} ${file} ${arguments_.join(' ')})
        grep -l "POGO_TEST_RUN=$POGO_TEST_RUN" /proc/[0-9]*/environ 2>/dev/null | while IFS=/ read -r _ _ pid _; do
          tr '\\0' ' ' </proc/$pid/cmdline; echo
        done >${list}`;
      const { ended } = await runOnHost({
        launch: {
          name,
          file: program('bash'),
          argv0: 'outer',
          arguments: ['-c', outer],
          ...(prelude && { prelude }),
        },
        // Long enough for the stub to have started all that it starts.
        command: argv('sleep', '0.3'),
      });
      expect(ended?.exit).toMatchObject({ exitCode: 0 });
      const left = readFileSync(list, 'utf8').split('\n');
      expect(left).toContainEqual(expect.stringMatching(/^outer /));
      expect(left.filter((line) => /^(sleep|.*\bsh -s )/.test(line))).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('the environment arrives, next to that of the account, and nothing of ours with it', async () => {
    const odd = 'a\'b "c" $d\n\\e`f`\n';
    const { stdout } = await runOnHost({
      launch,
      command: argv(program('env'), '-0'),
      environment: { POGO_JOB_ID: 'p12', POGO_HOST: 'web1.east', POGO_ATTEMPT: '1', POGO_USER: odd },
      environmentOfHost: { ACCOUNT_VARIABLE: 'kept' },
    });
    const lines = stdout.toString().split('\0');
    expect(lines).toEqual(
      expect.arrayContaining([
        'POGO_JOB_ID=p12',
        'POGO_HOST=web1.east',
        'POGO_ATTEMPT=1',
        `POGO_USER=${odd}`,
        'ACCOUNT_VARIABLE=kept',
      ]),
    );
    const ours = lines.filter((line) => /^_[a-zA-Z0-9]{1,2}=/.test(line));
    expect(ours).toEqual([]);
  });

  it('the command has /dev/null as stdin, its two streams, and no other descriptor of ours', async () => {
    const { stdout } = await runOnHost({
      launch,
      command: argv(
        'node',
        '-e',
        'for (const fd of fs.readdirSync("/proc/self/fd")) { try { console.log(fd, fs.readlinkSync("/proc/self/fd/" + fd)) } catch {} }',
      ),
    });
    const inherited = await runOnHost({
      launch,
      command: shell('for fd in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && echo $fd; done'),
    });
    expect(stdout.toString()).toMatch(/^0 \/dev\/null$/m);
    expect(inherited.stdout.toString()).toBe('0\n1\n2\n');
  });

  it('the command ignores no signal that it would not ignore under ssh (S2); in plain mode INT and QUIT', async () => {
    const { stdout } = await runOnHost({ launch, command: argv('grep', 'SigIgn', '/proc/self/status') });
    const ignored = BigInt(`0x${stdout.toString().trim().split(/\s+/)[1] ?? ''}`);
    const interruptAndQuit = 0b110n;
    expect(ignored & interruptAndQuit).toBe(
      ['dash', 'bash', 'busybox'].includes(name) ? 0n : interruptAndQuit,
    );
  });

  it.each([0, 1, 2, 100, 126, 127, 128, 254, 255])('exit status %i is reported', async (status) => {
    const { ended } = await runOnHost({ launch, command: shell(`exit ${status}`) });
    expect(ended?.exit).toEqual({ kind: 'exited', exitCode: status, ambiguous: false });
    expect(ended).toMatchObject({ killed: false, timedOut: false, killConfirmed: false, leftovers: false });
  });

  it('a program that does not exist is 127, one that may not be executed is 126', async () => {
    const missing = await runOnHost({ launch, command: argv('no-such-program') });
    expect(missing.ended?.exit).toMatchObject({ exitCode: 127 });
    expect(missing.stderr.toString()).toMatch(/no-such-program/);
    const forbidden = await runOnHost({ launch, command: argv('/etc/passwd') });
    expect(forbidden.ended?.exit).toMatchObject({ exitCode: 126 });
    const empty = await runOnHost({ launch, command: argv('') });
    expect(empty.ended?.exit).toMatchObject({ exitCode: 127 });
    const dashed = await runOnHost({ launch, command: argv('--help') });
    expect(dashed.ended?.exit).toMatchObject({ exitCode: 127 });
  });

  it.each(['KILL', 'TERM', 'SEGV', 'HUP', 'ABRT', 'INT', 'PIPE'])(
    'death by %s is not lost',
    async (signal) => {
      const { ended } = await runOnHost({ launch, command: shell(`kill -s ${signal} $$`) });
      const number = { KILL: 9, TERM: 15, SEGV: 11, HUP: 1, ABRT: 6, INT: 2, PIPE: 13 }[signal]!;
      if (!tellingInterpreters.includes(name)) {
        // Started with `&`, the command ignores INT (S2, plain mode).
        const exitCode = signal === 'INT' ? 0 : 128 + number;
        expect(ended?.exit).toEqual({ kind: 'exited', exitCode, ambiguous: exitCode > 0 });
      } else if (name === 'ksh93' && signal === 'INT') {
        expect(ended?.exit).toMatchObject({ kind: 'exited', exitCode: 0 });
      } else if (name !== 'ksh93' && (signal === 'INT' || signal === 'PIPE')) {
        expect(ended?.exit).toEqual({ kind: 'exited', exitCode: 128 + number, ambiguous: true });
      } else {
        expect(ended?.exit).toEqual({ kind: 'signalled', signal: `SIG${signal}` });
      }
    },
  );

  it.each([137, 139, 134, 129])('exit status %i is no signal', async (status) => {
    const { ended } = await runOnHost({ launch, command: shell(`exit ${status}`) });
    expect(ended?.exit).toMatchObject({ kind: 'exited', exitCode: status });
    if (['dash', 'bash', 'busybox'].includes(name)) expect(ended?.exit).toMatchObject({ ambiguous: false });
  });
});
