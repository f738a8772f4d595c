import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type NetworkNamespace,
  type Sshd,
  type TemporaryDirectory,
  createAccount,
  createKey,
  createNetworkNamespace,
  createTemporaryDirectory,
  isRoot,
  mustRun,
  runCommand,
  startSshd,
  trackLeaks,
} from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const accountNames = () =>
  readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':')[0]);

describe('names that a killed run left', () => {
  it('go with the next run, and those of a living one stay', () => {
    const ticks = readFileSync('/proc/1/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[19];
    const living = join(tmpdir(), `pogot-1-${Number(ticks).toString(36)}-abcdef`);
    // Pid 1 lives, but didn't start at that moment: the pid was used again.
    const dead = join(tmpdir(), 'pogot-1-zzzz-abcdef');
    const stranger = join(tmpdir(), `pogot-notes-${process.pid}`);
    for (const path of [living, dead, stranger]) mkdirSync(path, { recursive: true });
    createTemporaryDirectory().remove();
    const left = [living, dead, stranger].filter((path) => existsSync(path));
    for (const path of left) rmSync(path, { recursive: true });
    expect(left).toEqual([living, stranger]);
  });
});

describe.runIf(isRoot())('accounts', () => {
  const tracker = trackLeaks({ activeResources: () => process.getActiveResourcesInfo() });
  let namespace: NetworkNamespace;
  let sshd: Sshd;
  let directory: TemporaryDirectory;

  beforeAll(async () => {
    directory = createTemporaryDirectory();
    namespace = await createNetworkNamespace();
    sshd = await startSshd({ namespace, methods: ['password', 'publickey'], usePam: false });
  });

  afterAll(async () => {
    await sshd.stop();
    await namespace.stop();
    directory.remove();
    await tracker.assertNoLeaks();
  });

  const login = (user: string, host: string, command: string, password: string) =>
    namespace.run(
      'sshpass',
      [
        ...['-d', '0', 'ssh', '-F', '/dev/null', '-p', String(sshd.port), '-l', user],
        ...['-o', `UserKnownHostsFile=${sshd.knownHosts([host])}`, '-o', 'StrictHostKeyChecking=yes'],
        ...['-o', 'PreferredAuthentications=password', '-o', 'NumberOfPasswordPrompts=1', host, command],
      ],
      { stdin: `${password}\n` },
    );

  it('log in through the shadow file too, over IPv6 as well', async () => {
    const account = await createAccount({ password: "it's; $(a) pass word:" });
    const result = await login(account.name, '::1', 'id -u', "it's; $(a) pass word:");
    expect(result).toMatchObject({ exitCode: 0, stdout: `${account.uid}\n` });
    expect((await login(account.name, '::1', 'id -u', 'wrong')).exitCode).not.toBe(0);
    await sshd.waitForLog(/Failed password/);
    expect(sshd.authAttempts().map((attempt) => `${attempt.method} ${attempt.result}`)).toEqual(
      expect.arrayContaining(['password accepted', 'password failed']),
    );
    await account.remove();
    expect(accountNames()).not.toContain(account.name);
    expect(existsSync(account.home)).toBe(false);
    await account.remove();
  });

  it('with /bin/false as shell log in and can do nothing', async () => {
    const account = await createAccount({ shell: '/bin/false', password: 'secret' });
    const result = await login(account.name, sshd.address(), 'echo hello', 'secret');
    expect(result).toMatchObject({ exitCode: 1, stdout: '' });
    await sshd.waitForLog(new RegExp(`Accepted password for ${account.name}`));
    await account.remove();
  });

  it('without a password let no password in, and are told apart from accounts that are not there', async () => {
    const account = await createAccount();
    expect((await login(account.name, sshd.address(), 'true', '')).exitCode).not.toBe(0);
    expect((await login('pogot-nobody', sshd.address(), 'true', 'x')).exitCode).not.toBe(0);
    await sshd.waitForLog(/Failed password for invalid user pogot-nobody/);
    const attempts = sshd.authAttempts().filter((attempt) => attempt.method === 'password');
    expect(attempts.find((attempt) => attempt.user === 'pogot-nobody')?.invalidUser).toBe(true);
    expect(attempts.some((attempt) => attempt.user === account.name && attempt.result === 'accepted')).toBe(
      false,
    );
    await account.remove();
  });

  it('take their processes with them, and name them', async () => {
    const key = await createKey({ directory: directory.path });
    const account = await createAccount();
    account.authorize([key.publicLine]);
    const host = sshd.address(2);
    await namespace.run('ssh', [
      ...['-F', '/dev/null', '-p', String(sshd.port), '-l', account.name, '-i', key.privatePath],
      ...['-o', `UserKnownHostsFile=${sshd.knownHosts([host])}`, '-o', 'StrictHostKeyChecking=yes', host],
      'setsid sleep 1000 >/dev/null 2>&1 & until grep -qx sleep /proc/$!/comm; do :; done',
    ]);
    expect(await account.remove()).toContain('sleep 1000');
  });

  it('of a killed run are removed by the next', async () => {
    const left = 'pogot-1-zzzz-fedcba';
    await mustRun('useradd', ['--no-create-home', '--user-group', left]);
    const account = await createAccount();
    await account.remove();
    expect(accountNames()).not.toContain(left);
  });

  it('made side by side do not get into each other', async () => {
    const accounts = await Promise.all(Array.from({ length: 5 }, () => createAccount({ password: 'x' })));
    expect(new Set(accounts.map((account) => account.uid)).size).toBe(5);
    await Promise.all(accounts.map((account) => account.remove()));
    expect((await runCommand('getent', ['passwd', ...accounts.map((account) => account.name)])).stdout).toBe(
      '',
    );
  });
});
