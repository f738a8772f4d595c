/**
 * What a process does for the first time is slow: compiling the schemas' parsers, loading the algorithms. A spare has
 * the time to do it before its job comes.
 *
 * 1. Nothing here has an effect but on speed.
 */
import { createHash, diffieHellman, generateKeyPairSync, sign, verify } from 'node:crypto';
import { resolveTargets } from '@pogo/core';
import { parseKnownHosts, rexecOrderSchema, sealedPayloadSchema } from '@pogo/protocol';
import { createStubParser, renderStub } from '@pogo/stub';

export function warmUp(): void {
  const digest = `sha256:${createHash('sha256').update('').digest('hex')}`;
  rexecOrderSchema.safeParse({
    type: 'open',
    job: 1,
    digest,
    spec: {
      version: 1,
      namespace: 'default',
      submitter: 'nobody',
      targets: 'nobody@nowhere:22',
      command: { kind: 'argv', argv: ['true'] },
      user: 'nobody',
      port: 22,
      auth: { methods: ['publickey'] },
      hostKeys: { policy: 'strict', known: [{ hosts: 'nowhere:22', keys: ['ssh-ed25519 AAAA'] }] },
      timeouts: { connectMs: 1, handshakeMs: 1, commandMs: 1 },
      environment: { POGO_X: '' },
      lifetimeMs: 1000,
    },
    credentials: {
      protected: '',
      iv: '',
      ciphertext: '',
      tag: '',
      aad: '',
      recipients: [{ header: { alg: 'RSA-OAEP-256', kid: '' }, encrypted_key: '' }],
    },
    sealingKeyFile: '',
    kid: '',
    workerKnownHostsFile: '',
    authPlugins: {},
    outputLimitBytes: 1,
    allowAgentForwarding: false,
  });
  rexecOrderSchema.safeParse({ type: 'run', attempts: [{ host: 0, attempt: 1, index: 1, fence: false }] });
  rexecOrderSchema.safeParse({ type: 'recorded', attempts: [{ host: 0, attempt: 1 }] });
  const sealed = { version: 1, digest, sealedAtMs: 0, lifetimeMs: 1, password: '' };
  sealedPayloadSchema.safeParse({ ...sealed, identities: [{ label: '', privateKey: '', passphrase: '' }] });
  resolveTargets('nobody@nowhere[1-2]:22');
  parseKnownHosts('nowhere ssh-ed25519 AAAA').lookup('nowhere', 22);
  const nonce = '0'.repeat(32);
  const claim = { lockKey: '0'.repeat(16), index: 0, job: 0, attempt: 0, nowMs: 0 };
  renderStub({ nonce, command: { kind: 'argv', argv: ['true'] }, environment: {}, timeoutMs: 1, claim });
  createStubParser({ nonce }).stdout(Buffer.from('warm'));
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  verify(null, Buffer.of(0), publicKey, sign(null, Buffer.of(0), privateKey));
  diffieHellman(generateKeyPairSync('x25519'));
}
