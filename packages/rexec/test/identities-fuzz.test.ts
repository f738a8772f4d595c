/** Private keys with damaged bodies and armour: read or refused, quickly, and nothing of them in any message. */
import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { keyFingerprint, publicKeyBlob } from '@pogo/protocol';
import { type IdentityKey, parseIdentity, type SealedIdentity } from '@pogo/rexec';
import {
  createKey,
  createTemporaryDirectory,
  type FuzzAnswer,
  fuzz,
  type KeyOptions,
  mutateBytes,
  mutateText,
  type SeededRandom,
} from '@pogo/testkit';
import ssh2 from 'ssh2';
import { beforeAll, expect, test } from 'vitest';

const cases = 100_000;
/** A busy machine takes several times as long as an idle one. */
const timeLimitMs = 300_000;
const seed = 3_070_005;
const passphrase = 'correct horse';

/** A key file: what stands between the lines of its armour. */
interface Sample {
  readonly label: string;
  readonly text: string;
  readonly begin: string;
  readonly end: string;
  readonly body: Buffer;
}

/** Cheap ones, which most cases are made of. */
let plain: Sample[];
let rsa: Sample[];
let encrypted: Sample[];

beforeAll(async () => {
  const directory = createTemporaryDirectory();
  try {
    const openSsh = async (options: Omit<KeyOptions, 'directory' | 'name'>) => {
      const name = `key-${Math.random()}`;
      const { privatePath } = await createKey({ ...options, name, directory: directory.path });
      return sample(`openssh ${options.type}`, readFileSync(privatePath, 'utf8'));
    };
    const ed25519 = generateKeyPairSync('ed25519').privateKey;
    const curves = ['P-256', 'P-384', 'P-521'].map(
      (namedCurve) => generateKeyPairSync('ec', { namedCurve }).privateKey,
    );
    const largeKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    plain = [
      await openSsh({ type: 'ed25519' }),
      await openSsh({ type: 'ecdsa' }),
      exported('pkcs8 ed25519', ed25519, 'pkcs8'),
      ...curves.map((key, at) => exported(`pkcs8 ec ${at}`, key, 'pkcs8')),
      exported('sec1 ec', curves[0]!, 'sec1'),
    ];
    rsa = [
      await openSsh({ type: 'rsa' }),
      exported('pkcs8 rsa', largeKey, 'pkcs8'),
      exported('pkcs1 rsa', largeKey, 'pkcs1'),
    ];
    encrypted = [await openSsh({ type: 'ed25519', passphrase, rounds: 1 })];
  } finally {
    directory.remove();
  }
});

function exported(label: string, key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1'): Sample {
  return sample(label, key.export({ type, format: 'pem' }) as string);
}

function sample(label: string, text: string): Sample {
  const lines = text.trim().split('\n');
  const body = Buffer.from(lines.slice(1, -1).join(''), 'base64');
  return { label, text, begin: lines[0]!, end: lines.at(-1)!, body };
}

function armoured({ begin, end }: Sample, body: Buffer): string {
  return [begin, ...(body.toString('base64').match(/.{1,70}/g) ?? []), end, ''].join('\n');
}

const names = ['ssh-ed25519', 'ssh-rsa', 'ecdsa-sha2-nistp256', 'nistp384', 'none', 'bcrypt', 'aes256-ctr'];
const tokens = [
  ...names.map((name) => Buffer.concat([Buffer.of(0, 0, 0, name.length), Buffer.from(name)])),
  Buffer.from('openssh-key-v1\0'),
  Buffer.of(0, 0, 0, 0),
  Buffer.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff),
  Buffer.of(0x02, 0x01, 0x00),
  Buffer.of(0x04, 0x20),
  Buffer.of(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07),
];
const marks = [
  ...['-----BEGIN OPENSSH PRIVATE KEY-----', '-----BEGIN PRIVATE KEY-----', '-----BEGIN EC PRIVATE KEY-----'],
  ...[
    '-----BEGIN ENCRYPTED PRIVATE KEY-----',
    '-----END',
    '-----',
    'Proc-Type: 4,ENCRYPTED\nDEK-Info: X,00\n\n',
  ],
  ...['\n', '\r\n', '=', '====', 'AAAA'],
];

