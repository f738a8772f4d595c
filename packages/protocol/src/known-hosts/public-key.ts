import { createHash } from 'node:crypto';

/** An SSH public key as `type base64`, without comment: the form in which every part compares and passes host keys. */
export type PublicKeyText = string;

const keyText = /^([a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})$/;

/** The type that a key's blob names (RFC 4253 6.6), or undefined when it isn't a key blob. */
export function publicKeyType(blob: Uint8Array): string | undefined {
  if (blob.length < 4) return undefined;
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  const length = bytes.readUInt32BE(0);
  if (length === 0 || length > 64 || bytes.length <= 4 + length) return undefined;
  const type = bytes.toString('latin1', 4, 4 + length);
  return /^[a-z0-9@.-]+$/.test(type) ? type : undefined;
}

/** `type base64` of a key's blob, or undefined when it isn't one. */
export function publicKeyText(blob: Uint8Array): PublicKeyText | undefined {
  const type = publicKeyType(blob);
  if (type === undefined) return undefined;
  return `${type} ${Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength).toString('base64')}`;
}

/** The blob of a `type base64` text, or undefined when text and blob don't fit together. */
export function publicKeyBlob(text: PublicKeyText): Buffer | undefined {
  const match = keyText.exec(text);
  if (match === null) return undefined;
  const blob = Buffer.from(match[2]!, 'base64');
  return publicKeyType(blob) === match[1] ? blob : undefined;
}

/** `SHA256:…` without padding, as OpenSSH shows it. Takes a blob or a `type base64` text. */
export function keyFingerprint(key: Uint8Array | PublicKeyText): string {
  const blob = typeof key === 'string' ? Buffer.from(key.slice(key.indexOf(' ') + 1), 'base64') : key;
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
