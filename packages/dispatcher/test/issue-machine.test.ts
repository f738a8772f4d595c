import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientProfileSchema, homeLayout, workerConfigurationSchema } from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseConfiguration } from '../src/configuration/read-configuration.js';
import { issueMachine, type Machine } from '../src/instance/issue-machine.js';
import { makeTestInstance, type TestInstance } from './support/instance.js';

let original: TestInstance;
let instance: TestInstance;
let directory: string;
let out: string;
beforeAll(async () => {
  original = await makeTestInstance();
});
afterAll(() => original.remove());
beforeEach(() => {
  instance = original.copy();
  directory = mkdtempSync(join(tmpdir(), 'pogo-issue-'));
  out = join(directory, 'machine');
});
afterEach(() => {
  instance.remove();
  rmSync(directory, { recursive: true });
});

const read = (path: string) => readFileSync(path, 'utf8');
const worker: Machine = {
  role: 'worker',
  name: 'worker-2',
  dispatchers: ['wss://a.example:7647', 'wss://b.example:7647'],
  pools: ['east'],
};
const dispatcher: Machine = {
  role: 'dispatcher',
  name: 'dispatcher-2',
  hosts: ['b.example', '10.1.2.3'],
  store: 'zookeeper://z1:2181,z2:2181/pogo',
  listen: 'b.example:7646',
  workerListen: 'b.example:7647',
};
const issue = (machine: Machine, { again = false, to = out } = {}) =>
  issueMachine({
    home: instance.layout.home,
    out: to,
    machine,
    again,
    nowMs: Date.now(),
    randomBytes: (count) => randomBytes(count),
  });
const filesOf = (dir: string): string[] =>
  readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

describe('the papers of a further machine', () => {
  it('of a worker are certificates of both roots, private keys, and a configuration that names every dispatcher', async () => {
    const outcome = await issue(worker);
    expect(outcome).toMatchObject({
      kind: 'issued',
      fingerprints: {
        link: expect.stringMatching(/^sha256:/) as string,
        sealing: expect.stringMatching(/^sha256:/) as string,
      },
    });
    const { worker: own, instance: roots } = homeLayout(out);
    const linkRoot = new X509Certificate(read(instance.layout.instance.linkRootCertificate));
    const sealingRoot = new X509Certificate(read(instance.layout.instance.sealingRootCertificate));
    const link = new X509Certificate(read(own.linkCertificate));
    const sealing = new X509Certificate(read(own.sealingCertificate));
    expect([link.subject, link.verify(linkRoot.publicKey)]).toEqual(['O=Pogo\nOU=worker\nCN=worker-2', true]);
    expect([sealing.subject, sealing.verify(sealingRoot.publicKey)]).toEqual([
      'O=Pogo\nOU=sealing\nCN=worker-2',
      true,
    ]);
    expect(workerConfigurationSchema.parse(parse(read(own.config)))).toMatchObject({
      name: 'worker-2',
      dispatchers: ['wss://a.example:7647', 'wss://b.example:7647'],
      pools: ['east'],
      linkKey: 'link.key',
    });
    expect(read(roots.linkRootCertificate)).toBe(read(instance.layout.instance.linkRootCertificate));
    expect(filesOf(out)).toHaveLength(7);
    for (const path of filesOf(out)) expect(statSync(path).mode & 0o777, path).toBe(0o600);
  });

  it('of a dispatcher are a certificate for its names, the token, and a configuration with the store', async () => {
    expect((await issue(dispatcher)).kind).toBe('issued');
    const { dispatcher: own, client } = homeLayout(out);
    const link = new X509Certificate(read(own.linkCertificate));
    expect(link.subject).toBe('O=Pogo\nOU=dispatcher\nCN=dispatcher-2');
    expect([link.checkHost('b.example'), link.checkIP('10.1.2.3')]).toEqual(['b.example', '10.1.2.3']);
    expect(parseConfiguration(read(own.config), own.config)).toMatchObject({
      ok: true,
      configuration: {
        name: 'dispatcher-2',
        store: 'zookeeper://z1:2181,z2:2181/pogo',
        listen: 'b.example:7646',
        tokenFile: client.token,
      },
    });
    expect(read(client.token)).toBe(read(instance.layout.client.token));
    const profile = clientProfileSchema.parse(JSON.parse(read(client.profile)));
    expect(profile.url).toBe('https://b.example:7646');
    const roots = homeLayout(out).instance;
    expect([roots.linkRootKey, roots.sealingRootKey].map((path) => existsSync(path))).toEqual([false, false]);
  });

  it('are issued once for a name, unless that machine is said to be no more', async () => {
    expect((await issue(worker)).kind).toBe('issued');
    const other = join(directory, 'other');
    expect(await issue(worker, { to: other })).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('a worker worker-2 was issued already') as string,
    });
    expect(existsSync(other)).toBe(false);
    expect(await issue({ ...worker, name: 'worker-1' }, { to: other })).toMatchObject({ kind: 'refused' });
    expect((await issue({ ...dispatcher, name: 'worker-2' }, { to: other })).kind).toBe('issued');
    expect((await issue(worker, { to: join(directory, 'third'), again: true })).kind).toBe('issued');
    const list = read(join(instance.layout.instance.dir, 'issued'));
    expect(list.match(/^(worker|dispatcher) worker-2 \S+Z sha256:/gm)).toHaveLength(3);
  });

  it('overwrite nothing', async () => {
    await issue(worker);
    const before = filesOf(out).map(read);
    expect(await issue({ ...worker, name: 'worker-3' })).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('is there already: give --out a new directory') as string,
    });
    expect(filesOf(out).map(read)).toEqual(before);
  });

  it('need the keys of the roots', async () => {
    rmSync(instance.layout.instance.sealingRootKey);
    expect(await issue(worker)).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining(instance.layout.instance.sealingRootKey) as string,
    });
    expect((await issue(dispatcher)).kind).toBe('issued');
  });

  it.each<[string, Machine, string]>([
    ['a name that is none', { ...worker, name: 'Worker 2' }, 'is no name'],
    ['a worker without dispatchers', { ...worker, dispatchers: [] }, '--dispatcher wss://HOST:PORT'],
    ['a worker with an address of the API', { ...worker, dispatchers: ['https://a:1'] }, 'wss://HOST:PORT'],
    ['a pool that is none', { ...worker, pools: ['a b'] }, '--pool: not the name of a pool'],
    [
      'a dispatcher with a store of its own',
      { ...dispatcher, store: 'embedded:store' },
      '--store zookeeper://',
    ],
    ['a dispatcher that listens nowhere', { ...dispatcher, listen: 'nowhere' }, '--listen takes HOST:PORT'],
  ])('are refused for %s, and nothing is written', async (_what, machine, message) => {
    expect(await issue(machine)).toEqual({
      kind: 'refused',
      message: expect.stringContaining(message) as string,
    });
    expect(existsSync(out)).toBe(false);
    expect(existsSync(join(instance.layout.instance.dir, 'issued'))).toBe(false);
  });
});
