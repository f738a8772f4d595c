/** What is compared, as command lines: all reach the same hosts with the same key and check the same host keys. */
import { join } from 'node:path';

export interface Field {
  /** `127.0.1.[1-50]`. */
  expression: string;
  hosts: string[];
  hostFile: string;
  port: number;
  user: string;
  identity: string;
  knownHosts: string;
  /** ssh_config for the peers, with and without the key exchange that ssh2 uses. */
  sshConfig: { sameKeyExchange: string; asShipped: string };
  hostKeys: string[];
  bareLoop: string;
  cli: string;
  fanout: number;
}

export interface Contender {
  name: string;
  /** Key exchange: the one that ssh2 has too, or what Debian's ssh prefers (post-quantum). */
  keyExchange: 'same' | 'as shipped';
  argv(field: Field): string[];
  /** Only at these numbers of hosts; all when absent. */
  only?: (hosts: number) => boolean;
  /** Its daemons' share counts as well. */
  cluster?: boolean;
}

const command = ['echo', 'hello'];

function peers(keyExchange: Contender['keyExchange'], config: keyof Field['sshConfig']): Contender[] {
  return [
    {
      name: 'ssh',
      keyExchange,
      only: (hosts) => hosts === 1,
      argv: (field) => ['ssh', '-F', field.sshConfig[config], field.hosts[0]!, 'true'],
    },
    {
      name: 'pdsh',
      keyExchange,
      argv: (field) => [
        ...['env', `PDSH_SSH_ARGS_APPEND=-F ${field.sshConfig[config]}`],
        ...['pdsh', '-R', 'ssh', '-f', String(field.fanout), '-w', field.expression, command.join(' ')],
      ],
    },
    {
      name: 'parallel-ssh',
      keyExchange,
      argv: (field) => [
        ...['parallel-ssh', '-i', '-p', String(field.fanout), '-h', field.hostFile],
        ...['-x', `-F ${field.sshConfig[config]}`, command.join(' ')],
      ],
    },
    {
      name: 'clush',
      keyExchange,
      argv: (field) => [
        ...['clush', '-f', String(field.fanout), '-o', `-F ${field.sshConfig[config]}`],
        ...['-w', field.expression, command.join(' ')],
      ],
    },
  ];
}

export const contenders: Contender[] = [
  {
    name: 'pogo run',
    keyExchange: 'same',
    cluster: true,
    argv: (field) => [
      ...['node', field.cli, 'run', '-h', field.expression, '-l', field.user, '-p', String(field.port)],
      ...['--identity', field.identity, '--known-hosts', field.knownHosts, '--', ...command],
    ],
  },
  {
    name: 'bare ssh2 loop',
    keyExchange: 'same',
    argv: (field) => [
      'node',
      field.bareLoop,
      JSON.stringify({
        hosts: field.hosts,
        port: field.port,
        user: field.user,
        identity: field.identity,
        hostKeys: field.hostKeys,
        command: command.join(' '),
        fanout: field.fanout,
      }),
    ],
  },
  ...peers('same', 'sameKeyExchange'),
  ...peers('as shipped', 'asShipped'),
];

/** ssh_config text for the peers; their own defaults but for what reaching the hosts takes. */
export function sshConfigText(
  field: Pick<Field, 'port' | 'user' | 'identity' | 'knownHosts'>,
  same: boolean,
): string {
  return [
    'Host *',
    `  Port ${field.port}`,
    `  User ${field.user}`,
    `  IdentityFile ${field.identity}`,
    '  IdentitiesOnly yes',
    `  UserKnownHostsFile ${field.knownHosts}`,
    '  StrictHostKeyChecking yes',
    '  BatchMode yes',
    '  LogLevel ERROR',
    ...(same ? ['  KexAlgorithms curve25519-sha256'] : []),
    '',
  ].join('\n');
}

/** Where the pieces are, seen from the checkout. */
export const paths = (root: string) => ({
  cli: join(root, 'packages/client/dist/pogo.js'),
});
