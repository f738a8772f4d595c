/** Commands as another account, by real sudo with real rules. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { processTable } from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { password, SudoFixture } from './sudo-fixture.js';

let sudo: SudoFixture;

beforeAll(async () => {
  sudo = await SudoFixture.create();
});
afterAll(() => sudo?.end());
afterEach(() => sudo.hangUp());

describe('a command as another account', () => {
  it('runs with the sudo password, and without one where none is wanted', async () => {
    const asked = await sudo.accountWith(['USER ALL=(ALL) ALL']);
    const first = await sudo.run(asked, { credentials: { sudoPassword: password } });
    expect(first).toMatchObject({
      outcome: { state: 'succeeded' },
      output: { stdout: 'root\n', stderr: '' },
    });
    // The login password serves where no other was sealed.
    const second = await sudo.run(asked, {
      credentials: { password },
      argv: ['sh', '-c', 'id -un; echo $HOME'],
    });
    expect(second).toMatchObject({ outcome: { state: 'succeeded' }, output: { stdout: 'root\n/root\n' } });

    const free = await sudo.accountWith(['USER ALL=(ALL) NOPASSWD: ALL']);
    const third = await sudo.run(free, { credentials: {} });
    expect(third).toMatchObject({
      outcome: { state: 'succeeded' },
      output: { stdout: 'root\n', stderr: '' },
    });
  });

  it('runs as an account that is not root, whose name needs care', async () => {
    const other = await sudo.fixture.account();
    const account = await sudo.accountWith(['USER ALL=(ALL) ALL']);
    const { output, outcome } = await sudo.run(account, {
      runAs: other.name,
      credentials: { sudoPassword: password },
      argv: ['sh', '-c', 'id -un; echo "$POGO_USER"; env | grep -c ^LC_ALL='],
    });
    expect(outcome).toMatchObject({ state: 'failed', exitCode: 1 });
    expect(output.stdout).toBe(`${other.name}\nada\n0\n`);
    // Quotes, blanks and escapes reach sudo as one word, from every login shell.
    const odd = await sudo.run(account, {
      runAs: `no'such\\"$(id)%u!`,
      credentials: { sudoPassword: password },
    });
    expect(odd.outcome).toMatchObject({ state: 'denied', reason: 'sudo-failed' });
    expect(odd.outcome.message).toContain(`unknown user no'such\\"$(id)%u!`);
  });

  it('passes every byte of the command, and none of the password where sudo did not want it', async () => {
    const account = await sudo.accountWith(['USER ALL=(ALL) NOPASSWD: ALL']);
    const word = `a'b"c\\d$e!f%g\n\té\u{1f600}`;
    const { output } = await sudo.run(account, {
      credentials: { sudoPassword: password },
      argv: ['sh', '-c', 'printf %s "$1"; cat', 'sh', word],
    });
    expect(output).toEqual({ stdout: word, stderr: '' });
  });

  const shells = ['/bin/bash', '/bin/dash', '/usr/bin/zsh', '/usr/bin/ksh', '/usr/bin/fish', '/usr/bin/tcsh'];
  it.each(shells)('comes through %s with start files that talk, trace and stain', async (shell) => {
    expect(existsSync(shell)).toBe(true);
    const account = await sudo.accountWith(['USER ALL=(ALL) ALL', 'Defaults:USER lecture=always'], { shell });
    const noisy = 'echo "welcome, [sudo] password for you: "\n';
    for (const file of ['.bashrc', '.zshenv', '.kshrc', '.tcshrc', '.cshrc', '.config/fish/config.fish']) {
      const path = join(account.home, file);
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      const trace = file.includes('csh')
        ? 'set echo\n'
        : file.includes('fish')
          ? 'set fish_trace 1\n'
          : 'set -xv\n';
      writeFileSync(path, `${noisy}${trace}`, { mode: 0o644 });
    }
    const { outcome, output } = await sudo.run(account, { credentials: { sudoPassword: password } });
    expect(outcome).toMatchObject({ state: 'succeeded' });
    expect(output.stdout).toBe('root\n');
  });

  it('runs, and is killed, where sudo records everything that passes', async () => {
    const records = sudo.fixture.directory.file('sudo-io');
    const account = await sudo.accountWith([
      'USER ALL=(ALL) ALL',
      `Defaults:USER log_output, log_input, iolog_dir=${records}, use_pty`,
    ]);
    const credentials = { sudoPassword: password };
    const { outcome, output } = await sudo.run(account, {
      credentials,
      argv: ['sh', '-c', 'id -un; exit 3'],
    });
    expect(outcome).toMatchObject({ state: 'failed', exitCode: 3 });
    expect(output.stdout).toBe('root\n');
    const halted = await sudo.start(account, { credentials, argv: ['sleep', '71004'] });
    halted.run(0);
    await halted.report(0, 'started');
    halted.order({ type: 'halt', kill: true });
    expect(await halted.outcome(0)).toMatchObject({ state: 'killed', reason: 'halt-kill' });
    expect(await halted.close()).toBe(0);
    expect(existsSync(records)).toBe(true);
  });

  it('is killed with all that it started, by a halt, a time limit, and a connection that is cut', async () => {
    const account = await sudo.accountWith(['USER ALL=(ALL) ALL']);
    const sleeping = (seconds: number) =>
      processTable().filter(({ argv }) => argv.join(' ').includes(`sleep ${seconds}`));
    const credentials = { sudoPassword: password };
    const argv = (seconds: number) => ['sh', '-c', `sleep ${seconds} & trap "" TERM; sleep ${seconds}`];

    const halted = await sudo.start(account, { credentials, argv: argv(71001) });
    halted.run(0);
    await halted.report(0, 'started');
    expect(sleeping(71001).every(({ uid }) => uid === 0)).toBe(true);
    halted.order({ type: 'halt', kill: true });
    expect(await halted.outcome(0)).toMatchObject({ state: 'killed', reason: 'halt-kill' });
    expect(sleeping(71001)).toEqual([]);

    const late = await sudo.run(account, {
      credentials,
      argv: argv(71002),
      changes: { timeouts: { connectMs: 5000, handshakeMs: 10_000, commandMs: 500 } },
    });
    expect(late.outcome).toMatchObject({ state: 'timed-out' });
    expect(sleeping(71002)).toEqual([]);

    const cut = await sudo.start(account, { credentials, argv: argv(71003) });
    cut.run(0);
    await cut.report(0, 'started');
    expect(sleeping(71003)).not.toEqual([]);
    await cut.hangUp();
    await expect.poll(() => sleeping(71003), { timeout: 20_000 }).toEqual([]);
    // What is remembered of it lies with the account that it ran as, and is asked for there.
    const later = await sudo.start(account, { credentials, argv: argv(71003) });
    later.settle({ host: 0, attempt: 1, index: cut.index });
    expect(await later.outcome(0)).toMatchObject({ state: 'killed', reason: 'connection-closed' });
    expect(await later.close()).toBe(0);
    expect(await halted.close()).toBe(0);
    expect(sudo.leftWithRoot()).toEqual([]);
  });
});
