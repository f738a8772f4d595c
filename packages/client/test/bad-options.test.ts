/** What people get wrong about commands and options: input, exit code, and text that must occur. */
import { type BadInput, run, tryBadInput } from './support/bad-input.js';

const cases: BadInput[] = [
  { what: 'no verb', args: [], says: ['pogo: usage: no verb was given', 'Usage: pogo VERB'] },
  {
    what: 'an unknown verb',
    args: ['rnu'],
    says: ['pogo: unknown-verb: there is no verb "rnu": did you mean run?'],
  },
  {
    what: 'an option before the verb',
    args: ['--json', 'jobs'],
    says: ['pogo: usage: options come after the verb'],
  },
  {
    what: 'an unknown option',
    args: run('--concurent', '3', 'true'),
    says: ['pogo: unknown-option: unknown option --concurent of pogo run: did you mean --concurrent?'],
  },
  {
    what: 'an option of a later time',
    args: run('--sign', 'ada', 'true'),
    says: ['pogo: unknown-option: unknown option --sign'],
  },
  {
    what: 'a password on the command line',
    args: run('--password', 'geheim', 'true'),
    says: ['no option takes a password on the command line', '--password-file FILE'],
    saysNot: ['geheim'],
  },
  {
    what: 'a password on the command line, joined',
    args: run('--password=geheim', 'true'),
    says: ['unknown option --password:', '--password-file'],
    saysNot: ['geheim'],
  },
  {
    what: 'a passphrase on the command line',
    args: run('--passphrase=geheim', 'true'),
    says: ['--secrets FILE'],
    saysNot: ['geheim'],
  },
  {
    what: 'an unknown option with a value',
    args: run('--token=geheim', 'true'),
    says: ['unknown option --token'],
    saysNot: ['geheim'],
  },
  {
    what: 'an option without its value',
    args: ['run', '-h'],
    says: ['pogo: missing-value: option'],
  },
  {
    what: 'no command',
    args: run(),
    says: ['pogo: no-command: no command was given: put it after --'],
  },
  {
    what: 'a command that is too long',
    args: run('--', 'x'.repeat(121 * 1024)),
    says: ['pogo: invalid-request: ', 'command-too-long'],
  },
  {
    what: 'a port that is none',
    args: run('-p', '65536', 'true'),
    says: ['pogo: invalid-value: --port: "65536" is not a whole number from 1 to 65535'],
  },
  {
    what: 'a time limit that is none',
    args: run('-t', 'soon', 'true'),
    says: ['pogo: invalid-value: --timeout: "soon" is not a time span'],
  },
  {
    what: 'a percentage beyond 100',
    args: run('--concurrent', '101%', 'true'),
    says: ['pogo: invalid-value: --cc: "101%" is neither a count'],
  },
  {
    what: 'two ways to read the command',
    args: run('--shell', '--argv', 'true'),
    says: ['pogo: contradicting-options: --shell and --argv'],
  },
  {
    what: 'two kinds of output',
    args: run('--json', '-b', 'true'),
    says: ['pogo: contradicting-options: --json and --gather'],
  },
  {
    what: 'a shell string in several parts',
    args: run('--shell', '--', 'echo', 'hi'),
    says: ['pogo: shell-takes-one: '],
  },
  {
    what: 'an account name with a space',
    args: run('-l', 'a b', 'true'),
    says: ['pogo: invalid-request: ', 'user: not an account name'],
  },
  {
    what: 'an idempotency key that no header can carry',
    args: run('--idempotency-key', 'two words', 'true'),
    says: ['--idempotency-key', '"two words" cannot be a key', 'without spaces'],
  },
  {
    what: 'a shell without completion',
    args: ['completion', 'tcsh'],
    says: ['"tcsh" is none of bash, zsh, fish'],
  },
  {
    what: 'a count of retries that is none',
    args: run('-r', 'often', 'true'),
    says: ['pogo: invalid-value: --retry: "often" is not a whole number from 0 to 100'],
  },
  {
    what: 'more retries than there may be',
    args: run('--retry=101', 'true'),
    says: ['--retry: "101" is not a whole number from 0 to 100'],
  },
  {
    what: 'an account to run as that is none',
    args: run('--run-as', 'a b', 'true'),
    says: ['pogo: invalid-request: ', 'runAs: not an account name'],
  },
  {
    what: 'an empty account to run as',
    args: run('--run-as', '', 'true'),
    says: ['--run-as: the value is empty'],
  },
  {
    what: 'running as somebody and as nobody else',
    args: run('--run-as', 'root', '--no-run-as', 'true'),
    says: ['pogo: contradicting-options: --run-as and --no-run-as'],
  },
  {
    what: 'an agent that is and is not forwarded',
    args: run('--forward-agent', '--no-forward-agent', 'true'),
    says: ['pogo: contradicting-options: --forward-agent and --no-forward-agent'],
  },
  {
    what: 'differences as one JSON document',
    args: run('--json', '--diff', 'true'),
    says: ['pogo: contradicting-options: --json and --diff'],
  },
  {
    what: 'a script that is a shell string too',
    args: run('-f', 'script.sh', '--shell'),
    says: ['pogo: contradicting-options: --file and --shell'],
  },
  {
    what: 'a script that is not there',
    args: run('-f', 'nowhere.sh'),
    says: ['pogo: unreadable-file: script nowhere.sh: there is no such file'],
  },
  {
    what: 'a script that is a directory',
    args: run('-f', 'home'),
    says: ['pogo: unreadable-file: script home: it is a directory: name a file'],
  },
  {
    what: 'a script that is a device',
    args: run('-f', '/dev/null'),
    says: ['pogo: unreadable-file: script /dev/null: it is no regular file'],
  },
  {
    what: 'a script without a byte',
    args: run('-f', 'no-script'),
    says: ['pogo: script-empty: script no-script is empty'],
  },
];

tryBadInput('bad input about commands and options', cases);
