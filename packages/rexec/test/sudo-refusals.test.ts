/** What stands in the way of a command as another account: said soon, and never hanging. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Account, createPamService } from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { password, type RunOptions, SudoFixture } from './sudo-fixture.js';

let sudo: SudoFixture;
/** What a failure may take, in milliseconds. */
const failsWithinMs = 15_000;

beforeAll(async () => {
  sudo = await SudoFixture.create();
});
afterAll(() => sudo?.end());
afterEach(() => sudo.hangUp());

describe('sudo that refuses', () => {
  async function failure(account: Account, options: RunOptions = {}) {
    const beganMs = performance.now();
    const { outcome } = await sudo.run(account, options);
    expect(performance.now() - beganMs).toBeLessThan(failsWithinMs);
    return outcome;
  }

  it('a wrong password: once, and not tried again', async () => {
    const account = await sudo.accountWith(['USER ALL=(ALL) ALL']);
    const outcome = await failure(account, { credentials: { sudoPassword: 'wrong' } });
    expect(outcome).toMatchObject({ state: 'auth-failed', reason: 'sudo-password-refused' });
    expect(outcome.message).toBe(
      `${account.name}@127.0.1.1:${sudo.sshd.port} as root: sudo refused the password.`,
    );
    const once = await sudo.accountWith(['USER ALL=(ALL) ALL', 'Defaults:USER passwd_tries=1, insults']);
    expect(await failure(once, { credentials: { sudoPassword: 'wrong' } })).toMatchObject({
      reason: 'sudo-password-refused',
    });
  });

  it('no password at all, or one that sudo could not read whole', async () => {
    const account = await sudo.accountWith(['USER ALL=(ALL) ALL']);
    expect(await failure(account)).toMatchObject({ state: 'auth-failed', reason: 'sudo-password-needed' });
    for (const sudoPassword of [`${password}\nid`, `${password}\rid`, 'x'.repeat(256)]) {
      expect(await failure(account, { credentials: { sudoPassword } })).toMatchObject({
        reason: 'sudo-password-needed',
      });
    }
  });

  it('an account without rules, and one that may be others only', async () => {
    const none = await sudo.accountWith([]);
    const credentials = { sudoPassword: password };
    const unknown = await failure(none, { credentials });
    expect(unknown).toMatchObject({ state: 'denied', reason: 'sudo-not-allowed' });
    expect(unknown.message).toContain('is not in the sudoers file');
    const other = await sudo.fixture.account();
    const some = await sudo.accountWith([`USER ALL=(${other.name}) ALL`]);
    const forbidden = await failure(some, { credentials });
    expect(forbidden).toMatchObject({ state: 'denied', reason: 'sudo-not-allowed' });
    expect(forbidden.message).toContain('is not allowed to execute');
  });

  it('requiretty', async () => {
    const account = await sudo.accountWith(['USER ALL=(ALL) ALL', 'Defaults:USER requiretty']);
    const outcome = await failure(account, { credentials: { sudoPassword: password } });
    expect(outcome).toMatchObject({ state: 'denied', reason: 'sudo-requires-tty' });
  });

  it('a PATH without sudo, and an account without a shell', async () => {
    const account = await sudo.accountWith(['USER ALL=(ALL) NOPASSWD: ALL'], { shell: '/bin/bash' });
    writeFileSync(join(account.home, '.bashrc'), 'export PATH=/nowhere\n', { mode: 0o644 });
    expect(await failure(account)).toMatchObject({ state: 'denied', reason: 'sudo-missing' });
    const shut = await sudo.accountWith(['USER ALL=(ALL) NOPASSWD: ALL'], { shell: '/bin/false' });
    expect(await failure(shut)).toMatchObject({ state: 'unreachable', reason: 'shell-unusable' });
  });

  it('sudo that never says anything', async () => {
    const pam = createPamService([
      'auth required pam_exec.so quiet /bin/sleep 60',
      'account required pam_permit.so',
    ]);
    sudo.fixture.owns(() => pam.remove());
    const account = await sudo.accountWith(['USER ALL=(ALL) ALL', `Defaults:USER pam_service=${pam.name}`]);
    expect(await failure(account, { credentials: { sudoPassword: password } })).toMatchObject({
      state: 'denied',
      reason: 'sudo-failed',
    });
  });

  it('three wrong passwords without a right one: the job is told, and nobody else is asked', async () => {
    const account = await sudo.accountWith(['USER ALL=(ALL) ALL']);
    const addresses = '127.0.1.[1-8]';
    const rexec = await sudo.start(account, { credentials: { sudoPassword: 'wrong' }, addresses });
    rexec.run(0, 1, 2, 3, 4, 5, 6, 7);
    await rexec.message('password-refused');
    const outcomes = await rexec.outcomes([0, 1, 2, 3, 4, 5, 6, 7]);
    const reasons = outcomes.map(({ reason }) => reason).sort();
    expect(reasons.filter((reason) => reason === 'sudo-password-refused')).toHaveLength(3);
    expect(reasons.filter((reason) => reason === 'password-withheld')).toHaveLength(5);
  });

  it('one right password lets all others in at once', async () => {
    const account = await sudo.accountWith(['USER ALL=(ALL) ALL']);
    const rexec = await sudo.start(account, {
      credentials: { sudoPassword: password },
      addresses: '127.0.1.[1-8]',
    });
    rexec.run(0, 1, 2, 3, 4, 5, 6, 7);
    const outcomes = await rexec.outcomes([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(outcomes.map(({ state }) => state)).toEqual(Array(8).fill('succeeded'));
    expect(await rexec.close()).toBe(0);
    expect(sudo.leftWithRoot()).toEqual([]);
  });

  it('sends no password to a host whose key nobody has vouched for', async () => {
    const account = await sudo.accountWith(['USER ALL=(ALL) ALL']);
    const outcome = await failure(account, {
      credentials: { sudoPassword: password },
      changes: { hostKeys: { policy: 'accept-new', known: [] } },
    });
    expect(outcome).toMatchObject({ state: 'auth-failed', reason: 'host-key-unproven' });
  });
});
