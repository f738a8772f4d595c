/** What people get wrong about credentials: input, exit code, and text that must occur. */
import { type BadInput, run, tryBadInput } from './support/bad-input.js';

const cases: BadInput[] = [
  {
    what: 'a missing identity',
    args: ['run', '-h', 'web1', '--identity', 'nowhere', 'true'],
    says: ['pogo: unreadable-file: identity nowhere: there is no such file'],
  },
  {
    what: 'an identity that others may read',
    args: ['run', '-h', 'web1', '--identity', 'open-id', 'true'],
    says: ['pogo: credential-file-readable: identity open-id has mode 0640', 'chmod 600 open-id'],
  },
  {
    what: 'a public key as identity',
    args: ['run', '-h', 'web1', '--identity', 'id.pub', 'true'],
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
    says: ['pogo: credential-file-readable: password file open-password has mode 0644'],
    saysNot: ['geheim'],
  },
  {
    what: 'an empty password file',
    args: ['run', '-h', 'web1', '--password-file', 'empty', 'true'],
    says: ['pogo: empty-password: password file empty is empty'],
  },
  {
    what: 'a descriptor that is not open',
    args: ['run', '-h', 'web1', '--password-fd', '77', 'true'],
    says: ['--password-fd 77: there is no such open descriptor'],
  },
  {
    what: 'an unknown key in the secrets file',
    args: ['run', '-h', 'web1', '-S', 'bad-secrets', 'true'],
    says: ['pogo: unknown-setting: secrets file bad-secrets: unknown key "pasword": did you mean password?'],
    saysNot: ['geheim'],
  },
  {
    what: 'a secrets file that is not YAML',
    args: ['run', '-h', 'web1', '-S', 'bad-yaml-secrets', 'true'],
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
    what: 'a sudo password file that others may read',
    args: run('--run-as', 'root', '--sudo-password-file', 'open-password', 'true'),
    says: ['pogo: credential-file-readable: sudo password file open-password has mode 0644'],
    saysNot: ['geheim'],
  },
  {
    what: 'an empty sudo password file',
    args: run('--run-as', 'root', '--sudo-password-file', 'empty', 'true'),
    says: ['pogo: empty-password: sudo password file empty is empty'],
  },
  {
    what: 'a descriptor for the sudo password that is not open',
    args: run('--run-as', 'root', '--sudo-password-fd', '77', 'true'),
    says: ['--sudo-password-fd 77: there is no such open descriptor'],
  },
  {
    what: 'a sudo password on the command line',
    args: run('--sudo-password=geheim', 'true'),
    says: ['unknown option --sudo-password', '--sudo-password-file'],
    saysNot: ['geheim'],
  },
  {
    what: 'a named secret that is no text',
    args: run('-S', 'bad-named-secrets', 'true'),
    says: ['pogo: invalid-secrets: ', 'secrets: one of its values is no text'],
    saysNot: ['17'],
  },
  {
    what: 'named secrets without names',
    args: run('-S', 'flat-named-secrets', 'true'),
    says: ['pogo: invalid-secrets: ', 'secrets: expected NAME: SECRET'],
    saysNot: ['geheim'],
  },
];

tryBadInput('bad input about credentials', cases);
