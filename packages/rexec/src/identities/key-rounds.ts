/**
 * How much work the passphrase of a private key file takes, read from its outside: a damaged count could keep a process
 * busy for weeks.
 */

/** Rounds of the KDF that an OpenSSH key names, 0 when it names none (openssh-portable, PROTOCOL.key). */
export function openSshRounds(text: string): number {
  const bytes = Buffer.from(text.slice(text.indexOf('\n'), text.lastIndexOf('\n')), 'base64');
  const numberAt = (at: number) => (at + 4 <= bytes.length ? bytes.readUInt32BE(at) : 0);
  const cipherAt = 'openssh-key-v1\0'.length;
  const kdfAt = cipherAt + 4 + numberAt(cipherAt);
  const optionsAt = kdfAt + 4 + numberAt(kdfAt);
  const saltAt = optionsAt + 4;
  return numberAt(optionsAt) === 0 ? 0 : numberAt(saltAt + 4 + numberAt(saltAt));
}

/**
 * The most rounds that an encrypted PKCS#8 key in the text names (RFC 8018: PBKDF2 and PBES1), or what scrypt multiplies
 * (RFC 7914: N, r and p); 0 when there is none, undefined when one can't be read.
 */
export function pkcs8Rounds(text: string): number | undefined {
  let most = 0;
  for (const [, body] of text.matchAll(/-----BEGIN ENCRYPTED PRIVATE KEY-----([^]*?)-----END/g)) {
    const rounds = roundsOf(Buffer.from(body!, 'base64'));
    if (rounds === undefined) return undefined;
    most = Math.max(most, rounds);
  }
  return most;
}

const sequence = 0x30;
const integer = 0x02;
const objectIdentifier = 0x06;
/** 1.3.6.1.4.1.11591.4.11 */
const scrypt = '2b06010401da47040b';

/** Of an EncryptedPrivateKeyInfo: its algorithm has no other large numbers than rounds. */
function roundsOf(der: Buffer): number | undefined {
  const whole = elementAt(der, 0);
  const algorithm = whole?.tag === sequence ? elementAt(der, whole.from) : undefined;
  if (algorithm?.tag !== sequence) return undefined;
  const numbers: number[] = [];
  let isScrypt = false;
  for (let at = algorithm.from; at < algorithm.to;) {
    const element = elementAt(der, at);
    if (element === undefined || element.to > algorithm.to) return undefined;
    const { tag, from, to } = element;
    if (tag === integer) numbers.push(unsigned(der.subarray(from, to)));
    if (tag === objectIdentifier && der.toString('hex', from, to) === scrypt) isScrypt = true;
    // What a sequence holds comes next.
    at = tag === sequence ? from : to;
  }
  return isScrypt ? numbers.reduce((product, number) => product * number, 1) : Math.max(0, ...numbers);
}

interface DerElement {
  readonly tag: number;
  /** Of its contents. */
  readonly from: number;
  readonly to: number;
}

/** Undefined where there is none that ends within the bytes, or none of a stated length. */
function elementAt(der: Buffer, at: number): DerElement | undefined {
  const tag = der[at];
  const first = der[at + 1];
  if (tag === undefined || first === undefined) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const from = at + 2 + lengthBytes;
  if (first === 0x80 || lengthBytes > 4 || from > der.length) return undefined;
  const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
  return from + length <= der.length ? { tag, from, to: from + length } : undefined;
}

function unsigned(bytes: Buffer): number {
  return bytes.length === 0 ? 0 : bytes.length <= 6 ? bytes.readUIntBE(0, bytes.length) : Infinity;
}
