import { createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientProfileSchema, homeLayout, workerConfigurationSchema } from '@pogo/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseConfiguration } from '../src/configuration/read-configuration.js';
import { updateClientProfile } from '../src/instance/client-profile.js';
import { makeInstance } from '../src/instance/instance.js';
import { readPrivateFile } from '../src/instance/private-files.js';

let home: string;
beforeEach(() => {
  home = join(mkdtempSync(join(tmpdir(), 'pogo-dispatcher-')), 'home');
});
afterEach(() => rmSync(join(home, '..'), { recursive: true, force: true }));

const make = () => makeInstance({ home, nowMs: Date.now(), randomBytes: (count) => randomBytes(count) });
const read = (path: string) => readFileSync(path, 'utf8');

/** Every file below the home, with its content. */
function everything(dir = home): Record<string, string> {
  return Object.fromEntries(
    readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory()
        ? Object.entries(everything(join(dir, entry.name)))
        : [[join(dir, entry.name), read(join(dir, entry.name))]],
    ),
  );
}

describe('a new instance', () => {
  it('has certificates that name their holders and come from the right root, by SHA-256', async () => {
    const outcome = await make();
    expect(outcome.kind).toBe('made');
    const { instance, dispatcher, worker } = homeLayout(home);
    const linkRoot = new X509Certificate(read(instance.linkRootCertificate));
    const sealingRoot = new X509Certificate(read(instance.sealingRootCertificate));
    const issued: [string, string, X509Certificate, X509Certificate, string][] = [
      [
        dispatcher.linkCertificate,
        dispatcher.linkKey,
        linkRoot,
        sealingRoot,
        'O=Pogo\nOU=dispatcher\nCN=dispatcher-1',
      ],
      [worker.linkCertificate, worker.linkKey, linkRoot, sealingRoot, 'O=Pogo\nOU=worker\nCN=worker-1'],
      [
        worker.sealingCertificate,
        worker.sealingKey,
        sealingRoot,
        linkRoot,
        'O=Pogo\nOU=sealing\nCN=worker-1',
      ],
    ];
    const serials = new Set<string>();
    for (const [path, key, root, other, subject] of issued) {
      const certificate = new X509Certificate(read(path));
      expect(certificate.subject).toBe(subject);
      expect(certificate.verify(root.publicKey)).toBe(true);
      expect(certificate.verify(other.publicKey)).toBe(false);
      expect(certificate.checkIssued(root)).toBe(true);
      expect(certificate.ca).toBe(false);
      expect(certificate.publicKey.equals(createPublicKey(read(key)))).toBe(true);
      expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
      // sha256WithRSAEncryption, in DER.
      expect(certificate.raw.includes(Buffer.from('2a864886f70d01010b', 'hex'))).toBe(true);
      expect(certificate.raw.includes(Buffer.from('2a864886f70d010105', 'hex'))).toBe(false);
      serials.add(certificate.serialNumber);
    }
    expect(serials.size).toBe(issued.length);
    expect(linkRoot.ca).toBe(true);
    expect(new X509Certificate(read(dispatcher.linkCertificate)).checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(new X509Certificate(read(dispatcher.linkCertificate)).checkHost('localhost')).toBe('localhost');
  });

  it('lets nobody else read anything of it', async () => {
    await make();
    const modes = (dir: string): string[] => [
      (statSync(dir).mode & 0o777).toString(8),
      ...readdirSync(dir, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory()
          ? modes(join(dir, entry.name))
          : [(statSync(join(dir, entry.name)).mode & 0o777).toString(8)],
      ),
    ];
    expect(new Set(modes(home))).toEqual(new Set(['700', '600']));
  });

  it('has configuration and profile that fit', async () => {
    await make();
    const { client, dispatcher, worker, instance } = homeLayout(home);
    const parsed = parseConfiguration(read(dispatcher.config), dispatcher.config);
    expect(parsed).toMatchObject({
      ok: true,
      configuration: {
        linkKey: dispatcher.linkKey,
        linkCertificate: dispatcher.linkCertificate,
        linkRoot: instance.linkRootCertificate,
        sealingRoot: instance.sealingRootCertificate,
        tokenFile: client.token,
        store: `embedded:${dispatcher.store}`,
      },
    });
    workerConfigurationSchema.parse(parse(read(worker.config)));
    expect(clientProfileSchema.parse(JSON.parse(read(client.profile)))).toMatchObject({
      linkRoot: read(instance.linkRootCertificate),
      sealingRoot: read(instance.sealingRootCertificate),
    });
    expect(read(client.token).trim()).toMatch(/^pogo_[\w-]{43}$/);
    await updateClientProfile(home, 'https://127.0.0.1:4444', 'temporary');
    expect(clientProfileSchema.parse(JSON.parse(read(client.profile))).url).toBe('https://127.0.0.1:4444');
  });
});

describe('an instance that is there', () => {
  it('is left alone when it is complete', async () => {
    const first = await make();
    const before = everything();
    const second = await make();
    expect(second).toEqual({ ...first, kind: 'left-alone' });
    expect(everything()).toEqual(before);
  });

  it('is completed with what is missing, and the rest stays', async () => {
    await make();
    const before = everything();
    const { worker, client } = homeLayout(home);
    const missing = [worker.sealingCertificate, worker.linkKey, worker.linkCertificate, client.token];
    for (const path of missing) rmSync(path);
    expect((await make()).kind).toBe('completed');
    const after = everything();
    expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort());
    for (const [path, content] of Object.entries(before)) {
      if (missing.includes(path)) expect(after[path], path).not.toBe(content);
      else expect(after[path], path).toBe(content);
    }
    const sealing = new X509Certificate(after[worker.sealingCertificate]!);
    expect(sealing.publicKey.equals(createPublicKey(after[worker.sealingKey]!))).toBe(true);
  });

  it('does without the keys of its roots once nothing is to be issued', async () => {
    await make();
    const { instance, worker } = homeLayout(home);
    rmSync(instance.sealingRootKey);
    expect((await make()).kind).toBe('left-alone');
    rmSync(worker.sealingCertificate);
    const before = everything();
    const outcome = await make();
    expect(outcome).toMatchObject({ kind: 'refused' });
    expect(JSON.stringify(outcome)).toContain(instance.sealingRootKey);
    expect(everything()).toEqual(before);
  });

  it.each([
    ['the key of a certificate', (home: string) => homeLayout(home).dispatcher.linkKey],
    ['the certificate of a root', (home: string) => homeLayout(home).instance.linkRootCertificate],
  ])('is refused, untouched, when %s is missing', async (_what, pathOf) => {
    await make();
    rmSync(pathOf(home));
    const before = everything();
    const outcome = await make();
    expect(outcome).toMatchObject({ kind: 'refused' });
    expect(JSON.stringify(outcome)).toContain(pathOf(home));
    expect(everything()).toEqual(before);
  });
});

