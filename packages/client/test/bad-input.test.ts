/** What people get wrong: input, exit code, and text that must occur; never a stack. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newInstance } from './support/certificates.js';
import { PogoFixture } from './support/pogo.js';
import { ScriptedDispatcher } from './support/scripted-dispatcher.js';

const token = 'pogo_test-token-with-enough-characters';
const instance = newInstance();
const dispatcher = new ScriptedDispatcher({ instance, token });
let pogo: PogoFixture;

beforeAll(async () => {
  pogo = await PogoFixture.build();
  await pogo.connect(await dispatcher.start(), instance, token);
  await pogo.file('id', '-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n');
  await pogo.file('open-id', '-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n', 0o640);
  await pogo.file('id.pub', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI me@here\n');
  await pogo.file(
    'locked',
    '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4CAQ\n-----END ENCRYPTED PRIVATE KEY-----\n',
  );
  await pogo.file('open-password', 'geheim\n', 0o644);
  await pogo.file('empty', '\n');
  await pogo.file('bad-secrets', 'pasword: geheim\n');
  await pogo.file('bad-yaml-secrets', 'password: "geheim\n');
  await pogo.file('hosts', 'web1\nweb[2-\n');
  await pogo.file('bad-keys', '# fine\nweb1 ssh-ed25519 not-base64\n');
  await pogo.file('empty-list', '');
});
afterAll(async () => {
  await dispatcher.stop();
  await pogo.remove();
});

const run = (...args: string[]) => ['run', '-h', 'web1', '--identity', 'id', ...args];

interface Case {
  what: string;
  args: string[];
  /** Written to `.pogoconf` first. */
  configuration?: string;
  env?: Record<string, string>;
  code: number;
  says: string[];
  saysNot?: string[];
}

