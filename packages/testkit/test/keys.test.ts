import { createPrivateKey } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import {
  type KeyFormat,
  type KeyType,
  type TemporaryDirectory,
  createKey,
  createKeyWithoutOpenSsh,
  createTemporaryDirectory,
  mustRun,
  runCommand,
  writeKnownHosts,
} from '@pogo/testkit';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const everyKey = (['ed25519', 'ecdsa', 'rsa'] as KeyType[]).flatMap((type) =>
  (['openssh', 'pem', 'pkcs8'] as KeyFormat[])
    .filter((format) => type !== 'ed25519' || format !== 'pem')
    .flatMap((format) => [undefined, 'top secret'].map((passphrase) => ({ type, format, passphrase }))),
);

const heading: Record<KeyFormat, RegExp> = {
  openssh: /^-----BEGIN OPENSSH PRIVATE KEY-----/,
  pem: /^-----BEGIN (RSA|EC) PRIVATE KEY-----/,
  pkcs8: /^-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/,
};

describe('keys', () => {
  let directory: TemporaryDirectory;
  beforeAll(() => {
    directory = createTemporaryDirectory();
  });
  afterAll(() => directory.remove());

  it.each(everyKey)(
    '$type as $format, passphrase $passphrase: private and public half fit',
    async (wanted) => {
      const { passphrase, ...rest } = wanted;
      const name = `${rest.type}-${rest.format}-${passphrase === undefined}`;
      const options = { ...rest, directory: directory.path, name };
      const key = await createKey(passphrase === undefined ? options : { ...options, passphrase });
      const text = readFileSync(key.privatePath, 'utf8');
      expect(text).toMatch(heading[rest.format]);
      expect(statSync(key.privatePath).mode & 0o777).toBe(0o600);
      const shown = await mustRun('ssh-keygen', ['-l', '-f', key.publicPath]);
      expect(shown.split(' ')[1]).toBe(key.fingerprint);

      if (rest.format === 'openssh') {
        const parsed = ssh2.utils.parseKey(text, passphrase);
        if (parsed instanceof Error) throw parsed;
        expect(parsed.getPublicSSH().toString('base64')).toBe(key.publicLine.split(' ')[1]);
        if (passphrase !== undefined) expect(ssh2.utils.parseKey(text)).toBeInstanceOf(Error);
        return;
      }
      // What the private half signs, the public line's key verifies.
      const privateKey = createPrivateKey({ key: text, passphrase: passphrase ?? '' });
      const again = await createPublicLine(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
      if (again !== undefined) expect(again).toBe(key.publicLine);
      if (passphrase !== undefined) expect(() => createPrivateKey(text)).toThrow();
    },
  );

  /** The public line as ssh-keygen derives it; it can't read Ed25519 in PKCS#8 before OpenSSH 9.6. */
  async function createPublicLine(pkcs8: string): Promise<string | undefined> {
    const path = directory.file('derive');
    writeFileSync(path, pkcs8, { mode: 0o600 });
    const result = await runCommand('ssh-keygen', ['-y', '-P', '', '-f', path]);
    return result.exitCode === 0 ? result.stdout.trim() : undefined;
  }

  it('can be made where there is no OpenSSH', async () => {
    const options = { directory: directory.path, name: 'without', passphrase: 'top secret', rounds: 4 };
    const key = createKeyWithoutOpenSsh(options);
    const derived = await mustRun('ssh-keygen', ['-y', '-P', 'top secret', '-f', key.privatePath]);
    expect(derived.trim()).toBe(key.publicLine);
    expect((await mustRun('ssh-keygen', ['-l', '-f', key.publicPath])).split(' ')[1]).toBe(key.fingerprint);
  });

  it('made without OpenSSH are whole, each of five hundred', () => {
    for (let n = 0; n < 500; n++) {
      const { publicLine } = createKeyWithoutOpenSsh({ directory: directory.path, name: 'one-of-many' });
      expect(Buffer.from(publicLine.split(' ')[1]!, 'base64')).toHaveLength(51);
    }
  });

  it('has no PEM form for Ed25519 and says so', async () => {
    await expect(createKey({ directory: directory.path, type: 'ed25519', format: 'pem' })).rejects.toThrow(
      'pkcs8',
    );
  });

  it.each([
    ['plain', 22, false, 'web1.east'],
    ['plain', 2222, false, '[web1.east]:2222'],
    ['hashed', 22, true, 'web1.east'],
    ['hashed', 2222, true, '[web1.east]:2222'],
  ])('%s known_hosts at port %i are found by ssh-keygen', async (_form, port, hashed, search) => {
    const key = await createKey({ directory: directory.path, name: `known-${port}-${hashed}` });
    const file = writeKnownHosts(directory.file('known_hosts'), {
      hosts: ['db1', 'web1.east'],
      keys: [key.publicLine],
      port,
      hashed,
    });
    expect(readFileSync(file, 'utf8').includes('web1')).toBe(!hashed);
    expect(await mustRun('ssh-keygen', ['-F', search, '-f', file])).toContain(key.publicLine.split(' ')[1]);
    expect((await runCommand('ssh-keygen', ['-F', 'web2.east', '-f', file])).exitCode).toBe(1);
  });
});
