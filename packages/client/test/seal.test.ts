import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Secret, sealedCredentialsSchema, sealedPayloadSchema } from '@pogo/protocol';
import { generalDecrypt } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkRecipient } from '../src/credentials/recipient-check.js';
import { sealCredentials } from '../src/credentials/seal.js';
import { type IssuedCertificate, issue, keyIdOf } from './support/certificates.js';

const nowMs = Date.now();
const minute = 60_000;
let root: IssuedCertificate;
let worker: IssuedCertificate;

beforeAll(() => {
  root = issue({ cn: 'sealing root', ou: 'root' });
  worker = issue({ cn: 'worker-1', ou: 'sealing', issuer: root });
});

const recipientOf = (certificate: IssuedCertificate, name = 'worker-1') => ({
  worker: name,
  kid: keyIdOf(certificate.certificate),
  certificate: certificate.certificate,
});
const digest = `sha256:${'ab'.repeat(32)}`;
const credentials = {
  methods: ['password'],
  password: new Secret('correct horse'),
  identities: [{ label: 'id', privateKey: new Secret('PEM'), passphrase: new Secret('sesame') }],
};

describe('sealed credentials', () => {
  it('open for every recipient, with the digest as authenticated data, in the form that the protocol declares', async () => {
    const second = issue({ cn: 'worker-2', ou: 'sealing', issuer: root });
    const sealed = await sealCredentials({
      credentials,
      digest,
      lifetimeMs: 60_000,
      recipients: [recipientOf(worker), recipientOf(second, 'worker-2')],
      sealingRoot: root.certificate,
      nowMs,
    });
    if (!sealed.ok) throw new Error(sealed.failure.message);
    const message = sealedCredentialsSchema.parse(JSON.parse(JSON.stringify(sealed.value)));
    for (const [index, { key }] of [worker, second].entries()) {
      const recipient = message.recipients[index]!;
      const opened = await generalDecrypt({ ...message, recipients: [recipient] }, createPrivateKey(key));
      expect(Buffer.from(opened.additionalAuthenticatedData!).toString()).toBe(digest);
      expect(opened.protectedHeader).toEqual({ enc: 'A256GCM' });
      expect(sealedPayloadSchema.parse(JSON.parse(Buffer.from(opened.plaintext).toString()))).toEqual({
        version: 1,
        digest,
        sealedAtMs: nowMs,
        lifetimeMs: 60_000,
        password: 'correct horse',
        identities: [{ label: 'id', privateKey: 'PEM', passphrase: 'sesame' }],
      });
    }
  });

  it('do not open when the digest was exchanged', async () => {
    const sealed = await sealCredentials({
      credentials,
      digest,
      lifetimeMs: 1,
      recipients: [recipientOf(worker)],
      sealingRoot: root.certificate,
      nowMs,
    });
    if (!sealed.ok) throw new Error(sealed.failure.message);
    const forged = { ...sealed.value, aad: Buffer.from(`sha256:${'cd'.repeat(32)}`).toString('base64url') };
    await expect(generalDecrypt(forged, createPrivateKey(worker.key))).rejects.toThrow();
  });

  it('are made for nobody when one of the recipients is not vouched for', async () => {
    const foreign = issue({
      cn: 'worker-2',
      ou: 'sealing',
      issuer: issue({ cn: 'sealing root', ou: 'root' }),
    });
    const sealed = await sealCredentials({
      credentials,
      digest,
      lifetimeMs: 1,
      recipients: [recipientOf(worker), recipientOf(foreign, 'worker-2')],
      sealingRoot: root.certificate,
      nowMs,
    });
    expect(sealed).toMatchObject({ ok: false, failure: { code: 'recipient-refused' } });
  });

  it('are refused without any recipient', async () => {
    const request = {
      credentials,
      digest,
      lifetimeMs: 1,
      recipients: [],
      sealingRoot: root.certificate,
      nowMs,
    };
    expect(await sealCredentials(request)).toMatchObject({ ok: false, failure: { code: 'no-worker' } });
  });
});

describe('a recipient', () => {
  const check = (recipient: Parameters<typeof checkRecipient>[0], atMs = nowMs) =>
    checkRecipient(recipient, new X509Certificate(root.certificate), atMs);

  it('is taken when the pinned root signed its certificate, within five minutes of its validity', () => {
    expect(check(recipientOf(worker)).ok).toBe(true);
    const edges = issue({
      cn: 'worker-1',
      ou: 'sealing',
      issuer: root,
      notBefore: new Date(nowMs),
      notAfter: new Date(nowMs + 60 * minute),
    });
    expect(check(recipientOf(edges), nowMs - 4 * minute).ok).toBe(true);
    expect(check(recipientOf(edges), nowMs - 6 * minute).ok).toBe(false);
    expect(check(recipientOf(edges), nowMs + 64 * minute).ok).toBe(true);
    expect(check(recipientOf(edges), nowMs + 66 * minute).ok).toBe(false);
  });

  it.each([
    [
      'was signed by another root of the same name',
      () =>
        recipientOf(
          issue({ cn: 'worker-1', ou: 'sealing', issuer: issue({ cn: 'sealing root', ou: 'root' }) }),
        ),
    ],
    ['signed itself', () => recipientOf(issue({ cn: 'worker-1', ou: 'sealing', ca: false }))],
    [
      'may issue certificates',
      () => recipientOf(issue({ cn: 'worker-1', ou: 'sealing', issuer: root, ca: true })),
    ],
    ['is a dispatcher’s', () => recipientOf(issue({ cn: 'worker-1', ou: 'dispatcher', issuer: root }))],
    ['names another worker', () => recipientOf(worker, 'worker-2')],
    ['has another key id', () => ({ ...recipientOf(worker), kid: keyIdOf(root.certificate) })],
    ['is no certificate', () => ({ ...recipientOf(worker), certificate: 'garbage' })],
  ])('is refused when its certificate %s', (_what, recipient) => {
    expect(check(recipient()).ok).toBe(false);
  });
});
