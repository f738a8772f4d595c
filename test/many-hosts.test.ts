/** One command on many real hosts, with every kind of credential, and host keys checked before any of them is sent. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Account, type Key, type Sshd, keyFingerprint } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LoginEvidence, watchLogins } from './support/login-evidence.js';
import { runOnTerminal } from './support/pseudo-terminal.js';
import { type JsonRun, openScene, type Scene, statesOf } from './support/scene.js';

const many = 200;
const password = 'correct horse; $battery "staple" ñ';
const passphrase = 'a passphrase with spaces';

let scene: Scene;
let account: Account;
let sshd: Sshd;
let key: Key;
let knownHosts: string;
let passwordFile: string;

beforeAll(async () => {
  scene = await openScene();
  key = await scene.key();
  account = await scene.account({ password, authorizedKeys: [key.publicLine] });
  sshd = await scene.sshd({ methods: ['publickey', 'password'] });
  knownHosts = sshd.knownHosts(sshd.addresses(many));
  passwordFile = scene.file('password', `${password}\n`);
});

afterAll(() => scene.close());

function hello(hosts: string, server: Sshd, more: readonly string[], command = ['echo', 'hello']) {
  return scene.runJson([
    '-h',
    hosts,
    '-l',
    account.name,
    '-p',
    String(server.port),
    ...more,
    '--',
    ...command,
  ]);
}

/** Every host succeeded, each over exactly one connection with exactly one accepted login. */
function expectHellos({ result, document }: JsonRun, evidence: LoginEvidence, count: number, method: string) {
  expect(statesOf(document)).toEqual({ succeeded: count });
  expect(document.hosts.map(({ stdout }) => stdout)).toEqual(Array(count).fill('hello\n'));
  expect(document.hosts.map(({ stderr }) => stderr)).toEqual(Array(count).fill(''));
  expect(document.job.state).toBe('succeeded');
  expect(result.exitCode).toBe(0);
  expect(evidence.connections().size).toBe(count);
  expect([...evidence.connections().values()]).toEqual(Array(count).fill(1));
  expect([...evidence.accepted().values()]).toEqual(Array(count).fill([method]));
}

describe('200 hosts in one run', () => {
  const hosts = '127.0.1.[1-200]';

  it('say hello with an Ed25519 key, in lines with their names', async () => {
    const evidence = watchLogins(sshd);
    const result = await scene.run([
      ...['run', '-h', hosts, '-l', account.name, '-p', String(sshd.port)],
      ...['--identity', key.privatePath, '--known-hosts', knownHosts, '--', 'echo', 'hello'],
    ]);
    expect(result.exitCode, result.stderr).toBe(0);
    const lines = result.stdout.trimEnd().split('\n').sort();
    expect(lines).toEqual(
      sshd
        .addresses(many)
        .map((address) => `${address}: hello`)
        .sort(),
    );
    expect(result.stderr).toContain('200 succeeded');
    expect([...evidence.connections().values()]).toEqual(Array(many).fill(1));
    expect([...evidence.accepted().values()]).toEqual(Array(many).fill(['publickey']));
  });

  it('say hello with a password from a file', async () => {
    const evidence = watchLogins(sshd);
    const run = await hello(hosts, sshd, ['--password-file', passwordFile, '--known-hosts', knownHosts]);
    expect(statesOf(run.document)).toEqual({ succeeded: many });
    expect(run.document.hosts.map(({ stdout }) => stdout)).toEqual(Array(many).fill('hello\n'));
    expect(run.result.exitCode).toBe(0);
    // Until the password is proven a host may be asked to come back: more connections, but no further attempt.
    expect([...evidence.accepted().values()]).toEqual(Array(many).fill(['password']));
    expect(evidence.attempts()).toHaveLength(many);
  });

  it('say hello with an encrypted key whose passphrase is in the secrets file', async () => {
    const encrypted = await scene.key({ passphrase });
    account.authorize([key.publicLine, encrypted.publicLine]);
    const secrets = scene.file('secrets', `pvt_key_passphrase: ${JSON.stringify(passphrase)}\n`);
    const evidence = watchLogins(sshd);
    const run = await hello(hosts, sshd, [
      ...['--identity', encrypted.privatePath, '--secrets', secrets, '--known-hosts', knownHosts],
    ]);
    expectHellos(run, evidence, many, 'publickey');
  });

  it('say hello where only keyboard-interactive is allowed', async () => {
    const interactive = await scene.sshd({ methods: ['keyboard-interactive'], hostKeyTypes: ['ed25519'] });
    const evidence = watchLogins(interactive);
    const run = await hello(hosts, interactive, [
      ...[
        '--password-file',
        passwordFile,
        '--known-hosts',
        interactive.knownHosts(interactive.addresses(many)),
      ],
    ]);
    expect(statesOf(run.document)).toEqual({ succeeded: many });
    expect(run.document.hosts.map(({ stdout }) => stdout)).toEqual(Array(many).fill('hello\n'));
    expect(run.result.exitCode).toBe(0);
    expect([...evidence.accepted().values()]).toEqual(Array(many).fill(['keyboard-interactive']));
    expect(new Set(evidence.attempts().map(({ method }) => method))).toEqual(
      new Set(['keyboard-interactive']),
    );
  });
});

