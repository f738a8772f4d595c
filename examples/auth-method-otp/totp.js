import { createHmac } from 'node:crypto';

const stepMs = 30_000;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * The one-time code of an instant: six digits, SHA-1, steps of 30 s (RFC 6238), as authenticator apps have it.
 *
 * @param {Buffer} key
 * @param {number} wallMs milliseconds since 1970
 */
export function totp(key, wallMs) {
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(wallMs / stepMs)));
  const digest = createHmac('sha1', key).update(step).digest();
  const offset = digest[digest.length - 1] & 0x0f;
  const code = (digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000;
  return String(code).padStart(6, '0');
}

/**
 * Reads a key in base32 (RFC 4648), spaces and padding allowed; undefined when it isn't one.
 *
 * @param {string} text
 */
export function readBase32(text) {
  const digits = [...text.toUpperCase().replace(/[\s=-]/g, '')].map((digit) => alphabet.indexOf(digit));
  if (digits.length < 2 || digits.includes(-1)) return undefined;
  const bits = digits.map((digit) => digit.toString(2).padStart(5, '0')).join('');
  const bytes = bits.match(/.{8}/g) ?? [];
  return Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2)));
}
