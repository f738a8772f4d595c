import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKeyWithoutOpenSsh } from '@pogo/testkit';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { recogniseKeyFile } from '../src/credentials/key-file.js';

const directory = mkdtempSync(join(tmpdir(), 'pogo-keys-'));
afterAll(() => rmSync(directory, { recursive: true }));

const openSsh = (name: string, passphrase?: string) =>
  readFileSync(
    createKeyWithoutOpenSsh({ directory, name, ...(passphrase && { passphrase }) }).privatePath,
    'utf8',
  );
const pkcs8 = (passphrase?: string) =>
  generateKeyPairSync('ed25519').privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    ...(passphrase && { cipher: 'aes-256-cbc', passphrase }),
  }) as string;
const rsaPem = (passphrase?: string) =>
  generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({
    type: 'pkcs1',
    format: 'pem',
    ...(passphrase && { cipher: 'aes-128-cbc', passphrase }),
  }) as string;

describe('a key file', () => {
  it.each([
    ['OpenSSH', openSsh('plain'), false],
    ['OpenSSH, encrypted', openSsh('locked', 'x'), true],
    ['PKCS#8', pkcs8(), false],
    ['PKCS#8, encrypted', pkcs8('x'), true],
    ['PEM', rsaPem(), false],
    ['PEM, encrypted', rsaPem('x'), true],
    ['OpenSSH with CR LF', openSsh('windows').replaceAll('\n', '\r\n'), false],
  ])('in %s form is recognised as private, and whether it needs a passphrase', (_form, text, encrypted) => {
    expect(recogniseKeyFile(text)).toEqual({ kind: 'private', encrypted });
  });

  it.each([
    [
      'a public key',
      readFileSync(createKeyWithoutOpenSsh({ directory, name: 'p' }).publicPath, 'utf8'),
      'public key',
    ],
    ['a public key in PEM', '-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----', 'public key'],
    ['a PuTTY key', 'PuTTY-User-Key-File-3: ssh-ed25519\n', 'puttygen'],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nAA\n', 'X.509'],
    ['a cut OpenSSH key', openSsh('cut').slice(0, 60), 'damaged'],
    ['something else', 'hello', 'no private key'],
    ['nothing', '', 'no private key'],
  ])('that is %s is refused with what to do', (_what, text, advice) => {
    expect(recogniseKeyFile(text)).toMatchObject({
      kind: 'unusable',
      advice: expect.stringContaining(advice) as string,
    });
  });

  it('never makes the reader fail, whatever is in it', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.string(), (bytes, text) => {
        recogniseKeyFile(text);
        recogniseKeyFile(
          `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.from(bytes).toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`,
        );
        const body = Buffer.concat([Buffer.from('openssh-key-v1\0'), bytes]).toString('base64');
        recogniseKeyFile(`-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`);
      }),
    );
  });
});
