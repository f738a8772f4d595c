/**
 * A real OpenSSH server for tests, with a configuration, port, host keys, log and directory of its own: never the
 * system's.
 *
 * 1. It listens on all addresses only inside a network namespace that has only `lo`; anywhere else on 127.0.0.1.
 * 2. It dies with this process, however that ends (parent-death signal), and `stop` ends its sessions too.
 * 3. What it logged is evidence: `log` and `authAttempts` can be read until `stop`.
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync, watch, writeFileSync } from 'node:fs';
import { delay, systemClock } from '@pogo/lifecycle';
import { createKey, type KeyType } from './key.js';
import { writeKnownHosts } from './known-hosts.js';
import { loopbackAddress } from './loopback-address.js';
import { inNetworkNamespace, type NetworkNamespace } from './network-namespace.js';
import { descendantsOf, endProcesses, processTable, signalProcesses } from './process-table.js';
import { requireRoot } from './root.js';
import { type SshdSettings, sshdConfigText } from './sshd-config.js';
import {
  type AuthAttempt,
  type SshdConnection,
  parseAuthAttempts,
  parseConnections,
  plainLog,
} from './sshd-log.js';
import { createTemporaryDirectory } from './temporary-directory.js';

const program = '/usr/sbin/sshd';

const showBootId = 'mount --bind "$1" /proc/sys/kernel/random/boot_id && shift && exec "$@"';

export interface SshdOptions extends SshdSettings {
  /** Where it runs. Without one: in this process's own namespace. */
  namespace?: NetworkNamespace;
  /** How many addresses it has outside of a namespace, up to 16 (sshd's own limit); 127.0.0.1 alone when absent. */
  hosts?: number;
  /** A port below 32768 is taken at random when absent. */
  port?: number;
  /** The PAM service that it asks, instead of `sshd`; needs PAM, of course. */
  pamService?: string;
  /** `ed25519`, `ecdsa` and `rsa` by default. */
  hostKeyTypes?: readonly KeyType[];
  /**
   * Shown to it and to all that it starts as `/proc/sys/kernel/random/boot_id`, in a mount namespace of its own: written to,
   * it is a restart of the host as far as that tells. Whoever writes ends what runs there, too.
   */
  bootIdFile?: string;
}

export interface Sshd {
  readonly port: number;
  readonly pid: number;
  /** Public key lines, one per type, in the order asked for. */
  readonly hostPublicKeys: readonly string[];
  /**
   * The `n`th address of this server, from 1: 127.0.1.1 … 127.0.1.250, 127.0.2.1 and so on, up to 10,000 "hosts"
   * inside a namespace; outside as many as `hosts` says, or 127.0.0.1 alone.
   */
  address(n?: number): string;
  /** The first `count` addresses. */
  addresses(count: number): string[];
  /** Writes a known_hosts file with all host keys for `hosts`, and this server's port. Returns its path. */
  knownHosts(hosts: readonly string[], options?: { hashed?: boolean; keys?: readonly string[] }): string;
  log(): string;
  authAttempts(): AuthAttempt[];
  /** Every connection that was accepted, also those on which nothing was said. */
  connections(): SshdConnection[];
  /**
   * Resolves once `found` holds for the log. sshd may write a line only after the client has its answer: wait for
   * what must come, before looking for what must not.
   */
  waitForLog(found: RegExp | ((log: string) => boolean), timeoutMs?: number): Promise<void>;
  /** Ends the server and its sessions, and removes its directory. Throws if anything of it won't end. */
  stop(): Promise<void>;
}

