import { addressKey } from './address.js';

/** One host to reach, and how, where that differs from the job's own account and port. */
export interface Target {
  /** Inventory name, IPv4 or IPv6 address (without brackets), spelled as it was given. */
  readonly host: string;
  readonly user?: string;
  /** 1 to 65535. */
  readonly port?: number;
}

/** Longest host name, in characters: what DNS can carry. */
export const maxHostLength = 253;
const maxUserLength = 256;

const hostName = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]|\.(?!\.|$))*$/;
const userName = /^[A-Za-z0-9_.][A-Za-z0-9_.+$\\-]*$/;

/**
 * Whether the text may stand for a host: letters, digits, `.`, `-` and `_`, beginning with none of `.` and `-`, no
 * empty label; or an IPv6 address, with its zone if it has one. What passes is safe as an operand of a command.
 */
export function isHost(text: string): boolean {
  if (text.length > maxHostLength) return false;
  return text.includes(':') ? addressKey(text) !== undefined : hostName.test(text);
}

/** Whether the text may stand for an account in a target expression. */
export function isTargetUser(text: string): boolean {
  return text.length <= maxUserLength && userName.test(text);
}

/**
 * What makes two spellings the same host (S6): names without regard to case, IPv6 addresses by value. Account and port
 * have no part in it.
 */
export function hostKey(host: string): string {
  return host.includes(':') ? (addressKey(host) ?? host.toLowerCase()) : host.toLowerCase();
}

/** The target as one would write it: `admin@web1:22022`, `[::1]:22`, `fe80::1%eth0`. */
export function formatTarget(target: Target): string {
  return wrapHost(target.host, target.host, target);
}

/** Puts account and port around a host, or around a pattern of hosts of which this is one. */
export function wrapHost(
  pattern: string,
  host: string,
  { user, port }: { user?: string | undefined; port?: number | undefined },
): string {
  const prefix = user === undefined ? '' : `${user}@`;
  if (port === undefined) return `${prefix}${pattern}`;
  return host.includes(':') ? `${prefix}[${pattern}]:${port}` : `${prefix}${pattern}:${port}`;
}
