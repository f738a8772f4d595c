import { readFileSync, writeFileSync } from 'node:fs';
import { acceptNewMarker, knownHostsLine, type KnownHostKeys } from '@pogo/protocol';
import { type Account, createKey, keyFingerprint, type Sshd } from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Fixture } from './fixture.js';

let fixture: Fixture;
let sshd: Sshd;
let account: Account;
let target: string;
const password = 'correct horse';
const host = '127.0.1.1';

beforeAll(async () => {
  fixture = await Fixture.create();
  account = await fixture.account({ password });
  sshd = await fixture.sshd({ hostKeyTypes: ['ed25519', 'ecdsa', 'rsa'] });
  target = `${account.name}@${host}:${sshd.port}`;
});

afterAll(() => fixture?.end());
afterEach(() => fixture.hangUp());

async function outcomeOf(options: {
  known?: readonly string[];
  workerFile?: string;
  policy?: 'strict' | 'accept-new';
  methods?: string[];
}) {
  const known: KnownHostKeys[] = options.known
    ? [{ hosts: `${host}:${sshd.port}`, keys: [...options.known] }]
    : [];
  const job = await fixture.job(
    { password, identities: [fixture.identity] },
    {
      targets: target,
      auth: { methods: options.methods ?? ['publickey'] },
      hostKeys: { policy: options.policy ?? 'strict', known },
    },
  );
  const workerKnownHostsFile = fixture.directory.file('worker-known-hosts');
  writeFileSync(workerKnownHostsFile, options.workerFile ?? '');
  const rexec = await fixture.start({ ...job, workerKnownHostsFile });
  const before = sshd.authAttempts().length;
  rexec.run(0);
  const outcome = await rexec.outcome(0);
  await rexec.close();
  const accepted = rexec.messages.filter((message) => message.type === 'host-key-accepted');
  return { outcome, accepted, attempts: sshd.authAttempts().slice(before) };
}

const line = (key: string, comment = '') => knownHostsLine({ host, port: sshd.port, key, comment });
const foreign = async (type: 'ed25519' | 'rsa' = 'ed25519') =>
  createKey({
    directory: fixture.directory.path,
    type,
    name: `foreign-${Math.random().toString(36).slice(2)}`,
  });

describe('a host key', () => {
  it('of each type is enough by itself: that type is asked for', async () => {
    for (const key of sshd.hostPublicKeys) {
      const { outcome } = await outcomeOf({ known: [key] });
      expect(outcome).toMatchObject({ state: 'succeeded' });
    }
  });

  it("counts from the worker's own file, when the seal has none for the host", async () => {
    expect((await outcomeOf({ workerFile: line(sshd.hostPublicKeys[1]!) })).outcome.state).toBe('succeeded');
  });

  it('that nobody knows is refused with its fingerprint, before any credential is sent', async () => {
    const { outcome, attempts } = await outcomeOf({ methods: ['password', 'publickey'] });
    expect(outcome).toEqual({
      state: 'auth-failed',
      reason: 'host-key-unknown',
      message:
        `${target} showed the host key ssh-ed25519 ${keyFingerprint(sshd.hostPublicKeys[0]!)}, ` +
        'and no key of it is known; no credential was sent.',
      durationMs: expect.any(Number),
    });
    expect(attempts).toEqual([]);
  });

  it('that has changed is refused under both policies, with both fingerprints', async () => {
    const other = await foreign();
    for (const policy of ['strict', 'accept-new'] as const) {
      const { outcome, attempts, accepted } = await outcomeOf({
        policy,
        known: [other.publicLine],
        methods: ['password', 'publickey'],
      });
      expect(outcome).toMatchObject({
        state: 'auth-failed',
        reason: 'host-key-changed',
        message:
          `${target} showed the host key ssh-ed25519 ${keyFingerprint(sshd.hostPublicKeys[0]!)}, ` +
          `but the known one is ssh-ed25519 ${other.fingerprint}; no credential was sent.`,
      });
      expect(attempts).toEqual([]);
      expect(accepted).toEqual([]);
    }
  });

  it('of a type that is known with another value is changed, though further types would be new', async () => {
    const other = await foreign('rsa');
    const { outcome } = await outcomeOf({ policy: 'accept-new', known: [other.publicLine] });
    expect(outcome.reason).toBe('host-key-changed');
    expect(outcome.message).toContain(`ssh-rsa ${keyFingerprint(sshd.hostPublicKeys[2]!)}`);
  });

  it("in the seal wins over the worker's file", async () => {
    const other = await foreign();
    const { outcome } = await outcomeOf({
      known: [other.publicLine],
      workerFile: line(sshd.hostPublicKeys[0]!),
    });
    expect(outcome.reason).toBe('host-key-changed');
  });

  it('that is revoked in the worker’s file is refused, whatever the seal says', async () => {
    const { outcome, attempts } = await outcomeOf({
      known: sshd.hostPublicKeys.slice(0, 1),
      workerFile: `@revoked * ${sshd.hostPublicKeys[0]!}`,
    });
    expect(outcome.reason).toBe('host-key-revoked');
    expect(attempts).toEqual([]);
  });
});