describe('keys', () => {
  it.each([
    ['rsa', 'openssh'],
    ['rsa', 'pem'],
    ['rsa', 'pkcs8'],
    ['ecdsa', 'openssh'],
    ['ecdsa', 'pem'],
    ['ecdsa', 'pkcs8'],
    ['ed25519', 'pkcs8'],
  ] as const)('of type %s in the form %s open hosts, encrypted or not', async (type, format) => {
    const plain = await scene.key({ type, format });
    const encrypted = await scene.key({ type, format, passphrase });
    account.authorize([key.publicLine, plain.publicLine, encrypted.publicLine]);
    const secrets = scene.file('secrets', `passphrase: ${JSON.stringify(passphrase)}\n`);
    for (const [identity, more] of [
      [plain, []],
      [encrypted, ['--secrets', secrets]],
    ] as const) {
      const evidence = watchLogins(sshd);
      const run = await hello('127.0.1.[1-3]', sshd, [
        ...['--identity', identity.privatePath, '--known-hosts', knownHosts, ...more],
      ]);
      expectHellos(run, evidence, 3, 'publickey');
      const accepted = evidence.attempts().filter(({ result }) => result === 'accepted');
      expect(new Set(accepted.map(({ keyFingerprint: used }) => used))).toEqual(
        new Set([identity.fingerprint]),
      );
    }
  });

  it('that are encrypted ask for their passphrase on the terminal, and never show it', async () => {
    const encrypted = await scene.key({ passphrase });
    account.authorize([key.publicLine, encrypted.publicLine]);
    const command = scene.cluster.commandLine([
      ...['run', '-h', '127.0.1.[1-3]', '-l', account.name, '-p', String(sshd.port), '--no-progress'],
      ...['--identity', encrypted.privatePath, '--known-hosts', knownHosts, '--', 'echo', 'hello'],
    ]);
    const { exitCode, shown } = await runOnTerminal(command, [
      { prompt: /assphrase/, answer: `${passphrase}\r` },
    ]);
    expect(exitCode, shown).toBe(0);
    expect(shown.match(/hello/g)).toHaveLength(3);
    expect(shown).not.toContain(passphrase);
  });
});

describe('passwords', () => {
  it('are asked for on the terminal when nothing else is given, and never shown', async () => {
    const command = scene.cluster.commandLine([
      ...['run', '-h', '127.0.1.[1-3]', '-l', account.name, '-p', String(sshd.port), '--no-progress'],
      ...['--auth', 'password', '--known-hosts', knownHosts, '--', 'echo', 'hello'],
    ]);
    const { exitCode, shown } = await runOnTerminal(command, [
      { prompt: /Password of/, answer: `${password}\r` },
    ]);
    expect(exitCode, shown).toBe(0);
    expect(shown).toContain(account.name);
    expect(shown.match(/hello/g)).toHaveLength(3);
    expect(shown).not.toContain('battery');
  });

  it('come from an open descriptor', async () => {
    const run = await scene.runJson(
      [
        ...['-h', '127.0.1.[1-3]', '-l', account.name, '-p', String(sshd.port), '--password-fd', '0'],
        ...['--known-hosts', knownHosts, '--', 'echo', 'hello'],
      ],
      { stdin: `${password}\n` },
    );
    expect(run.result.exitCode, run.result.stderr).toBe(0);
    expect(statesOf(run.document)).toEqual({ succeeded: 3 });
  });
});

