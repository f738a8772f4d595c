/**
 * `zookeeper://HOST:PORT,HOST:PORT…/CHROOT?NAME=VALUE&…`: servers (port 2181 when there is none), the node below which all
 * is kept, and settings. No secret stands in it: files do.
 */
import { isIPv4 } from 'node:net';
import * as z from 'zod';
import { StoreError } from '../../store-error.js';
import type { ServerAddress } from './wire/connection.js';

const milliseconds = z
  .string()
  .regex(/^\d{1,9}$/, 'not a number of milliseconds')
  .transform(Number);

const settingsSchema = z.strictObject({
  /** What is asked for; the servers grant at least two and at most twenty of their ticks. */
  sessionTimeoutMs: milliseconds.pipe(z.int().min(200).max(600_000)).default(6_000),
  /** Longest wait for one answer. */
  callTimeoutMs: milliseconds.pipe(z.int().min(200).max(600_000)).default(10_000),
  /** Says that others on the network may read and alter what goes over it: there is no TLS. Loopback needs no word. */
  plaintext: z.literal('accepted', 'only plaintext=accepted has a meaning').optional(),
  /** File of mode 0600 with `USER:PASSWORD`: nodes are made for its holders alone. */
  digestFile: z.string().min(1).optional(),
  /** File of mode 0600 with the instance's store key, for the sums over all records. */
  storeKeyFile: z.string().min(1).optional(),
});

export interface ZooKeeperUrl {
  /** `HOST:PORT,HOST:PORT…` */
  servers: string;
  addresses: ServerAddress[];
  /** Empty, or beginning with a slash and not ending in one. */
  chroot: string;
  settings: z.output<typeof settingsSchema>;
}

const hostPattern = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(\d{1,5}))?$/;
const segmentPattern = /^[A-Za-z0-9._\-@+=]{1,128}$/;

/** @param text what follows `zookeeper:`. Throws `store-unsupported`. */
export function parseZooKeeperUrl(text: string): ZooKeeperUrl {
  const parts = /^\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/.exec(text);
  if (parts === null) throw wrong('it is not of the form zookeeper://HOST:PORT,…/CHROOT');
  const [, authority = '', path = '', query = ''] = parts;
  if (authority.includes('@'))
    throw wrong(
      'credentials have no place in a URL: put USER:PASSWORD into a file, and name it with digestFile=FILE',
    );
  const hosts = authority.split(',').map(hostOf);
  const chroot = path.replace(/\/$/, '');
  const strange = chroot
    .split('/')
    .slice(1)
    .find((segment) => !isSegment(segment));
  if (strange !== undefined) throw wrong(`${JSON.stringify(strange)} can't be part of a chroot`);
  const settings = settingsOf(query);
  const remote = hosts.find(({ host }) => !isLoopback(host));
  if (remote !== undefined && settings.plaintext === undefined) {
    throw wrong(
      `${remote.host} is another machine, and the link to ZooKeeper has no TLS: lay a tunnel that ends on this machine, ` +
        'or add plaintext=accepted to the URL if the network between is trusted',
    );
  }
  return {
    servers: hosts.map(({ host, port }) => `${host}:${port}`).join(','),
    addresses: hosts.map(({ host, port }) => ({ host: host.replace(/^\[(.*)\]$/, '$1'), port })),
    chroot,
    settings,
  };
}

function hostOf(text: string): ServerAddress {
  const [, host, port = '2181'] = hostPattern.exec(text) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535)
    throw wrong(`${JSON.stringify(text)} is not HOST:PORT`);
  return { host, port: Number(port) };
}

function settingsOf(query: string): z.output<typeof settingsSchema> {
  const given = new URLSearchParams(query);
  const twice = [...given.keys()].find((name) => given.getAll(name).length > 1);
  if (twice !== undefined) throw wrong(`${twice} is given twice`);
  const parsed = settingsSchema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const what = issue?.code === 'unrecognized_keys' ? issue.keys.join(', ') : (issue?.path.join('.') ?? '');
  throw wrong(`${what}: ${issue?.code === 'unrecognized_keys' ? 'unknown setting' : (issue?.message ?? '')}`);
}

function isSegment(segment: string): boolean {
  return segmentPattern.test(segment) && segment !== '.' && segment !== '..' && segment !== 'zookeeper';
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'));
}

function wrong(cause: string): StoreError {
  return new StoreError('store-unsupported', `can't open the ZooKeeper store: ${cause}`);
}
