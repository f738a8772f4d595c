/** Methods from outside: what they get, what they may do, and what becomes of those that are faulty. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Account, Sshd } from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Fixture, knownAt } from './fixture.js';
import type { Credentials } from './seal.js';

let fixture: Fixture;
let sshd: Sshd;
let account: Account;
let modules = 0;
const password = 'correct horse battery';

beforeAll(async () => {
  fixture = await Fixture.create();
  account = await fixture.account({ password });
  sshd = await fixture.sshd({ methods: ['password', 'keyboard-interactive'], hostKeyTypes: ['ed25519'] });
});
afterAll(() => fixture?.end());
afterEach(() => fixture.hangUp());

function moduleOf(text: string): string {
  const file = fixture.directory.file(`plugin-${++modules}.mjs`);
  writeFileSync(file, text);
  return file;
}

/** A module whose method hands over the password, with parts of it replaced. */
function passwordPlugin(parts: { head?: string; needs?: string; prepare?: string; action?: string } = {}) {
  const {
    head = 'export const authMethodVersion = 1;',
    needs = '{ password: true }',
    action = `({ kind: 'password', password: credentials.password })`,
    prepare = `(credentials) => ({ ok: true, method: {
      sshName: 'password', sendsPassword: true, shown: 'a badge', action: () => ${action},
    } })`,
  } = parts;
  return moduleOf(`${head}\nexport const authMethod = { needs: ${needs}, prepare: ${prepare} };`);
}

async function login(path: string, credentials: Credentials = { password }, methods = ['badge']) {
  const job = await fixture.job(credentials, {
    targets: `${account.name}@127.0.1.1:${sshd.port}`,
    auth: { methods },
    hostKeys: knownAt(sshd, '127.0.1.1'),
  });
  const rexec = await fixture.start({ ...job, authPlugins: { badge: path } });
  rexec.run(0);
  const outcome = await rexec.outcome(0);
  expect(await rexec.close()).toBe(0);
  const said = JSON.stringify(rexec.messages) + rexec.stderr;
  for (const secret of [password, 'swordfish']) expect(said).not.toContain(secret);
  return outcome;
}

describe('a method from outside', () => {
  it('logs in like one of the house, from a module or from a package', async () => {
    const file = passwordPlugin();
    expect(await login(file)).toMatchObject({ state: 'succeeded', methodsTried: ['badge'] });
    const folder = fixture.directory.file('package');
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'badge', main: './lib.mjs' }));
    writeFileSync(join(folder, 'lib.mjs'), `export * from ${JSON.stringify(file)};`);
    expect(await login(folder)).toMatchObject({ state: 'succeeded' });
  });

  it('gets what it says that it needs, and nothing else', async () => {
    const path = passwordPlugin({
      needs: `{ secrets: ['door'] }`,
      prepare: `async (credentials) => ({ ok: false, message: [
        String(credentials.password), credentials.identities.length, credentials.openIdentities().agent.keys.length,
        [...credentials.secrets.keys()].join(), credentials.secrets.get('door').reveal().length,
        String(credentials.secrets.get('door')),
      ].join(' ') })`,
    });
    const outcome = await login(path, {
      password,
      identities: [fixture.identity],
      secrets: { door: 'swordfish', window: 'swordfish' },
    });
    expect(outcome).toMatchObject({
      state: 'auth-failed',
      reason: 'credentials-unusable',
      message: 'No method of the job can be used (badge: undefined 0 0 door 9 [secret]).',
    });
  });

  it('says what the user has not given, before any host is dialled', async () => {
    const path = passwordPlugin({ needs: `{ password: true, identities: true, secrets: ['door'] }` });
    const before = sshd.connections().length;
    const outcome = await login(path, {});
    expect(outcome.message).toBe(
      'No method of the job can be used (badge: no password, no key, no secret "door" came with the job).',
    );
    expect(sshd.connections().length).toBe(before);
  });

  it('can answer several questions, at its leisure, with text of its own', async () => {
    const path = passwordPlugin({
      prepare: `({ password }) => ({ ok: true, method: {
        sshName: 'keyboard-interactive', sendsPassword: true, shown: '',
        action: () => ({ kind: 'prompts', answer: async (prompts) => prompts.map(() => password.reveal()) }),
      } })`,
    });
    expect(await login(path)).toMatchObject({ state: 'succeeded' });
  });
});

