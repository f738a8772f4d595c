/**
 * What this driver uses of the npm package `zookeeper`: a native addon, and an optional dependency. Only this file knows its
 * name, and its types are declared here, so that everything else works where it isn't installed.
 *
 * Of its habits: an answer's code 0 is success; a call that returns another number than 0 was never sent, and its callback
 * is never called; a callback that isn't a function aborts the process; `close` is emitted when the ensemble has ended the
 * session, and the client is of no use afterwards.
 */
import { StoreError } from '../../store-error.js';

/** An answer's code, its text, and what was asked for. */
export type Answer = (code: number, text: string, ...values: unknown[]) => void;

/** An answer, taken apart: its code, and what was asked for. */
export interface Reply {
  code: number;
  values: unknown[];
}

/** Called when the node changes, and for every change of the session's state. */
export type Watcher = (eventType: number, state: number, path: string) => void;

export interface ClientSettings {
  /** `HOST:PORT,HOST:PORT…` */
  connect: string;
  /** Session timeout that is asked for, in milliseconds. */
  timeout: number;
  debug_level: number;
  host_order_deterministic: boolean;
}

export interface ZooKeeperClient {
  on(event: 'connect' | 'connecting' | 'close', listener: (client: unknown, code: unknown) => void): unknown;
  init(settings: ClientSettings): unknown;
  close(): unknown;
  /** Session timeout that was agreed on, in milliseconds, once connected. */
  readonly timeout: unknown;
  add_auth(scheme: string, credentials: string, answer: Answer): unknown;
  a_create(path: string, data: Buffer, flags: number, answer: Answer): number;
  a_exists(path: string, watch: boolean, answer: Answer): number;
  aw_exists(path: string, watcher: Watcher, answer: Answer): number;
  a_get(path: string, watch: boolean, answer: Answer): number;
  a_get_children(path: string, watch: boolean, answer: Answer): number;
  aw_get_children(path: string, watcher: Watcher, answer: Answer): number;
  a_set(path: string, data: Buffer, version: number, answer: Answer): number;
  a_delete_(path: string, version: number, answer: Answer): number;
  a_sync(path: string, answer: Answer): number;
  a_get_acl(path: string, answer: Answer): number;
  a_set_acl(path: string, version: number, acl: unknown, answer: Answer): number;
}

export type ClientFactory = () => ZooKeeperClient;

/** Codes of answers, as ZooKeeper's protocol and its C client number them. */
export const codes = {
  ok: 0,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  nodeExists: -110,
  notEmpty: -111,
  authFailed: -115,
} as const;

/** Flags of a new node. */
export const createFlags = { persistent: 0, ephemeralSequential: 3, container: 4 } as const;

/** The type of event that tells of the session and not of a node. */
export const sessionEvent = -1;

/** The code of `close` after the servers refused the credentials. */
export const authFailedState = -113;

/** Codes below say why there is no answer: connection, session, or client. */
export function isAnswerOfServer(code: number): boolean {
  return code === codes.ok || (code <= codes.noNode && code >= codes.notEmpty);
}

/** A node without data comes as null. */
export function bytesOf(data: unknown): Uint8Array {
  if (!Buffer.isBuffer(data)) return new Uint8Array();
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

export function bufferOf(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

const packageName = 'zookeeper';

/** Rejects with `store-unsupported` where the package is missing, or its addon wasn't built. */
export async function loadClient(): Promise<ClientFactory> {
  let loaded: unknown;
  try {
    loaded = await import(/* @vite-ignore */ packageName);
  } catch (error) {
    throw new StoreError(
      'store-unsupported',
      `can't open a ZooKeeper store: the npm package ${packageName} isn't there, or its native addon wasn't built. ` +
        "Install what builds it (Debian: apt-get install cmake make g++ python3; Node's headers, by npm's nodedir " +
        "where they can't be downloaded), then run: npm ci",
      { cause: error },
    );
  }
  const Client = constructorOf(loaded);
  if (Client === undefined) {
    throw new StoreError(
      'store-unsupported',
      `can't open a ZooKeeper store: the npm package ${packageName} is not the one that this version knows. ` +
        'Install the version that package-lock.json names: npm ci',
    );
  }
  return () => new Client();
}

function constructorOf(loaded: unknown): (new () => ZooKeeperClient) | undefined {
  if (typeof loaded !== 'object' || loaded === null || !('default' in loaded)) return undefined;
  return isClientConstructor(loaded.default) ? loaded.default : undefined;
}

function isClientConstructor(value: unknown): value is new () => ZooKeeperClient {
  if (typeof value !== 'function') return false;
  const methods: unknown = value.prototype;
  return (
    typeof methods === 'object' &&
    methods !== null &&
    ['init', 'close', 'add_auth', 'a_create', 'aw_exists', 'aw_get_children', 'a_sync', 'a_set_acl'].every(
      (name) => name in methods,
    )
  );
}
