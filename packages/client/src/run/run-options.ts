/** Options that say what a job is: shared by `pogo run` and `pogo plan`. */
import { flag, integer, many, one, text } from '../command-line/option.js';
import {
  parseSettingText,
  type SettingName,
  settings,
  type SettingValue,
} from '../configuration/settings.js';
import { failed, type Result } from '../failure.js';

/** An option that sets a setting. */
function setting<Name extends SettingName>(
  spellings: string,
  name: Name,
  argument: string,
  description: string,
  completes?: 'file' | 'directory' | readonly string[],
) {
  return one<SettingValue<Name>>(spellings, description, {
    argument,
    parse: (value) => parseSettingText(settings[name], value) as Result<SettingValue<Name>>,
    ...(completes !== undefined && { completes }),
  });
}

export const jobOptions = {
  hosts: many('-h, --host, --target, -w', 'hosts to run on, e.g. web[1-40].east (repeatable)', {
    argument: 'EXPR',
    parse: text,
  }),
  hostFiles: many('-H, --hostfile', 'file of hosts, one expression a line; - is stdin (repeatable)', {
    argument: 'FILE',
    parse: text,
    completes: 'file',
  }),
  exclude: many('-x, --exclude', 'hosts to leave out (repeatable)', { argument: 'EXPR', parse: text }),
  timeout: setting('-t, --timeout', 'timeout', 'S', 'time limit of the command on a host, in seconds (600)'),
  jobTimeout: setting('--job-timeout', 'job_timeout', 'S', 'time limit of the whole job, in seconds (1800)'),
  concurrent: setting('--cc, --concurrent, -F, --fanout', 'concurrent', 'N|N%', 'most hosts at once'),
  maxFailures: setting(
    '--max-failures',
    'max_failures',
    'N|N%',
    'start nothing new after this many failures',
  ),
  user: setting('-l, --user', 'user', 'USER', 'account on the hosts (yours)'),
  port: setting('-p, --port', 'port', 'N', 'port of sshd (22)'),
  auth: setting('--auth', 'auth', 'METHOD,…', 'authentication methods to try, in order, and no others', [
    'publickey',
    'password',
    'keyboard-interactive',
  ]),
  identities: many('--identity, --pk-file', 'private key file (repeatable)', {
    argument: 'FILE',
    parse: text,
    completes: 'file',
  }),
  knownHosts: many('--known-hosts', 'file of known host keys instead of ~/.ssh/known_hosts (repeatable)', {
    argument: 'FILE',
    parse: text,
    completes: 'file',
  }),
  hostKeyPolicy: setting('--host-key-policy', 'host_key_policy', 'POLICY', 'strict (default) or accept-new', [
    'strict',
    'accept-new',
  ]),
  passwordFile: setting(
    '--password-file',
    'password_file',
    'FILE',
    'file of mode 0600 with the password',
    'file',
  ),
  passwordDescriptor: one('--password-fd', 'open descriptor to read the password from', {
    argument: 'N',
    parse: integer({ min: 0, max: 65_535 }),
  }),
  secrets: setting(
    '-S, --secrets',
    'secrets',
    'FILE',
    'YAML file of mode 0600: password, pvt_key_passphrase',
    'file',
  ),
  namespace: setting('--ns, --namespace', 'namespace', 'NAME', 'namespace of the job (default)'),
  shell: flag('--shell', 'the command is a shell string, read by /bin/sh on the host'),
  argv: flag('--argv', 'the command is a program with arguments, read by no shell'),
  config: one('--config', 'configuration file instead of ~/.pogoconf', {
    argument: 'FILE',
    parse: text,
    completes: 'file',
  }),
  color: setting('--color', 'color', 'WHEN', 'auto (default), always or never', ['auto', 'always', 'never']),
  json: flag('--json', 'one JSON document at the end, on stdout'),
  quiet: flag('-q, --quiet', 'no progress and no summary'),
  verbose: flag('-v, --verbose', 'say more about what happens'),
} as const;

/** Refuses two options that contradict each other. */
export function contradiction(one: string, other: string): Result<never> {
  return failed({
    code: 'contradicting-options',
    message: `${one} and ${other} contradict each other: give one of them`,
    exitCode: 2,
  });
}
