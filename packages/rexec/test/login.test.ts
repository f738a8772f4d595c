import { readFileSync } from 'node:fs';
import { type Account, createKey, type Key, type KeyOptions, type Sshd } from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Fixture, knownAt } from './fixture.js';
import type { Credentials } from './seal.js';

let fixture: Fixture;
let sshd: Sshd;
let passwordOnly: Sshd;
let promptOnly: Sshd;
let keysOnly: Sshd;
let account: Account;
const password = 'correct horse battery';

beforeAll(async () => {
  fixture = await Fixture.create();
  account = await fixture.account({ password });
  sshd = await fixture.sshd();
  passwordOnly = await fixture.sshd({ methods: ['password'] });
  promptOnly = await fixture.sshd({ methods: ['keyboard-interactive'] });
  keysOnly = await fixture.sshd({ methods: ['publickey'] });
});

afterAll(() => fixture?.end());
afterEach(() => fixture.hangUp());

async function loginTo(
  server: Sshd,
  methods: string[],
  credentials: Credentials,
  options: { user?: string; authPlugins?: Record<string, string> } = {},
) {
  const target = `${options.user ?? account.name}@127.0.1.1:${server.port}`;
  const job = await fixture.job(credentials, {
    targets: target,
    auth: { methods },
    hostKeys: knownAt(server, '127.0.1.1'),
  });
  const rexec = await fixture.start({ ...job, authPlugins: options.authPlugins ?? {} });
  const before = server.authAttempts().length;
  rexec.run(0);
  const outcome = await rexec.outcome(0);
  await rexec.close();
  const said = JSON.stringify(rexec.messages);
  for (const secret of [password, 'PRIVATE KEY']) expect(said).not.toContain(secret);
  const attempts = () =>
    server
      .authAttempts()
      .slice(before)
      .filter(({ method }) => method !== 'none');
  return { outcome, attempts, target, rexec };
}

function identity(key: Key, passphrase?: string) {
  const privateKey = readFileSync(key.privatePath, 'utf8');
  return { label: 'id_test', privateKey, ...(passphrase === undefined ? {} : { passphrase }) };
}

const kinds: [Partial<KeyOptions>, string][] = [
  [{ type: 'ed25519', format: 'openssh' }, 'Ed25519 in OpenSSH format'],
  [{ type: 'ecdsa', format: 'openssh' }, 'ECDSA in OpenSSH format'],
  [{ type: 'rsa', format: 'openssh' }, 'RSA in OpenSSH format'],
  [{ type: 'ecdsa', format: 'pem' }, 'ECDSA in PEM (SEC1)'],
  [{ type: 'rsa', format: 'pem' }, 'RSA in PEM (PKCS#1)'],
  [{ type: 'ed25519', format: 'pkcs8' }, 'Ed25519 in PKCS#8'],
  [{ type: 'ecdsa', format: 'pkcs8' }, 'ECDSA in PKCS#8'],
  [{ type: 'rsa', format: 'pkcs8' }, 'RSA in PKCS#8'],
];

describe('a key', () => {
  it.each(kinds)('%j logs in, encrypted or not', async (kind, name) => {
    const directory = fixture.directory.path;
    const plain = await createKey({ directory, ...kind, name: `plain ${name}` });
    const passphrase = 'open sesame';
    const locked = await createKey({ directory, ...kind, name: `locked ${name}`, passphrase });
    account.authorize([plain.publicLine, locked.publicLine]);
    for (const one of [identity(plain), identity(locked, passphrase)]) {
      const { outcome } = await loginTo(sshd, ['publickey'], { identities: [one] });
      expect(outcome).toMatchObject({ state: 'succeeded', methodsTried: ['publickey'] });
    }
    const wrong = await loginTo(sshd, ['publickey'], { identities: [identity(locked, 'open says me')] });
    expect(wrong.outcome).toMatchObject({
      state: 'auth-failed',
      reason: 'credentials-unusable',
      message:
        'No method of the job can be used (publickey: the key id_test cannot be used: ' +
        'the passphrase is wrong, or the file is damaged).',
    });
    const without = await loginTo(sshd, ['publickey'], { identities: [identity(locked)] });
    expect(without.outcome.message).toContain('it is encrypted and no passphrase came with it');
    expect(wrong.attempts()).toEqual([]);
  });

  it('of RSA signs with SHA-2', async () => {
    const key = await createKey({ directory: fixture.directory.path, type: 'rsa', name: 'rsa-sha2' });
    account.authorize([key.publicLine]);
    const server = await fixture.sshd({ settings: { PubkeyAcceptedAlgorithms: 'rsa-sha2-256' } });
    expect((await loginTo(server, ['publickey'], { identities: [identity(key)] })).outcome.state).toBe(
      'succeeded',
    );
  });

  it('that is no key, or of another kind, is refused by name', async () => {
    const rubbish = { label: 'notes.txt', privateKey: 'dear diary' };
    expect((await loginTo(sshd, ['publickey'], { identities: [rubbish] })).outcome.message).toContain(
      'the key notes.txt cannot be used: it is not a private key in OpenSSH, PEM or PKCS#8 format',
    );
    const certificate = {
      label: 'cert',
      privateKey: '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----',
    };
    expect((await loginTo(sshd, ['publickey'], { identities: [certificate] })).outcome.message).toContain(
      'the key cert cannot be used: it is not a private key, or damaged',
    );
  });

  it('is one of several: the others are offered first, and one that is unusable is a warning', async () => {
    account.authorize([fixture.key.publicLine]);
    const other = await createKey({ directory: fixture.directory.path, type: 'ecdsa', name: 'other' });
    const { outcome, rexec } = await loginTo(sshd, ['publickey'], {
      identities: [{ label: 'rubbish', privateKey: 'x' }, identity(other), fixture.identity],
    });
    expect(outcome).toMatchObject({ state: 'succeeded', methodsTried: ['publickey'] });
    expect(await rexec.message('log')).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('rubbish'),
    });
  });

  it('that the host refuses is named with its fingerprint, and no password is tried that the job does not list', async () => {
    const key = await createKey({ directory: fixture.directory.path, name: 'unknown' });
    const { outcome, attempts, target } = await loginTo(sshd, ['publickey'], {
      password,
      identities: [identity(key)],
    });
    expect(outcome).toMatchObject({
      state: 'auth-failed',
      reason: 'key-refused',
      methodsTried: ['publickey'],
      message: `${target} refused publickey with id_test ${key.fingerprint}.`,
    });
    await sshd.waitForLog(() => attempts().length > 0);
    expect(attempts().map(({ method }) => method)).toEqual(['publickey']);
  });
});

