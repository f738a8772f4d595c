/** known_hosts files with damaged lines: what is intact beside them is found, and nothing else becomes a key. */
import { createHmac } from 'node:crypto';
import { acceptNewMarker, parseKnownHosts, publicKeyBlob, publicKeyText } from '@pogo/protocol';
import { type FuzzAnswer, fuzz, mutateText, type SeededRandom } from '@pogo/testkit';
import { expect, test } from 'vitest';

const cases = 100_000;
/** A busy machine takes several times as long as an idle one. */
const timeLimitMs = 300_000;
const seed = 3_070_002;

function key(type: string, fill: number): string {
  const field = (bytes: Uint8Array) => Buffer.concat([Buffer.of(0, 0, 0, bytes.length), bytes]);
  const text = publicKeyText(Buffer.concat([field(Buffer.from(type)), field(new Uint8Array(32).fill(fill))]));
  return text!;
}

function hashed(name: string, salt: number): string {
  const bytes = Buffer.alloc(20, salt);
  const hash = createHmac('sha1', bytes).update(name).digest();
  return `|1|${bytes.toString('base64')}|${hash.toString('base64')}`;
}

const [a, b, c] = [key('ssh-ed25519', 1), key('ecdsa-sha2-nistp256', 2), key('ssh-rsa', 3)];
/** In no line of the corpus. */
const own = key('ssh-ed25519', 200);
const corpus = [
  `web1,10.0.0.1 ${a} admin@laptop`,
  `[web2]:2222,[10.0.0.2]:2222 ${b}`,
  `*.example.com,!db?.example.com ${c}`,
  `${hashed('web1', 7)} ${a}`,
  `${hashed('[web2]:2222', 9)} ${b}`,
  `@revoked * ${c}`,
  `@cert-authority *.example.com ${a}`,
  `2001:db8::1 ${a} ${acceptNewMarker} by east-1`,
  `# a comment`,
  `web1 ${a}\r\nweb1 ${b}\n\n  WEB3\t${c.replace(' ', '\t')}`,
];
const tokens = [
  ...[
    '@revoked',
    '@revoked ',
    '@',
    '|1|',
    '|',
    '*',
    '?',
    '!',
    ',',
    '[',
    ']:22',
    '#',
    '\n',
    '\r\n',
    ' ',
    '\t',
  ],
  ...[
    'ssh-ed25519',
    'ssh-rsa',
    'AAAA',
    '====',
    '1024 35 1234',
    acceptNewMarker,
    'web1',
    '::1',
    ...a.split(' '),
  ],
];
const asked: readonly [string, number][] = [
  ['web1', 22],
  ['WEB2', 2222],
  ['10.0.0.1', 22],
  ['db1.example.com', 22],
  ['web.example.com', 22],
  ['2001:DB8:0::1', 22],
  ['', 22],
];

function generate(random: SeededRandom): string {
  const lines = Array.from({ length: random.between(1, 4) }, () => mutateText(random, { corpus, tokens }));
  return [...lines, `intact.host ${own}`, mutateText(random, { corpus, tokens })].join('\n');
}

/** A file counts as accepted when it knows one of the hosts that are asked for. */
function check(text: string): FuzzAnswer {
  const known = parseKnownHosts(text);
  let found = false;
  for (const [host, port] of asked) {
    const { keys, revoked } = known.lookup(host, port);
    for (const { key: text, type } of keys) {
      if (publicKeyBlob(text) === undefined || !text.startsWith(`${type} `)) return { fault: 'not a key' };
      if (revoked.includes(text)) return { fault: 'a revoked key among the good ones' };
      found = true;
    }
    const again = known.lookup(host, port);
    if (JSON.stringify(again) !== JSON.stringify({ keys, revoked }))
      return { fault: 'another answer when asked again' };
  }
  const lines = text.split('\n').length;
  if (!known.notes.every(({ line }) => line >= 1 && line <= lines)) return { fault: 'a note on no line' };
  if (!known.lookup('intact.host', 22).keys.some(({ key: text }) => text === own))
    return { fault: 'an intact line was lost' };
  return found ? 'accepted' : 'rejected';
}

test('every sample is good before it is damaged', () => {
  const known = parseKnownHosts(corpus.join('\n'));
  expect(known.notes.map(({ text }) => text)).toEqual(['certificate authorities are not supported']);
  expect(known.lookup('web1', 22).keys.map(({ key: text }) => text)).toEqual([a, b]);
  expect(known.lookup('web2', 2222).keys.map(({ key: text }) => text)).toEqual([b]);
});

test(
  `${cases} damaged files give keys that are keys, and keep what is intact`,
  async () => {
    const report = await fuzz({ name: 'known_hosts', cases, seed, generate, check });
    console.log(report.text);
    expect(report.accepted).toBeGreaterThan(cases / 10);
    expect(report.rejected).toBeGreaterThan(cases / 10);
  },
  timeLimitMs,
);

test('the fuzz notices a reader that lets a revoked key pass', async () => {
  const planted = (text: string): FuzzAnswer => {
    const { keys, revoked } = parseKnownHosts(text).lookup('web.example.com', 22);
    const without = parseKnownHosts(text.replaceAll('@revoked', '# ')).lookup('web.example.com', 22).keys;
    return keys.length < without.length && revoked.length > 0 ? { fault: 'planted' } : 'rejected';
  };
  await expect(fuzz({ name: 'planted', cases, seed, generate, check: planted })).rejects.toThrow(
    /case \d+ of seed 3070002: planted/,
  );
});
