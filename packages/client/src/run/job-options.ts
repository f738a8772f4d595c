/** Options that say what a job is: shared by `pogo run` and `pogo plan`. */
import { flag, many, one, oneOf, text } from '../command-line/option.js';
import { settingOption } from '../configuration/setting-option.js';
import { viewOptions } from './attach-options.js';
import { credentialOptions } from './credential-options.js';
import { disconnectOptions } from './disconnect-options.js';
import { stepOptions } from './step-options.js';
import { rampOptions } from './ramp-options.js';

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
  script: one(
    '-f, --file',
    'run this file on the hosts; operands are its arguments, after -- where they look like options',
    {
      argument: 'SCRIPT',
      parse: text,
      completes: 'file',
    },
  ),
  recipe: one(
    '-R, --recipe',
    'take what is not given here from this recipe; its parameters come last, as NAME=VALUE',
    { argument: 'NAME', parse: text, completes: 'recipe' },
  ),
  cookbook: settingOption(
    '-C, --cookbook',
    'cookbook',
    'FILE|URL',
    'where recipes are: a file, or https://…',
    'file',
  ),
  timeout: settingOption(
    '-t, --timeout',
    'timeout',
    'S',
    'time limit of the command on a host, in seconds (600)',
  ),
  jobTimeout: settingOption(
    '--job-timeout',
    'job_timeout',
    'S',
    'time limit of the whole job, in seconds (1800)',
  ),
  retries: settingOption(
    '-r, --retry',
    'retry',
    'N',
    'run the command again where it exits non-zero, up to N times, 5 s apart (0)',
  ),
  unreachableRetries: settingOption(
    '--retry-unreachable',
    'retry_unreachable',
    'N',
    'dial a host that cannot be reached again, up to N times, with growing pauses (0)',
  ),
  ...disconnectOptions,
  ...stepOptions,
  concurrent: settingOption('--cc, --concurrent, -F, --fanout', 'concurrent', 'N|N%', 'most hosts at once'),
  maxFailures: settingOption(
    '--max-failures',
    'max_failures',
    'N|N%',
    'start nothing new after this many failures',
  ),
  ...rampOptions,
  user: settingOption('-l, --user', 'user', 'USER', 'account on the hosts (yours)'),
  port: settingOption('-p, --port', 'port', 'N', 'port of sshd (22)'),
  runAs: settingOption('--run-as', 'run_as', 'USER', 'run the command as this account, by sudo on the hosts'),
  noRunAs: flag('--no-run-as', 'run it as the account that logs in, whatever the configuration says'),
  forwardAgent: flag('--forward-agent', "offer the job's keys to programs on the hosts, to sign with"),
  noForwardAgent: flag('--no-forward-agent', 'offer them to none, whatever the configuration says'),
  auth: settingOption(
    '--auth',
    'auth',
    'METHOD,…',
    'authentication methods to try, in order, and no others',
    ['publickey', 'password', 'keyboard-interactive'],
  ),
  knownHosts: many('--known-hosts', 'file of known host keys instead of ~/.ssh/known_hosts (repeatable)', {
    argument: 'FILE',
    parse: text,
    completes: 'file',
  }),
  hostKeyPolicy: settingOption(
    '--host-key-policy',
    'host_key_policy',
    'POLICY',
    'strict (default) or accept-new',
    ['strict', 'accept-new'],
  ),
  ...credentialOptions,
  namespace: settingOption('--ns, --namespace', 'namespace', 'NAME', 'namespace of the job (default)'),
  unconstrained: flag(
    '--unconstrained',
    "start regardless of the namespace's limits and sequences; the hosts count for other jobs all the same",
  ),
  allowUnknown: flag(
    '--allow-unknown',
    "take hosts that the namespace doesn't know, which no limit protects",
  ),
  onPredecessorFailure: one(
    '--on-predecessor-failure',
    'what hosts of a later step do where one of an earlier step failed: block (default) or continue',
    { argument: 'WHAT', parse: oneOf(['block', 'continue']), completes: ['block', 'continue'] },
  ),
  shell: flag('--shell', 'the command is a shell string, read by /bin/sh on the host'),
  argv: flag('--argv', 'the command is a program with arguments, read by no shell'),
  ...viewOptions,
} as const;
