/** One-time codes of an account: the key in the hands of its user, and a PAM service that wants a code of it. */
import { randomBytes } from 'node:crypto';
import { type Account, createPamService, type PamService } from '@pogo/testkit';

export interface OneTimeCodes {
  readonly key: Buffer;
  /** The key as users are shown it. */
  readonly secret: string;
  /** For `pamService` of an sshd: asks for the account's password, then for a code; each code serves once. */
  readonly pam: PamService;
}

export function createOneTimeCodes(account: Account): OneTimeCodes {
  const key = randomBytes(20);
  const pam = createPamService(
    [
      'auth required pam_unix.so',
      'auth required pam_oath.so usersfile=FILE window=3 digits=6',
      'account required pam_unix.so',
      'session required pam_permit.so',
    ],
    `HOTP/T30/6 ${account.name} - ${key.toString('hex')}\n`,
  );
  return { key, secret: base32(key), pam };
}

/** RFC 4648, without padding. */
export function base32(bytes: Buffer): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? [])
    .map((digit) => alphabet.charAt(Number.parseInt(digit.padEnd(5, '0'), 2)))
    .join('');
}
