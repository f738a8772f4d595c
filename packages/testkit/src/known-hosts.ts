import { createHmac, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { bareKey } from './public-key.js';

export interface KnownHostsOptions {
  /** Host names or addresses. */
  hosts: readonly string[];
  /** Public key lines; each host gets each of them. */
  keys: readonly string[];
  /** 22 by default; any other is written as `[host]:port`. */
  port?: number;
  /** One hashed line (`|1|salt|hash`) per host and key, as with HashKnownHosts. */
  hashed?: boolean;
}

/** The text of an OpenSSH known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export function knownHostsText(options: KnownHostsOptions): string {
  const { hosts, keys, port = 22, hashed = false } = options;
  const names = hosts.map((host) => (port === 22 ? host : `[${host}]:${port}`));
  const lines = names.flatMap((name) => keys.map((key) => `${hashed ? hash(name) : name} ${bareKey(key)}\n`));
  return lines.join('');
}

/** Writes such a file. Returns its path. */
export function writeKnownHosts(path: string, options: KnownHostsOptions): string {
  writeFileSync(path, knownHostsText(options), { mode: 0o600 });
  return path;
}

function hash(name: string): string {
  const salt = randomBytes(20);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}