const cases: Case[] = [
  { what: 'no verb', args: [], code: 2, says: ['pogo: usage: no verb was given', 'Usage: pogo VERB'] },
  {
    what: 'an unknown verb',
    args: ['rnu'],
    code: 2,
    says: ['pogo: unknown-verb: there is no verb "rnu": did you mean run?'],
  },
  {
    what: 'an option before the verb',
    args: ['--json', 'jobs'],
    code: 2,
    says: ['pogo: usage: options come after the verb'],
  },
  {
    what: 'an unknown option',
    args: run('--concurent', '3', 'true'),
    code: 2,
    says: ['pogo: unknown-option: unknown option --concurent of pogo run: did you mean --concurrent?'],
  },
  {
    what: 'an option of a later time',
    args: run('--retry', '3', 'true'),
    code: 2,
    says: ['pogo: unknown-option: unknown option --retry'],
  },
  {
    what: 'a password on the command line',
    args: run('--password', 'geheim', 'true'),
    code: 2,
    says: ['no option takes a password on the command line', '--password-file FILE'],
    saysNot: ['geheim'],
  },
  {
    what: 'a password on the command line, joined',
    args: run('--password=geheim', 'true'),
    code: 2,
    says: ['unknown option --password:', '--password-file'],
    saysNot: ['geheim'],
  },
  {
    what: 'a passphrase on the command line',
    args: run('--passphrase=geheim', 'true'),
    code: 2,
    says: ['--secrets FILE'],
    saysNot: ['geheim'],
  },
  {
    what: 'an unknown option with a value',
    args: run('--token=geheim', 'true'),
    code: 2,
    says: ['unknown option --token'],
    saysNot: ['geheim'],
  },
  {
    what: 'an option without its value',
    args: ['run', '-h'],
    code: 2,
    says: ['pogo: missing-value: option'],
  },
  {
    what: 'no command',
    args: run(),
    code: 2,
    says: ['pogo: no-command: no command was given: put it after --'],
  },
  {
    what: 'no hosts',
    args: ['run', '--identity', 'id', 'true'],
    code: 2,
    says: ['pogo: no-targets: no hosts were given'],
  },
  {
    what: 'no host left',
    args: run('-x', 'web1', 'true'),
    code: 2,
    says: ['pogo: no-targets: the hosts that were given come to none'],
  },
  {
    what: 'a malformed expression',
    args: ['targets', 'web[1-'],
    code: 2,
    says: ['pogo: invalid-target: ', '  web[1-\n        ^\n', '(unclosed-bracket)'],
  },
  {
    what: 'a group',
    args: ['targets', '@frontend'],
    code: 2,
    says: ['pogo: invalid-target: ', 'unknown group "@frontend"', '(unknown-group)'],
  },
  {
    what: 'a malformed file of hosts',
    args: ['run', '-H', 'hosts', '--identity', 'id', 'true'],
    code: 2,
    says: ['hosts:2:', '  web[2-\n', '^'],
  },
  {
    what: 'a missing file of hosts',
    args: ['run', '-H', 'nowhere', '--identity', 'id', 'true'],
    code: 2,
    says: ['pogo: unreadable-file: file of hosts nowhere: there is no such file'],
  },
  {
    what: 'a million hosts too many',
    args: ['targets', '--count', 'h[1-99999999]'],
    code: 2,
    says: ['(too-many-hosts)', 'at most 1,000,000'],
  },
  {
    what: 'a command that is too long',
    args: run('--', 'x'.repeat(121 * 1024)),
    code: 2,
    says: ['pogo: invalid-request: ', 'command-too-long'],
  },
  {
    what: 'a port that is none',
    args: run('-p', '65536', 'true'),
    code: 2,
    says: ['pogo: invalid-value: --port: "65536" is not a whole number from 1 to 65535'],
  },
  {
    what: 'a time limit that is none',
    args: run('-t', 'soon', 'true'),
    code: 2,
    says: ['pogo: invalid-value: --timeout: "soon" is not a time span'],
  },
  {
    what: 'a percentage beyond 100',
    args: run('--concurrent', '101%', 'true'),
    code: 2,
    says: ['pogo: invalid-value: --cc: "101%" is neither a count'],
  },
  {
    what: 'a host-key policy that would be off',
    args: run('--host-key-policy', 'off', 'true'),
    code: 2,
    says: ['"off" is none of strict, accept-new'],
  },
  {
    what: 'two ways to read the command',
    args: run('--shell', '--argv', 'true'),
    code: 2,
    says: ['pogo: contradicting-options: --shell and --argv'],
  },
  {
    what: 'two kinds of output',
    args: run('--json', '-b', 'true'),
    code: 2,
    says: ['pogo: contradicting-options: --json and --gather'],
  },
  {
    what: 'a shell string in several parts',
    args: run('--shell', '--', 'echo', 'hi'),
    code: 2,
    says: ['pogo: shell-takes-one: '],
  },
  {
    what: 'an account name with a space',
    args: run('-l', 'a b', 'true'),
    code: 2,
    says: ['pogo: invalid-request: ', 'user: not an account name'],
  },
  {
    what: 'a missing identity',
    args: ['run', '-h', 'web1', '--identity', 'nowhere', 'true'],
    code: 2,
    says: ['pogo: unreadable-file: identity nowhere: there is no such file'],
  },
  {
    what: 'an identity that others may read',
    args: ['run', '-h', 'web1', '--identity', 'open-id', 'true'],
    code: 2,
    says: ['pogo: credential-file-readable: identity open-id has mode 0640', 'chmod 600 open-id'],
  },
  {
    what: 'a public key as identity',
    args: ['run', '-h', 'web1', '--identity', 'id.pub', 'true'],
    code: 2,
    says: ['pogo: identity-unusable: identity id.pub', 'it is a public key'],
  },
  {
    what: 'an encrypted identity, and nobody to ask',
    args: ['run', '-h', 'web1', '--identity', 'locked', 'true'],
    code: 8,
    says: ['pogo: credentials-needed: identity locked is protected by a passphrase'],
  },
  {
    what: 'a password file that others may read',
    args: ['run', '-h', 'web1', '--password-file', 'open-password', 'true'],
    code: 2,
    says: ['pogo: credential-file-readable: password file open-password has mode 0644'],
    saysNot: ['geheim'],
  },
  {
    what: 'an idempotency key that no header can carry',
    args: run('--idempotency-key', 'two words', 'true'),
    code: 2,
    says: ['--idempotency-key', '"two words" cannot be a key', 'without spaces'],
  },
  {
    what: 'an empty password file',
    args: ['run', '-h', 'web1', '--password-file', 'empty', 'true'],
    code: 2,
    says: ['pogo: empty-password: password file empty is empty'],
  },
  {
    what: 'a descriptor that is not open',
    args: ['run', '-h', 'web1', '--password-fd', '77', 'true'],
    code: 2,
    says: ['--password-fd 77: there is no such open descriptor'],
  },
  {
    what: 'an unknown key in the secrets file',
    args: ['run', '-h', 'web1', '-S', 'bad-secrets', 'true'],
    code: 2,
    says: ['pogo: unknown-setting: secrets file bad-secrets: unknown key "pasword": did you mean password?'],
    saysNot: ['geheim'],
  },
  {
    what: 'a secrets file that is not YAML',
    args: ['run', '-h', 'web1', '-S', 'bad-yaml-secrets', 'true'],
    code: 2,
    says: ['pogo: invalid-secrets: ', 'not valid YAML'],
    saysNot: ['geheim'],
  },
  {
    what: 'methods without anything for them',
    args: ['run', '-h', 'web1', '--auth', 'publickey', 'true'],
    code: 8,
    says: ['pogo: credentials-needed: the job may use publickey only', '--identity FILE'],
  },
  {
    what: 'a missing known_hosts file',
    args: run('--known-hosts', 'nowhere', 'true'),
    code: 2,
    says: ['known hosts file nowhere: there is no such file'],
  },
  { what: 'an unknown job', args: ['status', 'p0000000099'], code: 2, says: ['pogo: unknown-job: '] },
  {
    what: 'something that names no job',
    args: ['log', 'yesterday'],
    code: 2,
    says: ['pogo: invalid-job: "yesterday" names no job'],
  },
  {
    what: 'a missing operand',
    args: ['halt'],
    code: 2,
    says: ['pogo: usage: pogo halt is missing an operand. Usage: pogo halt [options] JOB'],
  },
  { what: 'an operand too many', args: ['wait', '1', '2'], code: 2, says: ['takes no further operand "2"'] },
  {
    what: 'a state that is none',
    args: ['jobs', '--state', 'lost'],
    code: 2,
    says: ['--state: "lost" is none of accepted, running'],
  },
  {
    what: 'host keys that are none',
    args: ['hostkeys', 'import', 'bad-keys'],
    code: 2,
    says: ['pogo: invalid-host-keys: ', 'bad-keys:2: not a public key'],
  },
  {
    what: 'a shell without completion',
    args: ['completion', 'tcsh'],
    code: 2,
    says: ['"tcsh" is none of bash, zsh, fish'],
  },
  {
    what: 'an unknown key in .pogoconf',
    args: run('true'),
    configuration: 'user: deploy\nprot: 22\n',
    code: 2,
    says: ['home/.pogoconf:2:1: unknown key "prot": did you mean port?', 'pogo: unknown-setting: '],
  },
  {
    what: 'a wrong type in .pogoconf',
    args: run('true'),
    configuration: 'timeout: [1, 2]\n',
    code: 2,
    says: ['.pogoconf:1:10: timeout: expected one value'],
  },
  {
    what: 'a wrong value in .pogoconf',
    args: run('true'),
    configuration: 'user: a\nport: many\n',
    code: 2,
    says: ['.pogoconf:2:7: port: "many" is not a whole number'],
  },
  {
    what: 'a .pogoconf that is no YAML',
    args: run('true'),
    configuration: 'auth: [publickey\n',
    code: 2,
    says: ['pogo: invalid-configuration: ', '.pogoconf:', 'not valid YAML'],
  },
  {
    what: 'a configuration file that is missing',
    args: run('--config', 'nowhere', 'true'),
    code: 2,
    says: ['configuration file nowhere: there is no such file'],
  },
  {
    what: 'a wrong variable',
    args: run('true'),
    env: { POGO_PORT: 'x' },
    code: 2,
    says: ['POGO_PORT: "x" is not a whole number'],
  },
  {
    what: 'a relative POGO_HOME',
    args: ['ping'],
    env: { POGO_HOME: 'here' },
    code: 2,
    says: ['pogo: invalid-home: POGO_HOME is "here"'],
  },
  {
    what: 'no dispatcher',
    args: ['ping'],
    env: { POGO_HOME: '/nonexistent' },
    code: 1,
    says: ['pogo: no-dispatcher: ', '`pogo up`'],
  },
];