function generate(random: SeededRandom): SealedIdentity {
  const samples = random.once(25) ? rsa : random.once(25) ? encrypted : plain;
  // The first two are in OpenSSH's format; OpenSSL takes its time with what isn't PEM after all.
  const chosen = samples === plain && !random.once(4) ? random.pick(plain.slice(0, 2)) : random.pick(samples);
  const corpus = [chosen.body, random.pick(plain).body];
  const privateKey = random.once(8)
    ? mutateText(random, { corpus: [chosen.text, random.pick(plain).text], tokens: marks, changes: 3 })
    : armoured(chosen, mutateBytes(random, { corpus, tokens, changes: 3 }));
  // A passphrase costs milliseconds wherever it is used.
  const withPassphrase = samples === encrypted ? random.once(20) : random.once(10);
  return { label: 'id_test', privateKey, ...(withPassphrase && { passphrase }) };
}

const sentences = new Set<string>();
const opening = 'the key id_test cannot be used: ';

function check(identity: SealedIdentity): FuzzAnswer {
  const result = parseIdentity(identity);
  if (result.ok) {
    const { publicKey, fingerprint, label, sign } = result.key;
    const blob = publicKeyBlob(publicKey);
    if (blob === undefined || keyFingerprint(blob) !== fingerprint || label !== 'id_test')
      return { fault: `accepted with the public key ${publicKey}` };
    // A login that fails is its own affair, the end of the process isn't. Damaged RSA keys would take long.
    if (!publicKey.startsWith('ssh-rsa')) signs(sign);
    return 'accepted';
  }
  if (!result.message.startsWith(opening))
    return { fault: `a message without the key's name: ${result.message}` };
  const sentence = result.message.slice(opening.length);
  if (leaks(sentence, identity)) return { fault: `a message with a piece of the key: ${sentence}` };
  sentences.add(sentence);
  return 'rejected';
}

function signs(sign: IdentityKey['sign']): boolean {
  try {
    return sign(Buffer.from('data'), undefined).length > 0;
  } catch {
    return false;
  }
}

/** Whether a run of eight characters of the file's body stands in the text. */
function leaks(text: string, { privateKey }: SealedIdentity): boolean {
  if (sentences.has(text)) return false;
  const body = privateKey.replace(/-----[^-]*-----/g, '');
  for (let at = 0; at + 8 <= text.length; at++) if (body.includes(text.slice(at, at + 8))) return true;
  return text.includes(passphrase);
}

const show = (identity: SealedIdentity) =>
  `${identity.privateKey}\npassphrase: ${identity.passphrase ?? 'none'}`;

const hashes: Readonly<Record<string, string>> = {
  'ecdsa-sha2-nistp256': 'sha256',
  'ecdsa-sha2-nistp384': 'sha384',
  'ecdsa-sha2-nistp521': 'sha512',
};

test('every sample is good before it is damaged', () => {
  for (const { label, text } of [...plain, ...rsa]) {
    const result = parseIdentity({ label, privateKey: text });
    if (!result.ok) expect.fail(result.message);
    const { publicKey, sign } = result.key;
    // What ssh2 makes of the public half is what a host would compare with.
    const parsed = ssh2.utils.parseKey(publicKey);
    if (parsed instanceof Error) expect.fail(parsed.message);
    const hash = publicKey.startsWith('ssh-rsa') ? 'sha512' : hashes[publicKey.split(' ')[0]!];
    const data = Buffer.from('data');
    expect(verify(hash ?? null, data, parsed.getPublicPEM(), sign(data, undefined)), label).toBe(true);
  }
  for (const { label, text } of encrypted)
    expect(parseIdentity({ label, privateKey: text, passphrase })).toMatchObject({ ok: true });
  for (const one of [...plain, ...rsa]) expect(armoured(one, one.body).trim().length).toBeGreaterThan(100);
});

test(
  `${cases} damaged keys are read or refused, and no message has anything of them`,
  async () => {
    const report = await fuzz({ name: 'private keys', cases, seed, generate, check, show });
    console.log(report.text);
    expect(report.accepted).toBeGreaterThan(cases / 50);
    expect(report.rejected).toBeGreaterThan(cases / 10);
    // Fixed sentences: a message made of what was read would be another one each time.
    expect(sentences.size).toBeLessThanOrEqual(10);
    console.log([...sentences].map((sentence) => `  ${sentence}`).join('\n'));
  },
  timeLimitMs,
);

