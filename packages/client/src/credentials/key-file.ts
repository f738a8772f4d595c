/**
 * Recognises private key files from their outside: what they are, and whether a passphrase protects them. Nothing is
 * decrypted here; rexec does that (security.md, "Credentials").
 */

export type KeyFile =
  | { readonly kind: 'private'; readonly encrypted: boolean }
  /** `advice` says what to do instead. */
  | { readonly kind: 'unusable'; readonly advice: string };

const opensshMagic = 'openssh-key-v1\0';

export function recogniseKeyFile(text: string): KeyFile {
  const label = /^-----BEGIN ([A-Z0-9 ]+)-----\r?$/m.exec(text)?.[1];
  switch (label) {
    case 'OPENSSH PRIVATE KEY':
      return recogniseOpenSsh(text);
    case 'ENCRYPTED PRIVATE KEY':
      return { kind: 'private', encrypted: true };
    case 'PRIVATE KEY':
      return { kind: 'private', encrypted: false };
    case 'RSA PRIVATE KEY':
    case 'EC PRIVATE KEY':
    case 'DSA PRIVATE KEY':
      return { kind: 'private', encrypted: /^Proc-Type: 4,ENCRYPTED/m.test(text) };
    case 'PUBLIC KEY':
    case 'RSA PUBLIC KEY':
    case 'SSH2 PUBLIC KEY':
      return publicKey;
    case 'CERTIFICATE':
      return { kind: 'unusable', advice: 'it is an X.509 certificate: name the private key' };
    case undefined:
      return recogniseBare(text);
    default:
      return { kind: 'unusable', advice: `it holds ${label.toLowerCase()}, which is no private key for SSH` };
  }
}

const publicKey: KeyFile = {
  kind: 'unusable',
  advice: 'it is a public key: name the private one, usually the same path without .pub',
};

function recogniseBare(text: string): KeyFile {
  if (
    /^(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ AAAA/.test(text) ||
    text.startsWith('---- BEGIN SSH2 PUBLIC KEY')
  ) {
    return publicKey;
  }
  if (text.startsWith('PuTTY-User-Key-File-')) {
    return {
      kind: 'unusable',
      advice: 'it is a PuTTY key: convert it with puttygen KEY -O private-openssh -o NEW',
    };
  }
  return { kind: 'unusable', advice: 'it is no private key in OpenSSH, PEM or PKCS#8 format' };
}

/** Header of the format: magic, cipher name, KDF name, KDF options, number of keys, first public key. */
function recogniseOpenSsh(text: string): KeyFile {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----/.exec(
    text,
  )?.[1];
  const bytes = Buffer.from(body ?? '', 'base64');
  const damaged: KeyFile = {
    kind: 'unusable',
    advice: 'it is damaged: the OpenSSH key in it is cut or garbled',
  };
  if (bytes.toString('latin1', 0, opensshMagic.length) !== opensshMagic) return damaged;
  const reader = new StringReader(bytes, opensshMagic.length);
  const cipher = reader.next();
  const kdf = reader.next();
  const options = reader.next();
  reader.skip(4);
  const blob = reader.next();
  if (cipher === undefined || kdf === undefined || options === undefined || blob === undefined)
    return damaged;
  const type = new StringReader(blob, 0).next()?.toString('latin1') ?? '';
  if (type.startsWith('sk-')) {
    return {
      kind: 'unusable',
      advice: 'its secret lives in a hardware token, which only your own machine can ask: use another key',
    };
  }
  return {
    kind: 'private',
    encrypted: cipher.toString('latin1') !== 'none' || kdf.toString('latin1') !== 'none',
  };
}

/** Length-prefixed strings one after another (RFC 4251, 5). */
class StringReader {
  readonly #bytes: Buffer;
  #position: number;

  constructor(bytes: Buffer, position: number) {
    this.#bytes = bytes;
    this.#position = position;
  }

  next(): Buffer | undefined {
    if (this.#position + 4 > this.#bytes.length) return undefined;
    const start = this.#position + 4;
    const end = start + this.#bytes.readUInt32BE(this.#position);
    if (end > this.#bytes.length) return undefined;
    this.#position = end;
    return this.#bytes.subarray(start, end);
  }

  skip(count: number): void {
    this.#position += count;
  }
}