describe('bad input', () => {
  it.each(cases)('$what', async ({ args, configuration, env, code, says, saysNot = [] }) => {
    await pogo.file('home/.pogoconf', configuration ?? '');
    const finished = await pogo.run(args, { env: env ?? {} });
    for (const text of says) expect(finished.stderr).toContain(text);
    for (const text of saysNot) expect(finished.stderr).not.toContain(text);
    expect(finished.stderr).not.toMatch(/^\s+at .*\.(m?js|ts):\d+/m);
    expect(finished.code).toBe(code);
    expect(finished.stdout.length).toBe(0);
  });

  it('says how to start a dispatcher when none answers', async () => {
    const gone = new ScriptedDispatcher({ instance, token });
    const url = await gone.start();
    await gone.stop();
    await pogo.file('other/client/token', `${token}\n`);
    await pogo.file(
      'other/client/profile.json',
      JSON.stringify({ version: 1, url, linkRoot: instance.linkRoot.certificate, sealingRoot: '' }),
    );
    const { code, stderr } = await pogo.run(['ping'], { env: { POGO_HOME: `${pogo.directory}/other` } });
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(
        `pogo: dispatcher-unreachable: no dispatcher at ${url}: it refused the connection. Start one on this machine with \`pogo up\``,
      ),
    ]);
  });
});
