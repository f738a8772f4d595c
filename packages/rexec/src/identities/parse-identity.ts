/**
 * Reads private keys: OpenSSH's own format, PEM (PKCS#1, SEC1) and PKCS#8, encrypted or not; Ed25519, ECDSA on the
 * NIST curves, RSA. Called once per key and job, since an OpenSSH key's KDF takes up to two seconds.
 *
 * 1. No message contains anything of the key or the passphrase.
 * 2. Whatever the text is, nothing throws, and no API of Node is asked that ends the process for some damaged keys
 *    (`asymmetricKeyDetails` and JWK do, for elliptic curves).
 */
import { createPrivateKey, createPublicKey, ECDH, type KeyObject, sign } from 'node:crypto';
import { keyFingerprint, publicKeyText, type SealedPayload } from '@pogo/protocol';
import ssh2 from 'ssh2';
import type { IdentityKey, KeyAgent, SignatureHash } from './key-agent.js';
import { openSshRounds, pkcs8Rounds } from './key-rounds.js';
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
  const half = publicHalf(result);
  if (typeof half === 'string') return fail(half);
  return { ok: true, key: identityKey(identity.label, result, half) };
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

function identityKey(label: string, privateKey: KeyObject, { blob, ownHash }: PublicHalf): IdentityKey {
  const isRsa = privateKey.asymmetricKeyType === 'rsa';
  return {
    label,
    publicKey: publicKeyText(blob)!,
    fingerprint: keyFingerprint(blob),
    sign: (data: Buffer, hash: SignatureHash | undefined) =>
      sign(isRsa ? (hash ?? 'sha512') : ownHash, data, privateKey),
  };
}

/** Of an OpenSSH key's KDF; some ten seconds. `ssh-keygen` takes 16 or 24 unless it is told otherwise. */
const maxOpenSshRounds = 1024;
/** Of a PKCS#8 key's; some ten seconds. `openssl` takes 2048 unless it is told otherwise. */
const maxPkcs8Rounds = 10_000_000;

const damaged = 'it is not a private key, or damaged';
const noPassphrase = 'it is encrypted and no passphrase came with it';
const wrongPassphrase = 'the passphrase is wrong, or the file is damaged';

function readOpenSsh(text: string, passphrase: string | undefined): KeyObject | string {
  if (passphrase !== undefined && openSshRounds(text) > maxOpenSshRounds)
    return tooManyRounds(maxOpenSshRounds);
  const parsed = parseOpenSsh(text, passphrase);
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

/** The library's parser; it throws on some damaged keys instead of returning the error. */
function parseOpenSsh(text: string, passphrase: string | undefined): ReturnType<typeof ssh2.utils.parseKey> {
  try {
    return ssh2.utils.parseKey(text, passphrase);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function tooManyRounds(most: number): string {
  return `its passphrase takes more than ${most} rounds; encrypt it anew with \`ssh-keygen -p -a 64\``;
}

function readPem(text: string, passphrase: string | undefined): KeyObject | string {
  if (passphrase !== undefined) {
    const rounds = pkcs8Rounds(text);
    if (rounds === undefined) return wrongPassphrase;
    if (rounds > maxPkcs8Rounds) return tooManyRounds(maxPkcs8Rounds);
  }
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

const curves = [
  { name: 'nistp256', openSsl: 'prime256v1', hash: 'sha256', oid: '06082a8648ce3d030107' },
  { name: 'nistp384', openSsl: 'secp384r1', hash: 'sha384', oid: '06052b81040022' },
  { name: 'nistp521', openSsl: 'secp521r1', hash: 'sha512', oid: '06052b81040023' },
] as const;

interface PublicHalf {
  /** As SSH writes it (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4). */
  blob: Buffer;
  /** The hash that belongs to the curve; null where there is no choice, and none to name. */
  ownHash: string | null;
}

/** The public half, or why there is none. No private part is exported on the way. */
function publicHalf(privateKey: KeyObject): PublicHalf | string {
  const type = privateKey.asymmetricKeyType ?? '';
  if (!['ed25519', 'ec', 'rsa'].includes(type)) return unsupportedType;
  try {
    const key = createPublicKey(privateKey);
    if (type === 'rsa') {
      const { n = '', e = '' } = key.export({ format: 'jwk' });
      const numbers = [e, n].map((text) => integer(Buffer.from(text, 'base64url')));
      return { blob: strings(Buffer.from('ssh-rsa'), ...numbers), ownHash: null };
    }
    const info = key.export({ type: 'spki', format: 'der' });
    if (type === 'ed25519')
      return { blob: strings(Buffer.from('ssh-ed25519'), info.subarray(-32)), ownHash: null };
    const curve = curves.find(({ oid }) => info.includes(Buffer.from(oid, 'hex')));
    if (curve === undefined) return unsupportedType;
    const point = pointIn(info, Buffer.from(curve.oid, 'hex'), curve.openSsl);
    const blob = strings(Buffer.from(`ecdsa-sha2-${curve.name}`), Buffer.from(curve.name), point);
    return { blob, ownHash: curve.hash };
  } catch {
    return damaged;
  }
}

/** The point behind the curve's name in a SubjectPublicKeyInfo (RFC 5480 2), uncompressed. Throws when it is none. */
function pointIn(info: Buffer, oid: Buffer, openSslCurve: string): Buffer {
  // A bit string: its tag, its length in one byte or two, the count of unused bits.
  const lengthAt = info.indexOf(oid) + oid.length + 1;
  const pointAt = lengthAt + (info[lengthAt] === 0x81 ? 3 : 2);
  const point = ECDH.convertKey(info.subarray(pointAt), openSslCurve, undefined, undefined, 'uncompressed');
  return Buffer.from(point as Buffer);
}