describe('a password', () => {
  it('logs in by `password`, and by `keyboard-interactive`', async () => {
    for (const [server, method] of [
      [passwordOnly, 'password'],
      [promptOnly, 'keyboard-interactive'],
    ] as const) {
      const { outcome } = await loginTo(server, [method], { password });
      expect(outcome).toMatchObject({ state: 'succeeded', methodsTried: [method] });
    }
  });

  it('is sent by the method that the host offers, and nothing is tried that it does not', async () => {
    const { outcome, attempts } = await loginTo(
      promptOnly,
      ['publickey', 'password', 'keyboard-interactive'],
      { password },
    );
    expect(outcome).toMatchObject({ state: 'succeeded', methodsTried: ['keyboard-interactive'] });
    expect(attempts().some(({ method }) => method === 'password')).toBe(false);
  });

  it('that is wrong is tried once on a host, though two methods could', async () => {
    const { outcome, attempts, target } = await loginTo(sshd, ['password', 'keyboard-interactive'], {
      password: 'wrong',
    });
    expect(outcome).toMatchObject({
      state: 'auth-failed',
      reason: 'password-refused',
      methodsTried: ['password'],
      message: `${target} refused the password by password (keyboard-interactive would have sent the same password again).`,
    });
    expect(attempts().map(({ method }) => method)).toEqual(['password']);
  });

  it('comes after a key that was refused, in the order of the job', async () => {
    const key = await createKey({ directory: fixture.directory.path, name: 'refused-first' });
    const { outcome, attempts } = await loginTo(sshd, ['publickey', 'password'], {
      password,
      identities: [identity(key)],
    });
    expect(outcome).toMatchObject({ state: 'succeeded', methodsTried: ['publickey', 'password'] });
    expect(attempts().map(({ method, result }) => `${result} ${method}`)).toEqual([
      'failed publickey',
      'accepted password',
    ]);
    const both = await loginTo(sshd, ['publickey', 'password'], {
      password: 'wrong',
      identities: [identity(key)],
    });
    expect(both.outcome).toMatchObject({
      reason: 'methods-refused',
      methodsTried: ['publickey', 'password'],
      message: `${both.target} refused every method that was tried: publickey with id_test ${key.fingerprint}, password.`,
    });
  });

  it('never goes to a host that offers no method of the job', async () => {
    const { outcome, attempts, target } = await loginTo(keysOnly, ['password', 'keyboard-interactive'], {
      password,
    });
    expect(outcome).toMatchObject({
      state: 'auth-failed',
      reason: 'no-common-method',
      methodsTried: [],
      message: `${target} offers only publickey (password is not offered; keyboard-interactive is not offered).`,
    });
    expect(attempts()).toEqual([]);
  });

  it('is half of a login where the host wants a key as well', async () => {
    account.authorize([fixture.key.publicLine]);
    const server = await fixture.sshd({ settings: { AuthenticationMethods: 'publickey,password' } });
    const { outcome } = await loginTo(server, ['publickey', 'password'], {
      password,
      identities: [fixture.identity],
    });
    expect(outcome).toMatchObject({ state: 'succeeded', methodsTried: ['publickey', 'password'] });
  });
});

describe('methods', () => {
  it('without their credential are not tried, and none left means that no host is dialled', async () => {
    const before = sshd.log();
    const { outcome } = await loginTo(sshd, ['publickey', 'password'], {});
    expect(outcome).toMatchObject({
      state: 'auth-failed',
      reason: 'credentials-unusable',
      message:
        'No method of the job can be used (publickey: no key came with the job; password: no password came with the job).',
    });
    expect(sshd.log()).toBe(before);
  });
});
