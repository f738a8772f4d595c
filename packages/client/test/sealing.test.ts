import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createKeyWithoutOpenSsh } from '@pogo/testkit';
import { describe, expect, it } from 'vitest';
import { issue } from './support/certificates.js';
import { key, useClient } from './support/client.js';
import type { ScriptedDispatcher } from './support/scripted-dispatcher.js';

const client = useClient();

function openSubmitted({ submitted }: ScriptedDispatcher) {
  return client.openSeal(submitted!.credentials, submitted!.digest);
}

describe('a job that is submitted', () => {
  it('seals key, password and digest for the worker, and sends nothing of it in the clear', async () => {
    const dispatcher = await client.dispatcherWith();
    const password = await client.pogo.file('password', 'correct horse\n');
    const { code } = await client.pogo.run([
      'run',
      '-h',
      'web1',
      '--identity',
      key,
      '--password-file',
      password,
      'true',
    ]);
    expect(code).toBe(0);
    const payload = await openSubmitted(dispatcher);
    expect(payload).toMatchObject({ password: 'correct horse', digest: dispatcher.submitted!.digest });
    expect(payload.identities).toEqual([
      { label: 'id', privateKey: await readFile(join(client.pogo.directory, key), 'utf8') },
    ]);
    expect(dispatcher.submitted!.spec.auth.methods).toEqual([
      'publickey',
      'password',
      'keyboard-interactive',
    ]);
    for (const { body } of dispatcher.requests) expect(body).not.toContain('correct horse');
  });

  it('seals no password when only publickey may be used (P7)', async () => {
    const dispatcher = await client.dispatcherWith();
    const password = await client.pogo.file('password', 'correct horse\n');
    await client.pogo.file('home/.pogoconf', 'auth: [publickey]\n');
    const { code } = await client.pogo.run([
      'run',
      '-h',
      'web1',
      '--identity',
      key,
      '--password-file',
      password,
      'true',
    ]);
    await client.pogo.file('home/.pogoconf', '');
    expect(code).toBe(0);
    expect(await openSubmitted(dispatcher)).not.toHaveProperty('password');
    expect(dispatcher.submitted!.spec.auth.methods).toEqual(['publickey']);
  });

  it('takes a password from a descriptor, and passphrases of encrypted keys from a secrets file', async () => {
    const dispatcher = await client.dispatcherWith();
    const { privatePath: identity } = createKeyWithoutOpenSsh({
      directory: client.pogo.directory,
      name: 'encrypted',
      passphrase: 'open sesame',
    });
    const secrets = await client.pogo.file('secrets', 'pvt_key_passphrase: open sesame\n');
    const { code, stderr } = await client.pogo.run(
      ['run', '-h', 'web1', '--identity', identity, '-S', secrets, '--password-fd', '0', 'true'],
      { stdin: 'from the pipe\n' },
    );
    expect(stderr).toContain('succeeded');
    expect(code).toBe(0);
    expect(await openSubmitted(dispatcher)).toMatchObject({
      password: 'from the pipe',
      identities: [{ label: 'encrypted', passphrase: 'open sesame' }],
    });
  });

  it('is refused without password or key, and no dispatcher hears of it (scenario 9)', async () => {
    const dispatcher = await client.dispatcherWith();
    const { code, stderr } = await client.pogo.run(['run', '-h', 'web1', 'true']);
    expect(code).toBe(8);
    expect(stderr).toContain('pogo: credentials-needed: neither a password nor a key was offered');
    expect(dispatcher.requests).toEqual([]);
  });

  it('sends the host keys of its targets and of no other host', async () => {
    const dispatcher = await client.dispatcherWith();
    const publicLine = (name: string) =>
      createKeyWithoutOpenSsh({ directory: client.pogo.directory, name }).publicLine;
    const [one, two] = [publicLine('one'), publicLine('two')];
    const known = await client.pogo.file('known', `[web1]:2222,[web2]:2222 ${one}\nweb1,db1 ${two}\n`);
    await client.pogo.run(['run', '-h', 'web[1-3]:2222', '--identity', key, '--known-hosts', known, 'true']);
    expect(dispatcher.submitted!.spec.hostKeys).toEqual({
      policy: 'strict',
      known: [{ hosts: 'web[1-2]:2222', keys: [one] }],
    });
  });

  it.each([
    [
      'another command',
      (spec: { command: unknown }) => (spec.command = { kind: 'argv', argv: ['rm'] }),
      'command: {"argv":["rm"]',
    ],
    [
      'another host',
      (spec: { targets: string }) => (spec.targets = 'root@evil:22'),
      'targets: "root@evil:22" instead of',
    ],
    [
      'further methods',
      (spec: { auth: unknown }) => (spec.auth = { methods: ['password'] }),
      'authentication methods',
    ],
    [
      'other host keys',
      (spec: { hostKeys: unknown }) => (spec.hostKeys = { policy: 'accept-new', known: [] }),
      'host keys',
    ],
    [
      'an environment',
      (spec: { environment: unknown }) => (spec.environment = { POGO_EXTRA: 'x' }),
      'environment',
    ],
    [
      'another account to run as',
      (spec: { runAs: string }) => (spec.runAs = 'root'),
      'account to run as: "root" instead of nothing',
    ],
    [
      'agent forwarding',
      (spec: { forwardAgent: true }) => (spec.forwardAgent = true),
      'agent forwarding: true instead of nothing',
    ],
    ['retries', (spec: { retries: number }) => (spec.retries = 3), 'retries: 3 instead of nothing'],
    [
      'a script',
      (spec: { command: unknown }) =>
        (spec.command = { kind: 'script', name: 'x', sha256: 'a'.repeat(64), bytes: 1, args: [] }),
      'command: {"args":[],"bytes":1,"kind":"script"',
    ],
    [
      'a longer time',
      (spec: { timeouts: { commandMs: number } }) => (spec.timeouts.commandMs += 1),
      'timeouts: {"commandMs":600001',
    ],
  ])('seals nothing when the plan has %s than was asked for', async (_what, alter, text) => {
    const { specDigest } = await import('@pogo/protocol');
    const dispatcher = await client.dispatcherWith({
      alterPlan(plan) {
        alter(plan.spec as never);
        plan.digest = specDigest(plan.spec);
      },
    });
    const { code, stderr } = await client.pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect(stderr).toContain('pogo: spec-changed: ');
    expect(code).toBe(1);
    expect(stderr).toContain(text);
    expect(dispatcher.submitted).toBeUndefined();
  });

  it('says when the dispatcher shortened a time, and goes on', async () => {
    const { specDigest } = await import('@pogo/protocol');
    const dispatcher = await client.dispatcherWith({
      alterPlan(plan) {
        plan.spec.timeouts.commandMs = 5000;
        plan.digest = specDigest(plan.spec);
      },
    });
    const { code, stderr } = await client.pogo.run([
      'run',
      '-h',
      'web1',
      '-t',
      '10',
      '--identity',
      key,
      'true',
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain('shortened the command timeout from 10000 ms to 5000 ms');
    expect(dispatcher.submitted).toBeDefined();
  });

  it('seals for no worker that the pinned sealing root did not sign', async () => {
    const foreign = issue({
      cn: 'worker-1',
      ou: 'sealing',
      issuer: issue({ cn: 'sealing root', ou: 'root' }),
    });
    const { keyIdOf } = await import('./support/certificates.js');
    const dispatcher = await client.dispatcherWith({
      alterPlan: (plan) =>
        plan.recipients.push({
          worker: 'worker-1',
          certificate: foreign.certificate,
          kid: keyIdOf(foreign.certificate),
        }),
    });
    const { code, stderr } = await client.pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect(code).toBe(1);
    expect(stderr).toContain('pogo: recipient-refused: ');
    expect(dispatcher.submitted).toBeUndefined();
  });

  it.each([
    [
      'of another root',
      () => issue({ cn: 'dispatcher-1', ou: 'dispatcher', issuer: issue({ cn: 'x', ou: 'root' }) }),
    ],
    [
      'of a worker of the same instance',
      () => issue({ cn: 'dispatcher-1', ou: 'worker', issuer: client.instance.linkRoot }),
    ],
  ])('sends nothing, not even the token, to a server with a certificate %s', async (_what, certificate) => {
    const impostor = await client.dispatcherWith({
      instance: { ...client.instance, dispatcher: certificate() },
    });
    const { code, stderr } = await client.pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect(code).toBe(1);
    expect(stderr).toContain('pogo: dispatcher-untrusted: ');
    expect(impostor.requests).toEqual([]);
  });
});
