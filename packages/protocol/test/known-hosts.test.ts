import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  acceptNewMarker,
  keyFingerprint,
  knownHostsLine,
  knownHostsName,
  parseKnownHosts,
  publicKeyBlob,
  publicKeyText,
} from '@pogo/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

function string(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function ed25519(): string {
  const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  return publicKeyText(
    Buffer.concat([string(Buffer.from('ssh-ed25519')), string(Buffer.from(x!, 'base64url'))]),
  )!;
}

function rsa(): string {
  const { n, e } = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
  const modulus = Buffer.concat([Buffer.of(0), Buffer.from(n!, 'base64url')]);
  return publicKeyText(
    Buffer.concat([string(Buffer.from('ssh-rsa')), string(Buffer.from(e!, 'base64url')), string(modulus)]),
  )!;
}

const [a, b, c] = [ed25519(), ed25519(), rsa()];
const keysOf = (text: string, host: string, port = 22) =>
  parseKnownHosts(text)
    .lookup(host, port)
    .keys.map(({ key }) => key);

describe('known hosts', () => {
  it('finds every key of a host, in the order of the file', () => {
    const text = `web1,10.0.0.1 ${a} admin@laptop\n\n# note\nweb2 ${b}\n  WEB1\t${c.replace(' ', '\t')}\r\n`;
    expect(parseKnownHosts(text).lookup('web1', 22)).toEqual({
      keys: [
        { key: a, type: 'ssh-ed25519', line: 1, firstSightOnly: false },
        { key: c, type: 'ssh-rsa', line: 5, firstSightOnly: false },
      ],
      revoked: [],
    });
    expect(keysOf(text, '10.0.0.1')).toEqual([a]);
    expect(keysOf(text, 'Web2')).toEqual([b]);
    expect(keysOf(text, 'web3')).toEqual([]);
  });

  it('keeps ports apart', () => {
    const text = `web1 ${a}\n[web1]:2222 ${b}\n`;
    expect(keysOf(text, 'web1')).toEqual([a]);
    expect(keysOf(text, 'web1', 2222)).toEqual([b]);
    expect(keysOf(text, 'web1', 2223)).toEqual([]);
  });

  it('finds an IPv6 address in whichever spelling it is asked for', () => {
    const text = `2001:db8::1 ${a}\n[::1]:2222 ${b}\n`;
    expect(keysOf(text, '2001:DB8:0:0::1')).toEqual([a]);
    expect(keysOf(text, '0:0:0:0:0:0:0:1', 2222)).toEqual([b]);
    expect(keysOf(text, '2001:db8::2')).toEqual([]);
  });

  it('understands patterns and exclusions', () => {
    const text = `*.example.com,!db?.example.com,web[1] ${a}\n`;
    expect(keysOf(text, 'web.example.com')).toEqual([a]);
    expect(keysOf(text, 'db1.example.com')).toEqual([]);
    expect(keysOf(text, 'db10.example.com')).toEqual([a]);
    expect(keysOf(text, 'web1')).toEqual([]);
    expect(keysOf(`!web1 ${a}`, 'web2')).toEqual([]);
    expect(keysOf(`[*]:2222 ${a}`, 'web1', 2222)).toEqual([a]);
  });

  it('reads what ssh-keygen -H has hashed, ports and addresses included', () => {
    const directory = mkdtempSync(join(tmpdir(), 'pogo-known-hosts-'));
    try {
      const file = join(directory, 'known_hosts');
      writeFileSync(file, `web1,10.0.0.1 ${a}\n[web2]:2222 ${b}\n::1 ${c}\n`);
      execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
      const text = readFileSync(file, 'utf8');
      expect(text).not.toContain('web');
      const known = parseKnownHosts(text);
      for (let round = 0; round < 2; round++) {
        expect(known.lookup('WEB1', 22).keys.map(({ key }) => key)).toEqual([a]);
        expect(known.lookup('10.0.0.1', 22).keys.map(({ key }) => key)).toEqual([a]);
        expect(known.lookup('web2', 2222).keys.map(({ key }) => key)).toEqual([b]);
        expect(known.lookup('web2', 22).keys).toEqual([]);
        expect(known.lookup('::1', 22).keys.map(({ key }) => key)).toEqual([c]);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('never counts a revoked key as known, wherever its line stands', () => {
    const text = `web1 ${a}\nweb1 ${b}\n@revoked * ${a}\n`;
    expect(parseKnownHosts(text).lookup('web1', 22)).toMatchObject({ keys: [{ key: b }], revoked: [a] });
  });

  it('tells keys accepted on first sight from keys that someone vouched for', () => {
    const line = knownHostsLine({ host: 'web1', port: 22, key: a, comment: `${acceptNewMarker} by east-1` });
    expect(parseKnownHosts(line).lookup('web1', 22).keys).toMatchObject([{ key: a, firstSightOnly: true }]);
    expect(parseKnownHosts(`${line}\nweb1 ${a}`).lookup('web1', 22).keys).toMatchObject([
      { key: a, firstSightOnly: false, line: 2 },
    ]);
    expect(parseKnownHosts(`web1 ${a}\n${line}`).lookup('web1', 22).keys).toMatchObject([
      { key: a, firstSightOnly: false, line: 1 },
    ]);
  });

  it('notes the lines that it leaves out, and why', () => {
    const text = [
      `@cert-authority *.example.com ${a}`,
      `@other web1 ${a}`,
      'web1 ssh-rsa',
      'web1 1024 35 1234567',
      `web1 ssh-rsa ${a.split(' ')[1]!}`,
      'web1 ssh-ed25519 AAAA',
      `|1|x|y ${a}`,
      `|2|x|y ${a}`,
      `, ${a}`,
      `web1 ${b}`,
    ].join('\n');
    const known = parseKnownHosts(text);
    expect(known.lookup('web1', 22).keys).toMatchObject([{ key: b, line: 10 }]);
    expect(known.notes.map(({ line, text }) => `${line} ${text}`)).toEqual([
      '1 certificate authorities are not supported',
      '2 unknown marker',
      '3 not of the form: hosts type key',
      '4 keys of SSH protocol 1 are not supported',
      '5 not a public key',
      '6 not a public key',
      '7 not a host name, pattern or hash',
      '8 not a host name, pattern or hash',
      '9 not a host name, pattern or hash',
    ]);
  });

  it('shows fingerprints as ssh-keygen does', () => {
    const shown = execFileSync('ssh-keygen', ['-l', '-f', '-'], { input: a, encoding: 'utf8' });
    expect(shown.split(' ')[1]).toBe(keyFingerprint(a));
    expect(keyFingerprint(publicKeyBlob(a)!)).toBe(keyFingerprint(a));
  });

  it('writes lines that cannot become two', () => {
    const line = knownHostsLine({ host: 'web1', port: 2222, key: a, comment: 'x\nweb2 evil' });
    expect(line).toBe(`[web1]:2222 ${a} x web2 evil`);
  });
});

describe('known hosts: laws', () => {
  const host = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?$/);
  const port = fc.constantFrom(22, 2222, 65535);
  const key = fc.constantFrom(a, b, c);

  it('what is written is found again, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ host, port, key }), { maxLength: 20 }), host, port, (lines, h, p) => {
        const known = parseKnownHosts(lines.map(knownHostsLine).join('\n'));
        const expected = new Set(
          lines
            .filter((line) => knownHostsName(line.host, line.port) === knownHostsName(h, p))
            .map((line) => line.key),
        );
        expect(new Set(known.lookup(h, p).keys.map((found) => found.key))).toEqual(expected);
        for (const line of lines) {
          expect(known.lookup(line.host, line.port).keys.map((found) => found.key)).toContain(line.key);
        }
        expect(known.notes).toEqual([]);
      }),
    );
  });

  it('never throws, whatever the file says, and only gives keys that are keys', () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('@revoked', '@cert-authority', 'web1', '*', '!*', '|1|', '#', ...a.split(' ')),
      fc.stringMatching(/^[*?!,a]{0,60}$/),
    );
    const line = fc.array(word, { maxLength: 6 }).map((words) => words.join(' '));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), fc.string({ unit: 'binary' }), (lines, name) => {
        const known = parseKnownHosts(lines.join('\n'));
        for (const asked of [name, 'web1', 'a'.repeat(60), '::1']) {
          for (const found of known.lookup(asked, 22).keys) {
            expect(publicKeyBlob(found.key)).toBeDefined();
            expect(found.key.startsWith(`${found.type} `)).toBe(true);
          }
        }
        for (const note of known.notes)
          expect(note.line).toBeLessThanOrEqual(lines.join('\n').split('\n').length);
      }),
      { numRuns: 1000 },
    );
  });

  it('matches hostile patterns in linear steps', () => {
    const text = `${'*a'.repeat(4000)}b ${a}`;
    expect(keysOf(text, 'a'.repeat(253))).toEqual([]);
  });
});
