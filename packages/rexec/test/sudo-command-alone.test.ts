/** Commands as another account where sudoers name the command alone, so that nothing of ours runs inside sudo. */
import { readdirSync, writeFileSync } from 'node:fs';
import { endProcesses, processTable } from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { password, SudoFixture } from './sudo-fixture.js';

let sudo: SudoFixture;

beforeAll(async () => {
  sudo = await SudoFixture.create();
});
afterAll(() => sudo?.end());
afterEach(() => sudo.hangUp());

describe('sudoers that allow the command alone', () => {
  const note = 'Pogo may be unable to end it';

  it('run it, and say that it could not have been ended', async () => {
    const account = await sudo.accountWith([
      'USER ALL=(root) /usr/bin/id -un, /usr/bin/cat, /usr/bin/sh -c exit?7',
    ]);
    const credentials = { sudoPassword: password };
    const first = await sudo.run(account, { credentials, argv: ['/usr/bin/id', '-un'] });
    expect(first.outcome).toMatchObject({
      state: 'succeeded',
      message: expect.stringContaining(note) as string,
    });
    expect(first.output).toEqual({ stdout: 'root\n', stderr: '' });
    // What is left on stdin is nothing, least of all the password.
    const second = await sudo.run(account, { credentials, argv: ['/usr/bin/cat'] });
    expect(second).toMatchObject({ outcome: { state: 'succeeded' }, output: { stdout: '', stderr: '' } });
    const third = await sudo.run(account, { credentials, argv: ['/usr/bin/sh', '-c', 'exit 7'] });
    expect(third.outcome).toMatchObject({ state: 'failed', exitCode: 7 });
    const fourth = await sudo.run(account, { credentials, argv: ['/usr/bin/id', '-u'] });
    expect(fourth.outcome).toMatchObject({ state: 'denied', reason: 'sudo-not-allowed' });
    const fifth = await sudo.run(account, { argv: ['/usr/bin/id', '-un'] });
    expect(fifth.outcome).toMatchObject({ state: 'auth-failed', reason: 'sudo-password-needed' });
  });

  it('run it without a password where none is wanted', async () => {
    const account = await sudo.accountWith(['USER ALL=(root) NOPASSWD: /usr/bin/id -un']);
    for (const credentials of [{}, { sudoPassword: password }]) {
      const { outcome, output } = await sudo.run(account, { credentials, argv: ['/usr/bin/id', '-un'] });
      expect(outcome).toMatchObject({ state: 'succeeded' });
      expect(output).toEqual({ stdout: 'root\n', stderr: '' });
    }
  });

  it('leave what is remembered of an attempt with the login user, where it is asked for', async () => {
    const account = await sudo.accountWith(['USER ALL=(root) NOPASSWD: /usr/bin/sleep']);
    const first = await sudo.start(account, { argv: ['/usr/bin/sleep', '73001'] });
    first.run(0);
    await first.report(0, 'started');
    await first.hangUp();
    const second = await sudo.start(account, { argv: ['/usr/bin/sleep', '73001'] });
    second.settle({ host: 0, attempt: 1, index: first.index });
    expect(await second.outcome(0)).toMatchObject({ state: 'killed', reason: 'connection-closed' });
    expect(await second.close()).toBe(0);
    expect(readdirSync(account.home).filter((name) => name.startsWith('.pogo'))).toEqual([]);
  });

  it('make a kill unconfirmed, where sudo does not pass it on or the command does not listen', async () => {
    const deaf = sudo.fixture.directory.file('deaf');
    writeFileSync(deaf, '#!/bin/sh\ntrap "" TERM\necho deaf\nsleep 72001\n', { mode: 0o755 });
    const account = await sudo.accountWith([`USER ALL=(root) NOPASSWD: ${deaf}`]);
    const rexec = await sudo.start(account, { argv: [deaf] });
    rexec.run(0);
    await rexec.until(() => (rexec.output(0).stdout === 'deaf\n' ? true : undefined));
    rexec.order({ type: 'halt', kill: true });
    const outcome = await rexec.outcome(0);
    expect(outcome).toMatchObject({ state: 'unknown', reason: 'kill-unconfirmed' });
    expect(outcome.message).toContain(note);
    const left = processTable().filter(({ argv }) => /sleep 72001|\/deaf/.test(argv.join(' ')));
    expect(left).not.toEqual([]);
    endProcesses(() => processTable().filter(({ argv }) => /sleep 72001|\/deaf/.test(argv.join(' '))));
  });
});
