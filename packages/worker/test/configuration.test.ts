import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadWorkerConfiguration } from '@pogo/worker';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CertificateAuthority } from '../../wire/test/certificate-authority.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pogo-worker-config-'));
  const authority = new CertificateAuthority('root');
  const issued = authority.issue({ commonName: 'w1', organizationalUnits: ['worker'] });
  for (const [name, text] of [
    ['link.key', issued.key],
    ['link.crt', issued.cert],
    ['root.crt', authority.certificate],
    ['sealing.key', 'not looked into'],
    ['sealing.crt', issued.cert],
  ] as const) {
    await writeFile(join(directory, name), text, { mode: 0o600 });
  }
});
afterEach(() => rm(directory, { recursive: true }));

const complete = `name: w1
dispatchers:
  - wss://127.0.0.1:7647
linkKey: link.key
linkCertificate: link.crt
linkRoot: root.crt
sealingKey: sealing.key
sealingCertificate: sealing.crt
knownHosts: known_hosts
spool:
  dir: spool
`;

async function load(text: string) {
  const path = join(directory, 'worker.yaml');
  await writeFile(path, text);
  const outcome = await loadWorkerConfiguration(path);
  return { path, outcome };
}

test('a complete file gives absolute paths, defaults, and the key id that clients seal for', async () => {
  const { outcome } = await load(complete);
  expect(outcome).toMatchObject({
    ok: true,
    loaded: {
      configuration: {
        linkKey: join(directory, 'link.key'),
        knownHosts: join(directory, 'known_hosts'),
        spool: { dir: join(directory, 'spool'), retentionMs: 7 * 86_400_000 },
        maxConnections: 1000,
        maxHandshakes: 64,
      },
      recipient: { worker: 'w1', kid: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string },
    },
  });
});

test('journal and attachments lie beside the spool unless the file says otherwise', async () => {
  expect((await load(complete)).outcome).toMatchObject({
    loaded: {
      configuration: {
        journal: join(directory, 'journal'),
        attachments: join(directory, 'attachments'),
        spool: { maxBytesPerHost: 1024 ** 3 },
        allowAgentForwarding: false,
      },
    },
  });
  const elsewhere = complete.replace('dir: spool', 'dir: /var/spool/pogo');
  expect((await load(`${elsewhere}journal: books/journal\n`)).outcome).toMatchObject({
    loaded: {
      configuration: { journal: join(directory, 'books', 'journal'), attachments: '/var/spool/attachments' },
    },
  });
});

test.each([
  [
    'an unknown key',
    complete.replace('knownHosts:', 'knownhosts:'),
    [/:9: knownhosts: unknown key/, /knownHosts/],
  ],
  ['an unknown key further in', `${complete}  size: 3\n`, [/:12: spool\.size: unknown key/]],
  ['a wrong type', complete.replace('spool:\n  dir: spool', 'spool:\n  dir: 7'), [/:11: spool\.dir: /]],
  ['a bad item of a list', complete.replace('wss://', 'http://'), [/:3: dispatchers\.0: /]],
  ['a number out of range', `${complete}maxConnections: 0\n`, [/:12: maxConnections: /]],
  ['what is not YAML', 'name: [w1\n', [/:\d+: not YAML/]],
  ['an empty file', '', [/:1: /]],
])('%s is an error that names the line', async (_what, text, patterns) => {
  const { path, outcome } = await load(text);
  expect(outcome).toMatchObject({ ok: false, code: 'config-invalid' });
  for (const pattern of patterns) expect(outcome.ok ? '' : outcome.message).toMatch(pattern);
  expect(outcome.ok ? '' : outcome.message).toContain(path);
});

test.each(['link.key', 'sealing.key'])(
  '%s readable by others is refused, with the command that helps',
  async (name) => {
    await chmod(join(directory, name), 0o640);
    const { outcome } = await load(complete);
    expect(outcome).toEqual({
      ok: false,
      code: 'key-file-mode',
      message: `${join(directory, name)} is a private key but its mode is 0640: others could read it. Run: chmod 600 ${join(directory, name)}`,
    });
  },
);

test('a certificate that is for another name is refused', async () => {
  const { outcome } = await load(complete.replace('name: w1', 'name: w2'));
  expect(outcome).toMatchObject({
    code: 'certificate-name',
    message: expect.stringMatching(/link\.crt is for CN=w1, but this worker's name is w2/) as string,
  });
});

test('missing files and a certificate that is none are named', async () => {
  await rm(join(directory, 'root.crt'));
  expect((await load(complete)).outcome).toMatchObject({
    code: 'file-unreadable',
    message: expect.stringContaining('linkRoot') as string,
  });
  await writeFile(join(directory, 'root.crt'), 'x');
  await writeFile(join(directory, 'sealing.crt'), 'not PEM');
  expect((await load(complete)).outcome).toMatchObject({ code: 'certificate-invalid' });
  expect(await loadWorkerConfiguration(join(directory, 'nowhere.yaml'))).toMatchObject({
    code: 'config-unreadable',
  });
});
