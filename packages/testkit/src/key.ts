/** SSH key pairs of every kind that a person may have, made at run time by the tools that people make them with. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { mustRun } from './run-command.js';
import { bareKey, keyFingerprint } from './public-key.js';

export type KeyType = 'ed25519' | 'ecdsa' | 'rsa';
/** `pem` is the older form (`BEGIN RSA PRIVATE KEY`, `BEGIN EC PRIVATE KEY`), which Ed25519 doesn't have. */
export type KeyFormat = 'openssh' | 'pem' | 'pkcs8';

export interface KeyOptions {
  /** Where the files go; it must exist. */
  directory: string;
  /** Name of the private file; the type and the format by default. */
  name?: string;
  type?: KeyType;
  format?: KeyFormat;
  /** Encrypts the private key. */
  passphrase?: string;
  /** Rounds of the passphrase's derivation in the OpenSSH format: what makes such a key slow to open. 16 by default. */
  rounds?: number;
}

export interface Key {
  /** The private key file, mode 0600. */
  privatePath: string;
  publicPath: string;
  /** As in `authorized_keys`: type and base64, without a comment. */
  publicLine: string;
  /** `SHA256:…`, as ssh-keygen shows it. */
  fingerprint: string;
}

const bits = { ed25519: 256, ecdsa: 256, rsa: 2048 } as const;

function generate(type: KeyType): KeyObject {
  switch (type) {
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
    case 'ecdsa':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: bits.rsa }).privateKey;
  }
}

/** The public half of a private key as `authorized_keys` has it. */
function publicLineOf(privateKey: KeyObject): string {
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  const field = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const number = (base64url: string) => {
    const bytes = Buffer.from(base64url, 'base64url');
    // A leading one bit would make the number negative (RFC 4251, mpint).
    return field(bytes[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
  };
  const line = (type: string, ...fields: Buffer[]) =>
    `${type} ${Buffer.concat([field(Buffer.from(type)), ...fields]).toString('base64')}`;
  switch (jwk.kty) {
    case 'OKP':
      return line('ssh-ed25519', field(Buffer.from(jwk.x!, 'base64url')));
    case 'EC': {
      const point = Buffer.concat([
        Buffer.of(4),
        Buffer.from(jwk.x!, 'base64url'),
        Buffer.from(jwk.y!, 'base64url'),
      ]);
      return line('ecdsa-sha2-nistp256', field(Buffer.from('nistp256')), field(point));
    }
    default:
      return line('ssh-rsa', number(jwk.e!), number(jwk.n!));
  }
}

/** Makes a key pair; the OpenSSH and PEM formats come from ssh-keygen, PKCS#8 from Node's OpenSSL. */
export async function createKey(options: KeyOptions): Promise<Key> {
  const { type = 'ed25519', format = 'openssh', passphrase = '', rounds = 16 } = options;
  const privatePath = join(options.directory, options.name ?? `${type}-${format}`);
  const publicPath = `${privatePath}.pub`;
  if (format === 'pem' && type === 'ed25519') throw new Error('an Ed25519 key has no PEM form: take pkcs8');
  if (format === 'pkcs8') {
    const key = generate(type);
    const encryption = passphrase === '' ? {} : { cipher: 'aes-256-cbc', passphrase };
    writeFileSync(privatePath, key.export({ type: 'pkcs8', format: 'pem', ...encryption }), { mode: 0o600 });
    writeFileSync(publicPath, `${publicLineOf(key)}\n`);
  } else {
    const form = format === 'pem' ? ['-m', 'PEM'] : ['-a', String(rounds)];
    await mustRun('ssh-keygen', [
      ...['-q', '-t', type, '-b', String(bits[type]), ...form],
      ...['-N', passphrase, '-C', '', '-f', privatePath],
    ]);
  }
  const publicLine = readFileSync(publicPath, 'utf8').trim();
  return { privatePath, publicPath, publicLine, fingerprint: keyFingerprint(publicLine) };
}

/** The text of an Ed25519 pair in OpenSSH format, made without ssh-keygen. */
export function ed25519Texts(options: { passphrase?: string; rounds?: number } = {}): {
  private: string;
  publicLine: string;
} {
  const { passphrase, rounds = 16 } = options;
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync(
      'ed25519',
      passphrase === undefined ? {} : { passphrase, rounds, cipher: 'aes256-ctr' },
    );
    const publicLine = bareKey(pair.public);
    // ssh2 1.17 drops a leading zero byte of a key: one pair in 256 is of no use to anybody.
    const parsed = ssh2.utils.parseKey(pair.private, passphrase);
    if (parsed instanceof Error) continue;
    const probe = Buffer.from('probe');
    const signature = parsed.sign(probe);
    const verifier = ssh2.utils.parseKey(publicLine);
    if (signature instanceof Error || verifier instanceof Error) continue;
    if (verifier.verify(probe, signature) === true) return { private: pair.private, publicLine };
  }
}

/** An Ed25519 pair in OpenSSH format without ssh-keygen, for machines that have no OpenSSH at all. */
export function createKeyWithoutOpenSsh(options: KeyOptions): Key {
  const privatePath = join(options.directory, options.name ?? 'ed25519-openssh');
  const publicPath = `${privatePath}.pub`;
  const texts = ed25519Texts(options);
  writeFileSync(privatePath, texts.private, { mode: 0o600 });
  writeFileSync(publicPath, `${texts.publicLine}\n`);
  return {
    privatePath,
    publicPath,
    publicLine: texts.publicLine,
    fingerprint: keyFingerprint(texts.publicLine),
  };
}
