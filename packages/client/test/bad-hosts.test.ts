/** What people get wrong about hosts and their keys: input, exit code, and text that must occur. */
import { type BadInput, run, tryBadInput } from './support/bad-input.js';

const cases: BadInput[] = [
  {
    what: 'no hosts',
    args: ['run', '--identity', 'id', 'true'],
    says: ['pogo: no-targets: no hosts were given'],
  },
  {
    what: 'no host left',
    args: run('-x', 'web1', 'true'),
    says: ['pogo: no-targets: the hosts that were given come to none'],
  },
  {
    what: 'a malformed expression',
    args: ['targets', 'web[1-'],
    says: ['pogo: invalid-target: ', '  web[1-\n        ^\n', '(unclosed-bracket)'],
  },
  {
    what: 'a group',
    args: ['targets', '@frontend'],
    says: ['pogo: invalid-target: ', 'unknown group "@frontend"', '(unknown-group)'],
  },
  {
    what: 'a malformed file of hosts',
    args: ['run', '-H', 'hosts', '--identity', 'id', 'true'],
    says: ['hosts:2:', '  web[2-\n', '^'],
  },
  {
    what: 'a missing file of hosts',
    args: ['run', '-H', 'nowhere', '--identity', 'id', 'true'],
    says: ['pogo: unreadable-file: file of hosts nowhere: there is no such file'],
  },
  {
    what: 'a million hosts too many',
    args: ['targets', '--count', 'h[1-99999999]'],
    says: ['(too-many-hosts)', 'at most 1,000,000'],
  },
  {
    what: 'a host-key policy that would be off',
    args: run('--host-key-policy', 'off', 'true'),
    says: ['"off" is none of strict, accept-new'],
  },
  {
    what: 'a missing known_hosts file',
    args: run('--known-hosts', 'nowhere', 'true'),
    says: ['known hosts file nowhere: there is no such file'],
  },
  {
    what: 'host keys that are none',
    args: ['hostkeys', 'import', 'bad-keys'],
    says: ['pogo: invalid-host-keys: ', 'bad-keys:2: not a public key'],
  },
];

tryBadInput('bad input about hosts and their keys', cases);