/** Starts an sshd. Needs root and Debian's openssh-server. */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  requireRoot('sshd');
  if (!existsSync(program)) {
    throw new Error(`no-sshd: ${program} is missing. Install it: apt-get install openssh-server`);
  }
  // Compiled into Debian's sshd; its own service makes the same directory at each start.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const directory = createTemporaryDirectory();
  const logFile = directory.file('log');
  writeFileSync(logFile, '');
  const hostKeyTypes = options.hostKeyTypes ?? ['ed25519', 'ecdsa', 'rsa'];
  const hostKeys = await Promise.all(
    hostKeyTypes.map((type) => createKey({ directory: directory.path, type, name: `host-${type}` })),
  );
  const hostPublicKeys = hostKeys.map((key) => key.publicLine);
  const everywhere = options.namespace !== undefined || inNetworkNamespace();
  const { hosts = 0 } = options;
  const own = hosts === 0 ? ['127.0.0.1'] : Array.from({ length: hosts }, (_, at) => loopbackAddress(at + 1));
  const listenAddresses = everywhere ? ['0.0.0.0', '::1'] : own;

  // sshd's PAM service is called as the program is.
  const called = options.pamService === undefined ? program : directory.file(options.pamService);
  if (called !== program) symlinkSync(program, called);

  const launch = async (port: number) => {
    writeFileSync(
      directory.file('sshd_config'),
      sshdConfigText(options, {
        port,
        listenAddresses,
        hostKeyFiles: hostKeys.map((key) => key.privatePath),
      }),
    );
    const args = ['--pdeathsig', 'KILL', called, '-D', '-f', directory.file('sshd_config'), '-E', logFile];
    const command =
      options.bootIdFile === undefined
        ? { file: 'setpriv', args }
        : {
            file: 'unshare',
            args: ['--mount', 'sh', '-c', showBootId, 'sh', options.bootIdFile, 'setpriv', ...args],
          };
    const inside = options.namespace?.command(command.file, command.args) ?? command;
    const child = spawn(inside.file, inside.args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    const ended = once(child, 'exit').then(() => undefined);
    const listening = waitForText(logFile, (text) => text.includes(`Server listening on`), ended);
    if (await listening) return { child, ended };
    return { refusal: `${complaint}${readFileSync(logFile, 'utf8')}` };
  };

  let port = options.port ?? randomInt(20_000, 32_000);
  let started = await launch(port);
  for (let tries = 0; 'refusal' in started; tries++) {
    const taken = /Address already in use/.test(started.refusal);
    if (!taken || options.port !== undefined || tries === 20) {
      directory.remove();
      throw new Error(`sshd did not start on port ${port}: ${started.refusal}`);
    }
    writeFileSync(logFile, '');
    port = randomInt(20_000, 32_000);
    started = await launch(port);
  }
  const { child, ended } = started;
  const pid = child.pid!;
  const rawLog = () => readFileSync(logFile, 'utf8');
  const log = () => plainLog(rawLog());
  const address = (n = 1) => {
    if (everywhere) return loopbackAddress(n);
    const address = own[n - 1];
    if (address !== undefined) return address;
    throw new Error(
      `an sshd outside a network namespace has ${own.length} addresses: pass \`namespace\` or \`hosts\` to startSshd`,
    );
  };
  let knownHostsFiles = 0;

  const end = async () => {
    // The server first, so that no session is added; afterwards its sessions are nobody's children.
    const sessions = new Set(descendantsOf(pid).map((entry) => entry.pid));
    signalProcesses('KILL', [pid]);
    await ended;
    endProcesses(() =>
      processTable().filter(
        (entry) => sessions.has(entry.pid) || entry.argv.includes(directory.file('sshd_config')),
      ),
    );
    directory.remove();
  };
  let stopping: Promise<void> | undefined;

  return {
    port,
    pid,
    hostPublicKeys,
    address,
    addresses: (count) => Array.from({ length: count }, (_, index) => address(index + 1)),
    knownHosts: (hosts, { hashed = false, keys = hostPublicKeys } = {}) =>
      writeKnownHosts(directory.file(`known_hosts-${++knownHostsFiles}`), { hosts, keys, port, hashed }),
    log,
    authAttempts: () => parseAuthAttempts(rawLog()),
    connections: () => parseConnections(rawLog()),
    async waitForLog(found, timeoutMs = 30_000) {
      const holds = typeof found === 'function' ? found : (text: string) => found.test(text);
      const enough = new AbortController();
      const over = Promise.race([ended, delay(systemClock, timeoutMs, enough.signal).then(() => undefined)]);
      const shown = await waitForText(logFile, holds, over);
      enough.abort();
      if (shown) return;
      throw new Error(`sshd's log does not show ${String(found)}:\n${log()}`);
    },
    stop: () => (stopping ??= end()),
  };
}

/** Whether `holds` became true for the file's text before `over`. */
async function waitForText(
  file: string,
  holds: (text: string) => boolean,
  over: Promise<void>,
): Promise<boolean> {
  const now = () => holds(plainLog(readFileSync(file, 'utf8')));
  const watcher = watch(file);
  try {
    return await new Promise<boolean>((resolve) => {
      let settled = false;
      const settle = (value: boolean) => {
        settled = true;
        resolve(value);
      };
      const look = () => {
        if (!settled && now()) settle(true);
      };
      watcher.on('change', look);
      look();
      void over.then(() => {
        if (!settled) settle(now());
      });
    });
  } finally {
    watcher.close();
  }
}