describe('the other keys of a host', () => {
  it('are not asked for: proving them would cost it a signature each, at every connection', async () => {
    const server = await fixture.sshd({ logLevel: 'DEBUG1' });
    const job = await fixture.job(
      { identities: [fixture.identity] },
      {
        targets: `${account.name}@${host}:${server.port}`,
        hostKeys: {
          policy: 'strict',
          known: [{ hosts: `${host}:${server.port}`, keys: [...server.hostPublicKeys] }],
        },
      },
    );
    const rexec = await fixture.start(job);
    rexec.run(0);
    expect(await rexec.outcome(0)).toMatchObject({ state: 'succeeded' });
    await server.waitForLog(/Closing connection|Disconnected from user/);
    expect(server.log()).not.toContain('hostkeys-prove');
  });
});

describe('accept-new', () => {
  it('takes the key of a host that is not known, and says which, for the record', async () => {
    const { outcome, accepted } = await outcomeOf({ policy: 'accept-new' });
    expect(outcome).toMatchObject({ state: 'succeeded' });
    expect(accepted).toEqual([
      {
        type: 'host-key-accepted',
        host,
        port: sshd.port,
        key: sshd.hostPublicKeys[0],
        fingerprint: keyFingerprint(sshd.hostPublicKeys[0]!),
      },
    ]);
  });

  it('sends such a host no password, now or later', async () => {
    for (const workerFile of ['', line(sshd.hostPublicKeys[0]!, acceptNewMarker)]) {
      const { outcome, attempts } = await outcomeOf({
        policy: 'accept-new',
        methods: ['password', 'keyboard-interactive'],
        workerFile,
      });
      expect(outcome).toMatchObject({
        state: 'auth-failed',
        reason: 'host-key-unproven',
        methodsTried: [],
        message: expect.stringContaining(`${target} was not sent the password`),
      });
      expect(attempts).toEqual([]);
    }
  });

  it('lets a key log in there all the same', async () => {
    const { outcome, accepted } = await outcomeOf({
      methods: ['password', 'publickey'],
      workerFile: line(sshd.hostPublicKeys[0]!, acceptNewMarker),
    });
    expect(outcome).toMatchObject({ state: 'succeeded', methodsTried: ['publickey'] });
    expect(accepted).toEqual([]);
  });
});

describe('an order', () => {
  it('cannot bring host keys of its own: they are under the seal', async () => {
    const job = await fixture.job(
      { identities: [fixture.identity] },
      { targets: target, hostKeys: { policy: 'strict', known: [] } },
    );
    const known = [{ hosts: `${host}:${sshd.port}`, keys: [...sshd.hostPublicKeys] }];
    const rexec = await fixture.start({
      ...job,
      spec: { ...job.spec, hostKeys: { policy: 'strict', known } },
    });
    rexec.run(0);
    expect(await rexec.outcome(0)).toMatchObject({ state: 'denied', reason: 'spec-mismatch' });
    expect(readFileSync(fixture.sealingKey.file, 'utf8')).toContain('PRIVATE KEY');
  });
});