describe('a private file', () => {
  it('that others may read is refused with its name and what to do', async () => {
    await make();
    const { token } = homeLayout(home).client;
    for (const mode of [0o640, 0o604, 0o660]) {
      chmodSync(token, mode);
      await expect(readPrivateFile(token)).rejects.toThrow(`chmod 600 ${token}`);
    }
    chmodSync(token, 0o400);
    expect(String(await readPrivateFile(token))).toBe('[secret]');
  });
});

describe('a configuration file', () => {
  const good = [
    'name: d1',
    'store: "memory:"',
    'linkKey: a',
    'linkCertificate: b',
    'linkRoot: c',
    'sealingRoot: d',
    'tokenFile: e',
  ];
  it.each([
    ['an unknown key', [...good, 'colour: blue'], 'd.yaml:8:1: colour: unknown key'],
    ['a missing key', good.slice(1), 'd.yaml:1:1: name: '],
    ['a wrong type', ['name: 7', ...good.slice(1)], 'd.yaml:1:1: name: '],
    ['a bad address', [...good, 'listen: nowhere'], 'd.yaml:8:1: listen: not HOST:PORT'],
    ['a broken line', ['name: d1', 'store: [', ...good.slice(2)], 'd.yaml:'],
    ['a key that is there twice', [...good, 'name: d2'], 'd.yaml:8:1: '],
    ['nothing', [], 'd.yaml:1:1: name: '],
  ])('with %s is refused with its line', (_what, lines, says) => {
    const outcome = parseConfiguration(lines.join('\n'), 'd.yaml');
    expect(outcome.ok).toBe(false);
    expect(outcome.ok ? '' : outcome.messages.join('\n')).toContain(says);
  });

  it('has paths relative to itself', () => {
    const outcome = parseConfiguration(
      good.join('\n').replace('"memory:"', 'embedded:data').replace('linkKey: a', 'linkKey: /keys/a'),
      '/etc/pogo/d.yaml',
    );
    expect(outcome).toMatchObject({
      ok: true,
      configuration: { store: 'embedded:/etc/pogo/data', linkKey: '/keys/a', tokenFile: '/etc/pogo/e' },
    });
  });

  it('has the files that the URL of a store names relative to itself', () => {
    const url =
      'zookeeper://127.0.0.1/pogo?digestFile=zk%20digest&sessionTimeoutMs=4000&storeKeyFile=/keys/store';
    const outcome = parseConfiguration(good.join('\n').replace('"memory:"', url), '/etc/pogo/d.yaml');
    const store =
      'zookeeper://127.0.0.1/pogo?digestFile=/etc/pogo/zk%20digest&sessionTimeoutMs=4000&storeKeyFile=/keys/store';
    expect(outcome).toMatchObject({ ok: true, configuration: { store } });
  });
});
