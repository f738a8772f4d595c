import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keyFingerprint, KnownHosts } from '@pogo/protocol';
import { createKeyWithoutOpenSsh } from '@pogo/testkit';
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keysOfTargets } from '../src/host-keys/collect-host-keys.js';
import { PogoFixture } from './support/pogo.js';

let pogo: PogoFixture;
let keys: string[];
beforeAll(async () => {
  pogo = await PogoFixture.build();
  keys = ['a', 'b', 'c'].map(
    (name) => createKeyWithoutOpenSsh({ directory: pogo.directory, name }).publicLine,
  );
});
afterAll(() => pogo.remove());

const salt = Buffer.alloc(20, 7);
const hashed = (name: string) =>
  `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;

describe('the host keys of a job', () => {
  it('are those of its targets, hosts with equal keys together, without revoked ones and first-sight ones', () => {
    const [a, b, c] = keys as [string, string, string];
    const file = new KnownHosts(
      [
        `web1,web2 ${a}`,
        `web[3] ${a}`,
        `web3 ${a}`,
        `${hashed('[db1]:2222')} ${b}`,
        `db1 ${c}`,
        `web2 ${c}`,
        `@revoked web2 ${c}`,
        `new ${c} pogo:accept-new`,
        `other ${c}`,
      ].join('\n'),
    );
    const targets = [
      ...['web1', 'web2', 'web3', 'web4', 'new'].map((host) => ({ host, port: 22 })),
      { host: 'db1', port: 2222 },
    ];
    expect(keysOfTargets([file], targets)).toEqual([
      { hosts: 'web[1-3]:22', keys: [a] },
      { hosts: 'db1:2222', keys: [b] },
    ]);
  });

  it('that one file revokes count in no other', () => {
    const [a] = keys as [string];
    const files = [new KnownHosts(`web1 ${a}`), new KnownHosts(`@revoked * ${a}`)];
    expect(keysOfTargets(files, [{ host: 'web1', port: 22 }])).toEqual([]);
  });
});

describe('pogo hostkeys', () => {
  const list = async () => (await pogo.run(['hostkeys', 'list', '--json'])).stdout.toString();

  it('imports, merges, lists with fingerprints, and removes', async () => {
    const [a, b, c] = keys as [string, string, string];
    const first = await pogo.file(
      'first',
      `# mine\nweb1,web2 ${a} a comment\n${hashed('db1')} ${b}\n@cert-authority *.x ${c}\n`,
    );
    const imported = await pogo.run(['hostkeys', 'import', first]);
    expect(imported.code).toBe(0);
    expect(imported.stderr).toContain('first:4: left out: certificate authorities are not supported');
    expect(imported.stderr).toContain('2 new, 0 known already');
    expect(imported.stdout.toString()).toContain(`web1,web2      ssh-ed25519  ${keyFingerprint(a)}`);
    const second = await pogo.file('second', `web1,web2 ${a}\nweb3 ${c}\n`);
    expect((await pogo.run(['hostkeys', 'import', second])).stderr).toContain(
      '1 new, 1 known already; 3 in ',
    );
    const stored = join(pogo.home, 'client', 'known_hosts');
    expect(await readFile(stored, 'utf8')).toBe(
      `web1,web2 ${a} a comment\n${hashed('db1')} ${b}\nweb3 ${c}\n`,
    );

    expect((await pogo.run(['hostkeys', 'remove', 'web2', 'db1', 'gone'])).stderr).toContain(
      'gone: no key in the list',
    );
    expect(await readFile(stored, 'utf8')).toBe(`web1 ${a} a comment\nweb3 ${c}\n`);
    expect(JSON.parse(await list())).toEqual({
      hostKeys: [
        { hosts: 'web1', type: 'ssh-ed25519', fingerprint: keyFingerprint(a) },
        { hosts: 'web3', type: 'ssh-ed25519', fingerprint: keyFingerprint(c) },
      ],
    });
    expect((await pogo.run(['hostkeys', 'remove', 'nothing'])).code).toBe(1);
  });

  it('takes nothing of a file with a line that can not be read', async () => {
    const before = await list();
    const bad = await pogo.file('bad', `web9 ${keys[0]}\nweb8 ssh-ed25519 AAAA\nweb7\n`);
    const { code, stderr } = await pogo.run(['hostkeys', 'import', bad]);
    expect(code).toBe(2);
    expect(stderr).toContain('bad:2: not a public key');
    expect(stderr).toContain('bad:3: not of the form');
    expect(await list()).toBe(before);
  });
});
