/** Only the methods that were asked for, and never more than three tries with a password that nobody has accepted. */
import type { Account, Sshd } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { watchLogins } from './support/login-evidence.js';
import { openScene, reasonOf, type Scene, statesOf } from './support/scene.js';

const many = 200;
let scene: Scene;
let account: Account;
let sshd: Sshd;
let knownHosts: string;
let right: string;
let wrong: string;

beforeAll(async () => {
  scene = await openScene();
  account = await scene.account({ password: 'the right one' });
  sshd = await scene.sshd({ methods: ['publickey', 'password', 'keyboard-interactive'] });
  knownHosts = sshd.knownHosts(sshd.addresses(many));
  right = scene.file('right', 'the right one\n');
  wrong = scene.file('wrong', 'the wrong one\n');
});

afterAll(() => scene.close());

function run(hosts: string, more: readonly string[]) {
  return scene.runJson([
    ...['-h', hosts, '-l', account.name, '-p', String(sshd.port), '--known-hosts', knownHosts],
    ...more,
    ...['--', 'echo', 'hello'],
  ]);
}

describe('with `auth: [publickey]` in the configuration', () => {
  beforeAll(() => scene.configure('auth: [publickey]\n'));
  afterAll(() => scene.configure(''));

  it('a refused key is not followed by a password, although one is at hand', async () => {
    const stranger = await scene.key();
    const evidence = watchLogins(sshd);
    const { result, document } = await run('127.0.1.[1-10]', [
      ...['--identity', stranger.privatePath, '--password-file', right],
    ]);
    expect(result.exitCode).toBe(4);
    expect(statesOf(document)).toEqual({ 'auth-failed': 10 });
    for (const { outcome } of document.hosts) {
      expect(outcome).toMatchObject({ reason: 'key-refused', methodsTried: ['publickey'] });
    }
    // sshd logs a refused key at each host, so its log is complete; no other method is in it.
    await sshd.waitForLog(() => evidence.attempts().length >= 10);
    expect(new Set(evidence.attempts().map(({ method }) => method))).toEqual(new Set(['publickey']));
    expect(evidence.passwordAttempts()).toEqual([]);
  });

  it('the same key and password succeed once the password is allowed: that is what the search would have seen', async () => {
    const stranger = await scene.key();
    const evidence = watchLogins(sshd);
    const { result } = await run('127.0.1.[1-10]', [
      ...['--identity', stranger.privatePath, '--password-file', right, '--auth', 'publickey,password'],
    ]);
    expect(result.exitCode, result.stderr).toBe(0);
    expect(evidence.passwordAttempts()).toHaveLength(10);
  });
});

describe('a wrong password for 200 hosts', () => {
  it('is sent three times at most, over all hosts and methods; the rest is halted or withheld, with the reason', async () => {
    const evidence = watchLogins(sshd);
    const { result, document } = await run('127.0.1.[1-200]', ['--password-file', wrong]);
    expect(document.job.state).toBe('halted');
    expect(document.job.halt).toMatchObject({ cause: 'password-refused' });
    const states = statesOf(document);
    expect((states['auth-failed'] ?? 0) + (states.halted ?? 0)).toBe(many);
    const reasons = document.hosts.map(({ outcome }) => outcome?.reason);
    const refused = reasons.filter((reason) => reason === 'password-refused').length;
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThanOrEqual(3);
    expect(new Set(reasons)).toEqual(
      new Set(['password-refused', 'password-withheld', ...(states.halted ? [undefined] : [])]),
    );
    expect(result.exitCode).toBe(6);
    expect(result.stderr).toContain(reasonOf('password-refused').advice);
    expect(result.stderr).toContain(reasonOf('password-withheld').advice);

    // A login that has begun counts, whatever became of it.
    await sshd.waitForLog(() => evidence.passwordAttempts().length >= refused);
    expect(evidence.passwordAttempts().length).toBeLessThanOrEqual(3);
    expect(evidence.attempts().filter(({ result: answer }) => answer === 'accepted')).toEqual([]);
  });

  it('does not stand in the way of the right one in the next job', async () => {
    const { result, document } = await run('127.0.1.[1-200]', ['--password-file', right]);
    expect(statesOf(document)).toEqual({ succeeded: many });
    expect(result.exitCode).toBe(0);
  });
});
