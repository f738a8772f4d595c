/** Listeners and dialers for tests: started here, stopped and checked for leaks in `afterEach`. */
import { systemClock } from '@pogo/lifecycle';
import {
  type Peer,
  PeerDialer,
  type PeerDialerOptions,
  type PeerHandlers,
  PeerListener,
  type PeerListenerOptions,
} from '@pogo/wire';
import { CertificateAuthority, linkTls } from './certificate-authority.js';

export const authority = new CertificateAuthority('test link root');
export const workerTls = linkTls(authority, 'worker', 'w1');
export const dispatcherTls = linkTls(authority, 'dispatcher', 'd1');

/** Events in order, awaited one by one. */
export class Inbox<T> {
  readonly #items: T[] = [];
  readonly #takers: ((item: T) => void)[] = [];

  push(item: T): void {
    const taker = this.#takers.shift();
    if (taker) taker(item);
    else this.#items.push(item);
  }

  next(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  get waiting(): readonly T[] {
    return this.#items;
  }
}

const opened: { stop(): Promise<void> }[] = [];

export async function stopLinks(): Promise<void> {
  for (const service of opened.splice(0).reverse()) await service.stop();
}

export interface TestListener {
  listener: PeerListener;
  url: string;
  peers: Inbox<Peer>;
  refused: Inbox<string>;
}

export async function listen(
  handlers: PeerHandlers | ((peer: Peer) => PeerHandlers) = { methods: {} },
  overrides: Partial<PeerListenerOptions> = {},
): Promise<TestListener> {
  const peers = new Inbox<Peer>();
  const refused = new Inbox<string>();
  const listener = new PeerListener({
    listen: { host: '127.0.0.1', port: 0 },
    tls: dispatcherTls,
    expectRole: 'worker',
    clock: systemClock,
    onPeer(peer) {
      peers.push(peer);
      return typeof handlers === 'function' ? handlers(peer) : handlers;
    },
    onRefused: ({ reason }) => refused.push(reason),
    ...overrides,
  });
  opened.push(listener);
  await listener.start();
  return { listener, url: `wss://127.0.0.1:${listener.address.port}`, peers, refused };
}

export interface TestDialer {
  dialer: PeerDialer;
  connected: Inbox<Peer>;
  disconnected: Inbox<string>;
  failed: Inbox<string>;
}

export async function dial(
  url: string,
  handlers: PeerDialerOptions['handlers'] = { methods: {} },
  overrides: Partial<PeerDialerOptions> = {},
): Promise<TestDialer> {
  const connected = new Inbox<Peer>();
  const disconnected = new Inbox<string>();
  const failed = new Inbox<string>();
  const dialer = new PeerDialer({
    url,
    tls: workerTls,
    expectRole: 'dispatcher',
    clock: systemClock,
    random: () => 0,
    handlers,
    onConnected: (peer) => connected.push(peer),
    onDisconnected: (reason) => disconnected.push(reason),
    onDialFailed: (reason) => failed.push(reason),
    ...overrides,
  });
  opened.push(dialer);
  await dialer.start();
  return { dialer, connected, disconnected, failed };
}

/** Resolves once no TCP socket or server is open in this process; a leak lets the test run into its time limit. */
export async function socketsClosed(): Promise<void> {
  while (process.getActiveResourcesInfo().some((kind) => kind.startsWith('TCP'))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