describe('a faulty method from outside', () => {
  const cases: [string, () => string, RegExp][] = [
    ['is not there', () => '/nowhere.mjs', /cannot be loaded \(ENOENT\)/],
    ['has no absolute path', () => 'badge.mjs', /its path is not absolute/],
    ['throws when loaded', () => moduleOf(`throw new Error('swordfish');`), /it throws when loaded/],
    ['never finishes loading', () => moduleOf('await new Promise(() => {});'), /was not loaded within 10 s/],
    ['does not parse', () => moduleOf('export const = 1;'), /it throws when loaded/],
    ['says no version', () => passwordPlugin({ head: '' }), /has no export `authMethodVersion`/],
    [
      'is of another version',
      () => passwordPlugin({ head: 'export const authMethodVersion = 2;' }),
      /is of version 2, and this worker takes version 1/,
    ],
    [
      'exports no method',
      () => moduleOf('export const authMethodVersion = 1;'),
      /has no export `authMethod`/,
    ],
    ['does not say what it needs', () => passwordPlugin({ needs: '7' }), /does not say what it needs/],
    [
      'throws while preparing',
      () => passwordPlugin({ prepare: `() => { throw new Error('swordfish'); }` }),
      /failed while it was being prepared/,
    ],
    [
      'never finishes preparing',
      () => passwordPlugin({ prepare: '() => new Promise(() => {})' }),
      /did not finish preparing within 10 s/,
    ],
    ['prepares nothing', () => passwordPlugin({ prepare: '() => undefined' }), /gave no outcome/],
    [
      'prepares nonsense',
      () => passwordPlugin({ prepare: '() => ({ ok: true, method: { sshName: 3 } })' }),
      /gave no usable method/,
    ],
    [
      'throws on a host',
      () => passwordPlugin({ action: `(() => { throw new Error('swordfish'); })()` }),
      /badge failed by itself/,
    ],
    [
      'gives what is no action',
      () => passwordPlugin({ action: `({ kind: 'dance' })` }),
      /badge failed by itself/,
    ],
  ];
  it.each(cases)('that %s is a clear error', async (_what, path, message) => {
    const outcome = await login(path());
    expect(outcome).toMatchObject({ state: 'auth-failed', reason: 'credentials-unusable' });
    expect(outcome.message).toMatch(message);
  });

  it('that throws, or gives nonsense, when it is asked is a clear error', async () => {
    for (const answer of [
      `() => { throw new Error('swordfish'); }`,
      `async () => { throw new Error('swordfish'); }`,
      '() => 7',
      '() => [{}]',
    ]) {
      const path = passwordPlugin({
        prepare: `() => ({ ok: true, method: { sshName: 'keyboard-interactive', sendsPassword: true, shown: '',
          action: () => ({ kind: 'prompts', answer: ${answer} }) } })`,
      });
      const outcome = await login(path);
      expect(outcome).toMatchObject({ state: 'auth-failed', reason: 'credentials-unusable' });
      expect(outcome.message).toContain('badge failed by itself');
    }
  });

  it('leaves the other methods of the job to do their work', async () => {
    for (const path of [
      passwordPlugin({ prepare: '() => 7' }),
      passwordPlugin({ action: `(() => { throw new Error('swordfish'); })()` }),
    ]) {
      expect(await login(path, { password }, ['badge', 'password'])).toMatchObject({
        state: 'succeeded',
        methodsTried: ['password'],
      });
    }
  });

  it('cannot take the place of a built-in one', async () => {
    const path = passwordPlugin({ prepare: '() => 7' });
    const job = await fixture.job(
      { password },
      {
        targets: `${account.name}@127.0.1.1:${sshd.port}`,
        auth: { methods: ['password'] },
        hostKeys: knownAt(sshd, '127.0.1.1'),
      },
    );
    const rexec = await fixture.start({ ...job, authPlugins: { password: path } });
    rexec.run(0);
    expect(await rexec.outcome(0)).toMatchObject({ state: 'succeeded' });
  });
});
