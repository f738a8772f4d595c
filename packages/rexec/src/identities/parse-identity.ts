/**
 * Reads private keys: OpenSSH's own format, PEM (PKCS#1, SEC1) and PKCS#8, encrypted or not; Ed25519, ECDSA on the
 * NIST curves, RSA. Called once per key and job, since an OpenSSH key's KDF takes up to two seconds.
 *
 * 1. No message contains anything of the key or the passphrase.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { keyFingerprint, publicKeyText, type SealedPayload } from '@pogo/protocol';
import ssh2 from 'ssh2';
import type { IdentityKey, KeyAgent, SignatureHash } from './key-agent.js';
import { integer, strings } from './ssh-strings.js';

export type SealedIdentity = NonNullable<SealedPayload['identities']>[number];

export type ParsedIdentity =
  { readonly ok: true; readonly key: IdentityKey } | { readonly ok: false; readonly message: string };

export function parseIdentity(identity: SealedIdentity): ParsedIdentity {
  const fail = (text: string): ParsedIdentity => ({
    ok: false,
    message: `the key ${identity.label} cannot be used: ${text}`,
  });
  const text = identity.privateKey.trim();
  const read = text.startsWith('-----BEGIN OPENSSH PRIVATE KEY-----') ? readOpenSsh : readPem;
  const result = read(text, identity.passphrase);
  if (typeof result === 'string') return fail(result);
  const blob = publicBlob(result);
  if (typeof blob === 'string') return fail(blob);
  return { ok: true, key: identityKey(identity.label, result, blob) };
}

export interface OpenedIdentities {
  readonly agent: KeyAgent;
  /** Of keys that can't be used, a clause each. */
  readonly warnings: readonly string[];
}

/** All identities that came with a job; those that can't be used are left out. */
export function parseIdentities(identities: readonly SealedIdentity[]): OpenedIdentities {
  const parsed = identities.map(parseIdentity);
  return {
    agent: { keys: parsed.flatMap((one) => (one.ok ? [one.key] : [])) },
    warnings: parsed.flatMap((one) => (one.ok ? [] : [one.message])),
  };
}

function identityKey(label: string, privateKey: KeyObject, blob: Buffer): IdentityKey {
  const isRsa = privateKey.asymmetricKeyType === 'rsa';
  const ownHash = curveHashes[privateKey.asymmetricKeyDetails?.namedCurve ?? ''];
  return {
    label,
    publicKey: publicKeyText(blob)!,
    fingerprint: keyFingerprint(blob),
    sign: (data: Buffer, hash: SignatureHash | undefined) =>
      sign(isRsa ? (hash ?? 'sha512') : (ownHash ?? null), data, privateKey),
  };
}

/** Of an OpenSSH key's KDF; some ten seconds. `ssh-keygen` takes 16 or 24 unless it is told otherwise. */
const maxKdfRounds = 1024;

const damaged = 'it is not a private key, or damaged';
const noPassphrase = 'it is encrypted and no passphrase came with it';
const wrongPassphrase = 'the passphrase is wrong, or the file is damaged';

function readOpenSsh(text: string, passphrase: string | undefined): KeyObject | string {
  // A damaged count could keep this process busy for weeks.
  if (passphrase !== undefined && kdfRounds(text) > maxKdfRounds) {
    return `its passphrase takes more than ${maxKdfRounds} rounds; encrypt it anew with \`ssh-keygen -p -a 64\``;
  }
  const parsed = ssh2.utils.parseKey(text, passphrase);
  if (parsed instanceof Error) {
    if (/no passphrase/i.test(parsed.message)) return noPassphrase;
    if (/unsupported cipher/i.test(parsed.message)) {
      return 'its cipher is not supported; encrypt it anew with `ssh-keygen -p -Z aes256-ctr`';
    }
    if (/unsupported.*(key|type|format)/i.test(parsed.message)) return unsupportedType;
    return passphrase === undefined ? damaged : wrongPassphrase;
  }
  // The format can hold several keys; the tools write one.
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  try {
    return createPrivateKey(key.getPrivatePEM());
  } catch {
    return unsupportedType;
  }
}

/** Rounds of the KDF that an OpenSSH key names, 0 when it names none (openssh-portable, PROTOCOL.key). */
function kdfRounds(text: string): number {
  const bytes = Buffer.from(text.slice(text.indexOf('\n'), text.lastIndexOf('\n')), 'base64');
  const numberAt = (at: number) => (at + 4 <= bytes.length ? bytes.readUInt32BE(at) : 0);
  const cipherAt = 'openssh-key-v1\0'.length;
  const kdfAt = cipherAt + 4 + numberAt(cipherAt);
  const optionsAt = kdfAt + 4 + numberAt(kdfAt);
  const saltAt = optionsAt + 4;
  return numberAt(optionsAt) === 0 ? 0 : numberAt(saltAt + 4 + numberAt(saltAt));
}

function readPem(text: string, passphrase: string | undefined): KeyObject | string {
  try {
    return createPrivateKey({
      key: text,
      format: 'pem',
      ...(passphrase === undefined ? {} : { passphrase }),
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ERR_MISSING_PASSPHRASE') return noPassphrase;
    if (/ENCRYPTED/.test(text)) return passphrase === undefined ? noPassphrase : wrongPassphrase;
    return 'it is not a private key in OpenSSH, PEM or PKCS#8 format';
  }
}

const unsupportedType = 'its type is not supported; use Ed25519, ECDSA or RSA';

const curves: Record<string, string> = {
  prime256v1: 'nistp256',
  secp384r1: 'nistp384',
  secp521r1: 'nistp521',
};
const curveHashes: Record<string, string> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
};

/** The public half as SSH writes it (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4), or why there is none. */
function publicBlob(key: KeyObject): Buffer | string {
  if (!['ed25519', 'ec', 'rsa'].includes(key.asymmetricKeyType ?? '')) return unsupportedType;
  const curve = curves[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (key.asymmetricKeyType === 'ec' && curve === undefined) return unsupportedType;
  const jwk = publicJwk(key);
  if (jwk === undefined) return damaged;
  const bytes = (value: string | undefined) => Buffer.from(value ?? '', 'base64url');
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return strings(Buffer.from('ssh-ed25519'), bytes(jwk.x));
    case 'rsa':
      return strings(Buffer.from('ssh-rsa'), integer(bytes(jwk.e)), integer(bytes(jwk.n)));
    default: {
      const point = Buffer.concat([Buffer.of(4), bytes(jwk.x), bytes(jwk.y)]);
      return strings(Buffer.from(`ecdsa-sha2-${curve}`), Buffer.from(curve!), point);
    }
  }
}

/** Of the public half only: no private part is exported on the way. Undefined when the key holds no usable one. */
function publicJwk(key: KeyObject) {
  try {
    return createPublicKey(key).export({ format: 'jwk' });
  } catch {
    return undefined;
  }
}
