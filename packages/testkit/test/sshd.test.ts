import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Account,
  type Key,
  type NetworkNamespace,
  type Sshd,
  type TemporaryDirectory,
  createAccount,
  createKey,
  createNetworkNamespace,
  createTemporaryDirectory,
  isRoot,
  processTable,
  runCommand,
  startSshd,
} from '@pogo/testkit';

describe.runIf(isRoot())('a real sshd in a namespace of its own', () => {
  let namespace: NetworkNamespace;
  let sshd: Sshd;
  let account: Account;
  let directory: TemporaryDirectory;
  let key: Key;

  beforeAll(async () => {
    directory = createTemporaryDirectory();
    key = await createKey({ directory: directory.path });
    account = await createAccount({ password: 'open sesame', authorizedKeys: [key.publicLine] });
    namespace = await createNetworkNamespace();
    sshd = await startSshd({ namespace });
  });

  afterAll(async () => {
    await sshd.stop();
    expect(await namespace.stop()).toEqual([]);
    expect(await account.remove()).toEqual([]);
    directory.remove();
  });

  /** Options of ssh(1) for one login with one method and no configuration of the machine's. */
  function loginOptions(host: string, method: string, knownHosts = sshd.knownHosts([host])): string[] {
    const settings = {
      UserKnownHostsFile: knownHosts,
      GlobalKnownHostsFile: '/dev/null',
      StrictHostKeyChecking: 'yes',
      PreferredAuthentications: method,
      NumberOfPasswordPrompts: '1',
      KexAlgorithms: 'curve25519-sha256',
      IdentitiesOnly: 'yes',
      IdentityFile: key.privatePath,
    };
    return [
      ...['-F', '/dev/null', '-p', String(sshd.port), '-l', account.name],
      ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
      host,
    ];
  }

  it.each(['password', 'keyboard-interactive'])(
    'lets %s in with the password of the account',
    async (method) => {
      const host = sshd.address(3);
      const passwordFile = directory.file('password');
      const login = [
        '-P',
        'assword',
        '-f',
        passwordFile,
        'ssh',
        ...loginOptions(host, method),
        'id -un; pwd',
      ];
      writeFileSync(passwordFile, 'open sesame\n');
      const result = await namespace.run('sshpass', login);
      expect(result).toMatchObject({ exitCode: 0, stdout: `${account.name}\n${account.home}\n` });
      await sshd.waitForLog(new RegExp(`Accepted ${method}`));
      expect(sshd.authAttempts()).toContainEqual({
        method,
        user: account.name,
        invalidUser: false,
        result: 'accepted',
        from: { address: expect.any(String), port: expect.any(Number) },
        to: { address: host, port: sshd.port },
        keyFingerprint: undefined,
      });
      writeFileSync(passwordFile, 'close sesame\n');
      const refused = await namespace.run('sshpass', login);
      expect(refused.exitCode).not.toBe(0);
      await sshd.waitForLog(new RegExp(`Failed ${method}`));
      expect(sshd.authAttempts()).toContainEqual(expect.objectContaining({ method, result: 'failed' }));
    },
  );

  it('lets the right key in and names it in the log', async () => {
    const result = await namespace.run('ssh', [...loginOptions(sshd.address(1), 'publickey'), 'echo hello']);
    expect(result).toMatchObject({ exitCode: 0, stdout: 'hello\n' });
    await sshd.waitForLog(/Accepted publickey/);
    expect(sshd.authAttempts()).toContainEqual(
      expect.objectContaining({ method: 'publickey', result: 'accepted', keyFingerprint: key.fingerprint }),
    );
  });

  it('is two hundred hosts', async () => {
    const hosts = sshd.addresses(200);
    expect(hosts.at(-1)).toBe('127.0.1.200');
    const knownHosts = sshd.knownHosts(hosts, { hashed: true });
    const before = sshd.authAttempts().length;
    const attempts = () => sshd.authAttempts().slice(before);
    const results = [];
    for (let start = 0; start < hosts.length; start += 20) {
      results.push(
        ...(await Promise.all(
          hosts
            .slice(start, start + 20)
            .map((host) =>
              namespace.run('ssh', [...loginOptions(host, 'publickey', knownHosts), 'echo $SSH_CONNECTION']),
            ),
        )),
      );
    }
    expect(results.map((result) => result.stdout.split(' ')[2])).toEqual(hosts);
    await sshd.waitForLog(() => attempts().filter((attempt) => attempt.result === 'accepted').length >= 200);
    const accepted = attempts().filter((attempt) => attempt.result === 'accepted');
    expect(new Set(accepted.map((attempt) => attempt.to?.address))).toEqual(new Set(hosts));
    expect(accepted).toHaveLength(hosts.length);
    expect(attempts().filter((attempt) => !['none', 'publickey'].includes(attempt.method))).toEqual([]);
  });

  it('is refused by a client whose known_hosts has another key, before any credential', async () => {
    const other = await createKey({ directory: directory.path, name: 'other' });
    const host = sshd.address(7);
    const knownHosts = sshd.knownHosts([host], { keys: [other.publicLine] });
    const before = sshd.authAttempts().length;
    const result = await namespace.run('ssh', [...loginOptions(host, 'publickey', knownHosts), 'true']);
    expect(result.exitCode).toBe(255);
    expect(result.stderr).toContain('Host key verification failed');
    await sshd.waitForLog(/127\.0\.1\.7 .*[\s\S]*(closed by|reset by|disconnect)/i);
    expect(sshd.authAttempts()).toHaveLength(before);
  });

  it('cannot be reached from outside its namespace', async () => {
    const result = await runCommand('ssh', [...loginOptions(sshd.address(1), 'publickey'), 'true']);
    expect(result.stderr).toContain('Connection refused');
  });

  it('obeys per-user settings and ends its sessions when it stops', async () => {
    const second = await startSshd({
      namespace,
      userSettings: { [account.name]: { PubkeyAuthentication: 'no' } },
      hostKeyTypes: ['ed25519'],
    });
    const third = await startSshd({
      namespace,
      hostKeyTypes: ['ecdsa'],
      kexAlgorithms: 'curve25519-sha256',
    });
    const options = (server: Sshd) =>
      loginOptions(server.address(1), 'publickey', server.knownHosts([server.address(1)])).map((option) =>
        option === String(sshd.port) ? String(server.port) : option,
      );
    const refused = await namespace.run('ssh', [...options(second), 'true']);
    expect(refused.stderr).toContain('Permission denied');

    const child = namespace.spawn('ssh', [...options(third), 'echo here; exec sleep 1000'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => child.stdout!.once('data', resolve));
    const ended = new Promise((resolve) => child.once('close', resolve));
    await Promise.all([second.stop(), third.stop(), third.stop()]);
    expect(await ended).toBe(255);
    expect(processTable().filter((entry) => entry.uid === account.uid)).toEqual([]);
  });
});