describe('host keys', () => {
  it('that are unknown are refused before any credential is sent, with the fingerprints that ssh-keygen shows', async () => {
    const evidence = watchLogins(sshd);
    const result = await scene.run([
      ...['run', '-h', '127.0.1.[1-20]', '-l', account.name, '-p', String(sshd.port)],
      ...['--identity', key.privatePath, '--password-file', passwordFile, '--', 'echo', 'hello'],
    ]);
    expect(result.exitCode).toBe(4);
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain('host-key-unknown');
    expect(result.stderr).toContain('20 auth-failed');
    const keyFile = scene.file('host-key.pub', `${sshd.hostPublicKeys[0]!}\n`);
    const shown = await scene.namespace.run('ssh-keygen', ['-lf', keyFile]);
    const fingerprint = shown.stdout.split(' ')[1]!;
    expect(fingerprint).toMatch(/^SHA256:/);
    expect(result.stderr).toContain(fingerprint);
    // Every connection is in the log by now, and none of them came as far as a login.
    await sshd.waitForLog(() => [...evidence.connections().values()].length === 20);
    expect(evidence.attempts()).toEqual([]);
  });

  it('that are new are accepted under accept-new with a key, recorded, and held to from then on', async () => {
    const fresh = await scene.sshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'] });
    const identity = ['--identity', key.privatePath];
    account.authorize([key.publicLine]);
    const strictFirst = await hello('127.0.1.[1-5]', fresh, identity);
    expect(statesOf(strictFirst.document)).toEqual({ 'auth-failed': 5 });

    const first = await hello('127.0.1.[1-5]', fresh, [...identity, '--host-key-policy', 'accept-new']);
    expect(statesOf(first.document)).toEqual({ succeeded: 5 });
    expect(first.result.exitCode).toBe(0);

    const strictNow = await hello('127.0.1.[1-5]', fresh, identity);
    expect(strictNow.result.exitCode, strictNow.result.stderr).toBe(0);

    const { port } = fresh;
    await fresh.stop();
    const impostor = await scene.sshd({
      methods: ['publickey', 'password'],
      hostKeyTypes: ['ed25519'],
      port,
    });
    const changed = await hello('127.0.1.[1-5]', impostor, [...identity, '--host-key-policy', 'accept-new']);
    expect(changed.result.exitCode).toBe(4);
    expect(new Set(changed.document.hosts.map(({ outcome }) => outcome?.reason))).toEqual(
      new Set(['host-key-changed']),
    );
    expect(impostor.authAttempts()).toEqual([]);
  });

  it('that are new never get a password under accept-new', async () => {
    const fresh = await scene.sshd({ methods: ['password'], hostKeyTypes: ['ed25519'] });
    const run = await hello('127.0.1.[1-5]', fresh, [
      ...['--password-file', passwordFile, '--host-key-policy', 'accept-new'],
    ]);
    expect(run.result.exitCode).toBe(4);
    expect(new Set(run.document.hosts.map(({ outcome }) => outcome?.reason))).toEqual(
      new Set(['host-key-unproven']),
    );
    await fresh.waitForLog(() => fresh.connections().length >= 5);
    expect(watchLogins(fresh).attempts()).toEqual([]);
    expect(fresh.authAttempts().filter(({ method }) => method !== 'none')).toEqual([]);
  });

  it('may be in hashed lines, in a file that several options name, or in ~/.ssh/known_hosts', async () => {
    const hashed = sshd.knownHosts(sshd.addresses(3), { hashed: true });
    expect(readFileSync(hashed, 'utf8')).toMatch(/^\|1\|/);
    const identity = ['--identity', key.privatePath];
    const fromHashed = await hello('127.0.1.[1-3]', sshd, [...identity, '--known-hosts', hashed]);
    expect(fromHashed.result.exitCode, fromHashed.result.stderr).toBe(0);
    const fourth = sshd.knownHosts([sshd.address(4)]);
    const fromTwo = await hello('127.0.1.[1-4]', sshd, [
      ...[...identity, '--known-hosts', hashed, '--known-hosts', fourth],
    ]);
    expect(fromTwo.result.exitCode, fromTwo.result.stderr).toBe(0);
    const fromHome = await scene.namespace.run('mkdir', ['-p', '-m', '700', scene.file('home/.ssh')]);
    expect(fromHome.exitCode).toBe(0);
    const own = scene.file('home/.ssh/known_hosts');
    writeFileSync(own, readFileSync(hashed));
    const found = await hello('127.0.1.[1-3]', sshd, identity);
    expect(found.result.exitCode, found.result.stderr).toBe(0);
    writeFileSync(own, '');
  });

  it('are trusted after an import, and no longer once removed', async () => {
    const identity = ['--identity', key.privatePath];
    const imported = await scene.run(['hostkeys', 'import', sshd.knownHosts(sshd.addresses(2))]);
    expect(imported.exitCode, imported.stderr).toBe(0);
    for (const line of sshd.hostPublicKeys) expect(imported.stdout).toContain(keyFingerprint(line));
    const listed = await scene.run(['hostkeys', 'list']);
    expect(listed.stdout).toContain(`[${sshd.address(2)}]:${sshd.port}`);
    expect((await hello('127.0.1.[1-2]', sshd, identity)).result.exitCode).toBe(0);
    const removed = await scene.run(['hostkeys', 'remove', `127.0.1.[1-2]:${sshd.port}`]);
    expect(removed.exitCode, removed.stderr).toBe(0);
    expect((await hello('127.0.1.[1-2]', sshd, identity)).result.exitCode).toBe(4);
  });
});

describe('addresses', () => {
  it('may be IPv6, and name their own account and port', async () => {
    const other = await scene.account({ authorizedKeys: [key.publicLine] });
    const second = await scene.sshd({ methods: ['publickey'], hostKeyTypes: ['ecdsa'] });
    const run = await scene.runJson([
      ...['-h', '[::1]', '-h', `${other.name}@127.0.1.2:${second.port}`, '-h', '127.0.1.3'],
      ...['-l', account.name, '-p', String(sshd.port), '--identity', key.privatePath],
      ...['--known-hosts', sshd.knownHosts(['::1', '127.0.1.3'])],
      ...['--known-hosts', second.knownHosts(['127.0.1.2'])],
      ...['--', 'id', '-un'],
    ]);
    expect(run.result.exitCode, run.result.stderr).toBe(0);
    expect(Object.fromEntries(run.document.hosts.map(({ host, stdout }) => [host, stdout?.trim()]))).toEqual({
      '::1': account.name,
      '127.0.1.2': other.name,
      '127.0.1.3': account.name,
    });
    expect(second.connections()).toHaveLength(1);
  });
});