test('the fuzz notices a reader that quotes what it can’t read', async () => {
  const quoting = (identity: SealedIdentity): FuzzAnswer => {
    const result = parseIdentity(identity);
    if (result.ok) return 'accepted';
    const message = `${result.message} near ${identity.privateKey.slice(60, 80)}`;
    return leaks(message, identity) ? { fault: 'quoted' } : 'rejected';
  };
  await expect(fuzz({ name: 'planted', cases, seed, generate, check: quoting, show })).rejects.toThrow(
    /case \d+ of seed 3070005: quoted/,
  );
});

test('a key whose curve has no name in SSH, and one whose passphrase takes weeks, are refused at once', () => {
  const strange = generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }).privateKey;
  const strangeText = strange.export({ type: 'pkcs8', format: 'pem' }) as string;
  expect(parseIdentity({ label: 'k', privateKey: strangeText })).toMatchObject({
    ok: false,
    message: expect.stringContaining('its type is not supported') as string,
  });
  const [key] = encrypted;
  const body = Buffer.from(key!.body);
  const rounds = body.indexOf(Buffer.of(0, 0, 0, 24)) + 4 + 4 + 16;
  expect(body.readUInt32BE(rounds)).toBe(1);
  body.writeUInt32BE(0xffffffff, rounds);
  expect(parseIdentity({ label: 'k', privateKey: armoured(key!, body), passphrase })).toMatchObject({
    ok: false,
    message: expect.stringContaining('more than 1024 rounds') as string,
  });
});

/** DER, lengths in two bytes wherever. */
const der = (tag: number, ...parts: Buffer[]): Buffer => {
  const contents = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag, 0x82, contents.length >> 8, contents.length & 0xff), contents]);
};
const sequenceOf = (...parts: Buffer[]) => der(0x30, ...parts);
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const salt = der(0x04, Buffer.alloc(8, 1));
const huge = der(0x02, Buffer.of(0x7f, 0xff, 0xff, 0xff));
const pbkdf2 = sequenceOf(oid('2a864886f70d01050c'), sequenceOf(salt, huge));
const scrypt = sequenceOf(
  oid('2b06010401da47040b'),
  sequenceOf(salt, der(0x02, Buffer.of(0x40, 0)), der(0x02, Buffer.of(8)), der(0x02, Buffer.of(0x7f, 0xff))),
);
const cipher = sequenceOf(oid('60864801650304012a'), der(0x04, Buffer.alloc(16)));
const pbes2 = (kdf: Buffer) => sequenceOf(oid('2a864886f70d01050d'), sequenceOf(kdf, cipher));
const pbes1 = sequenceOf(oid('2a864886f70d010503'), sequenceOf(salt, huge));

test.each([
  ['PBKDF2', pbes2(pbkdf2), 'more than 10000000 rounds; encrypt it anew with `ssh-keygen -p -a 64`'],
  ['scrypt', pbes2(scrypt), 'more than 10000000 rounds'],
  ['PBES1', pbes1, 'more than 10000000 rounds'],
  [
    'what can not be read',
    sequenceOf(Buffer.of(0x02, 0x84, 0xff)),
    'the passphrase is wrong, or the file is damaged',
  ],
])('a PKCS#8 key whose passphrase takes weeks by %s is refused at once', (_kdf, algorithm, message) => {
  const body = sequenceOf(algorithm, der(0x04, Buffer.alloc(64))).toString('base64');
  const privateKey = `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${body}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
  expect(parseIdentity({ label: 'k', privateKey, passphrase })).toMatchObject({
    ok: false,
    message: expect.stringContaining(message) as string,
  });
});

test('a PKCS#8 key that is encrypted as usual is read with its passphrase', () => {
  const privateKey = generateKeyPairSync('ed25519').privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase,
  }) as string;
  expect(parseIdentity({ label: 'k', privateKey, passphrase })).toMatchObject({ ok: true });
});
