import { Secret } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { type CredentialSources, gatherCredentials } from '../src/credentials/credentials.js';
import type { Answer } from '../src/credentials/prompt.js';
import { bytes, useClient } from './support/client.js';

const client = useClient();

/** Answers in this order; what is left unasked stays in it. */
function prompterWith(...answers: (string | 'declined' | undefined)[]) {
  const asked: string[] = [];
  return {
    asked,
    ask(question: string): Promise<Answer> {
      asked.push(question);
      const answer = answers.shift();
      if (answer === undefined) return Promise.resolve({ kind: 'nobody' });
      if (answer === '') return Promise.resolve({ kind: 'empty' });
      if (answer === 'declined') return Promise.resolve({ kind: 'declined' });
      return Promise.resolve({ kind: 'answered', value: new Secret(answer) });
    },
    confirm: () => Promise.resolve(undefined),
  };
}

const nothing: CredentialSources = { identities: [], user: 'deploy' };

async function gathered(sources: Partial<CredentialSources>, prompter = prompterWith()) {
  const result = await gatherCredentials({ ...nothing, ...sources }, prompter);
  if (!result.ok) return result.failure.code;
  const { methods, password, sudoPassword, secrets, identities } = result.value;
  return {
    methods,
    identities: identities.length,
    ...(password && { password: password.reveal() }),
    ...(sudoPassword && { sudoPassword: sudoPassword.reveal() }),
    ...(secrets && {
      secrets: Object.fromEntries([...secrets].map(([name, secret]) => [name, secret.reveal()])),
    }),
  };
}

const key = () => client.pogo.file('id', '-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n');

describe('the password for sudo', () => {
  it('is asked for from somebody who is asked for the login password anyway; empty means the same', async () => {
    const empty = prompterWith('login', '');
    expect(await gathered({ runAs: 'root' }, empty)).toEqual({
      methods: ['password', 'keyboard-interactive'],
      identities: 0,
      password: 'login',
    });
    expect(empty.asked).toEqual([
      'Password of deploy on the hosts:',
      'sudo password (empty: the same as the login password):',
    ]);
    expect(await gathered({ runAs: 'root' }, prompterWith('login', 'other'))).toMatchObject({
      password: 'login',
      sudoPassword: 'other',
    });
  });

  it('is not asked for with a key alone, nor with a password from a file', async () => {
    const prompter = prompterWith();
    expect(await gathered({ runAs: 'root', identities: [await key()] }, prompter)).toEqual({
      methods: ['publickey'],
      identities: 1,
    });
    const passwordFile = await client.pogo.file('password', 'geheim\n');
    expect(await gathered({ runAs: 'root', passwordFile }, prompter)).toMatchObject({ password: 'geheim' });
    expect(prompter.asked).toEqual([]);
  });

  it('is taken from its own file before the secrets file, and only where the command runs as somebody else', async () => {
    const identities = [await key()];
    const sudoPasswordFile = await client.pogo.file('sudo-password', 'from the file\n');
    const secretsFile = await client.pogo.file('secrets', 'sudo_password: from the secrets\n');
    const sudoPasswordOf = async (sources: Partial<CredentialSources>) => {
      const result = await gathered({ identities, ...sources });
      return typeof result === 'string' ? result : result.sudoPassword;
    };
    expect(await sudoPasswordOf({ runAs: 'root', sudoPasswordFile, secretsFile })).toBe('from the file');
    expect(await sudoPasswordOf({ runAs: 'root', secretsFile })).toBe('from the secrets');
    expect(await sudoPasswordOf({ sudoPasswordFile, secretsFile })).toBeUndefined();
  });

  it('that nobody wants to give ends the command, and nothing is sent', async () => {
    expect(await gathered({ runAs: 'root' }, prompterWith('login', 'declined'))).toBe('interrupted');
  });
});

describe('named secrets', () => {
  it('are taken along only for a method of a plug-in', async () => {
    const identities = [await key()];
    const secretsFile = await client.pogo.file('secrets', 'secrets:\n  token: abc\n  "other one": "12"\n');
    expect(await gathered({ identities, secretsFile, auth: ['publickey'] })).not.toHaveProperty('secrets');
    expect(await gathered({ secretsFile, auth: ['kerberos-ticket'] })).toEqual({
      methods: ['kerberos-ticket'],
      identities: 0,
      secrets: { token: 'abc', 'other one': '12' },
    });
  });
});

describe('what is sealed', () => {
  it('has the sudo password and named secrets under the digest, and nothing of them is sent in the clear', async () => {
    const dispatcher = await client.dispatcherWith();
    await key();
    await client.pogo.file('secrets', 'sudo_password: correct horse\nsecrets:\n  token: battery staple\n');
    await client.pogo.file(
      'home/.pogoconf',
      'auth: [publickey, kerberos-ticket]\nrun_as: deploy\nretry: 2\nforward_agent: true\n',
    );
    const { code, stderr } = await client.pogo.run([
      'run',
      '-h',
      'web1',
      '--identity',
      'id',
      '-S',
      'secrets',
      'true',
    ]);
    await client.pogo.file('home/.pogoconf', '');
    expect(stderr).toContain('succeeded');
    expect(code).toBe(0);
    const { spec, credentials, digest } = dispatcher.submitted!;
    expect(spec).toMatchObject({
      runAs: 'deploy',
      retries: 2,
      forwardAgent: true,
      auth: { methods: ['publickey', 'kerberos-ticket'] },
    });
    expect(await client.openSeal(credentials, digest)).toMatchObject({
      sudoPassword: 'correct horse',
      secrets: { token: 'battery staple' },
    });
    for (const { body } of dispatcher.requests) {
      for (const secret of ['correct horse', 'battery staple']) {
        expect(bytes(body).includes(secret)).toBe(false);
        expect(body).not.toContain(bytes(secret).toString('base64'));
      }
    }
  });

  it('has neither when options say so against the configuration', async () => {
    const dispatcher = await client.dispatcherWith();
    await key();
    await client.pogo.file('home/.pogoconf', 'run_as: deploy\nforward_agent: true\nretry: 2\n');
    await client.pogo.run([
      'run',
      '-h',
      'web1',
      '--identity',
      'id',
      '--no-run-as',
      '--no-forward-agent',
      '-r',
      '0',
      'true',
    ]);
    await client.pogo.file('home/.pogoconf', '');
    for (const member of ['runAs', 'forwardAgent', 'retries']) {
      expect(dispatcher.submitted!.spec).not.toHaveProperty(member);
    }
  });
});
