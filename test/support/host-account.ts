/** One account on all addresses of one sshd, reached with a key: where commands leave traces and wait for gates. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Account, type Key, type ProcessEntry, processTable, type Sshd } from '@pogo/testkit';
import { follow, type RunningCommand } from './running-command.js';
import type { Scene } from './scene.js';

export interface HostAccount {
  readonly account: Account;
  readonly sshd: Sshd;
  readonly key: Key;
  /** Options of `pogo run`: account, port, key and known hosts. */
  readonly login: readonly string[];
  /** `pogo run` of a script for `sh` on some of its hosts. */
  start(expression: string, more: readonly string[], script: string): RunningCommand;
  /** Lets commands pass that wait for it: see {@link waitFor}. */
  open(gate: string): void;
  /** Lines of a file in the account's home; none when it doesn't exist. */
  lines(file: string): string[];
  /** Processes of the account, sshd's own left out. */
  processes(): ProcessEntry[];
  /** Those of its processes whose command line is one of `commands`. */
  running(...commands: string[]): ProcessEntry[];
}

/** @param hosts how many addresses of the sshd, from the first on, or which ones */
export async function reachWithKey(scene: Scene, hosts: number | readonly string[]): Promise<HostAccount> {
  const key = await scene.key();
  const account = await scene.account({ authorizedKeys: [key.publicLine] });
  const sshd = await scene.sshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'] });
  const processes = () =>
    processTable().filter(({ uid, argv }) => uid === account.uid && !/^(\S*\/)?sshd\b/.test(argv[0] ?? ''));
  const login = [
    ...['-l', account.name, '-p', String(sshd.port), '--identity', key.privatePath],
    ...['--known-hosts', sshd.knownHosts(typeof hosts === 'number' ? sshd.addresses(hosts) : hosts)],
  ];
  return {
    account,
    sshd,
    key,
    login,
    start: (expression, more, script) =>
      follow(scene.cluster.spawn(['run', '-h', expression, ...login, ...more, '--', 'sh', '-c', script])),
    open: (gate) => writeFileSync(join(account.home, gate), ''),
    lines(file) {
      const path = join(account.home, file);
      return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
    },
    processes,
    running: (...commands) => processes().filter(({ argv }) => commands.includes(argv.join(' '))),
  };
}

/** Shell text that waits until the gate is open. */
export function waitFor(gate: string): string {
  return `while [ ! -e "$HOME/${gate}" ]; do sleep 0.05; done`;
}
