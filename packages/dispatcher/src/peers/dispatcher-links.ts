/**
 * Connections to the other dispatchers of the instance. Each dials every other one that has said where it is, and either may
 * call the other over any connection that is up.
 *
 * 1. Who somebody is comes from the certificate alone: a dialled one has to be the very dispatcher that the directory names
 *    there.
 * 2. One counts as connected while at least one connection with it is up; heartbeats end those that nobody answers on.
 */
import { backoffDelayMs, type Clock, delay, type Service, ServiceState } from '@pogo/lifecycle';
import { dispatcherLinkFrameBytes, dispatcherLinkPath } from '@pogo/protocol';
import { StoreError } from '@pogo/store';
import { type LinkTls, type Peer, PeerDialer, type PeerHandlers } from '@pogo/wire';
import type { Logger } from 'pino';
import type { DispatcherDirectory } from './dispatcher-directory.js';

/** The other dispatchers, as far as somebody who wants something of them has to know. */
export interface PeerLinks extends Service {
  /** One connection with each that is connected. */
  readonly connected: readonly Peer[];
  /** How many others have said where they are. */
  readonly known: number;
  /** `wss://HOST:PORT` of that one. */
  addressOf(name: string): string | undefined;
  /** Whether each known one was reached or tried once, or a few seconds have passed since the start. */
  readonly hasLooked: boolean;
  /** Resolves once {@link hasLooked}. */
  firstLook(): Promise<void>;
  /** Serves one that has dialled. */
  accept(peer: Peer): PeerHandlers;
}

/** What is made of connections by who owns them. */
export interface PeerLinkEvents {
  /** What is served to every other dispatcher, on each connection with it. */
  serve: (peer: Peer) => PeerHandlers;
  /** One that wasn't connected is, and can be called. */
  joined: (peer: Peer) => void;
}

export interface DispatcherLinksOptions extends PeerLinkEvents {
  /** Of this dispatcher. */
  name: string;
  directory: Pick<DispatcherDirectory, 'others'>;
  tls: LinkTls;
  clock: Clock;
  random: () => number;
  logger: Logger;
}

/** How long {@link PeerLinks.firstLook} lasts at most, in milliseconds. */
export const firstLookMs = 3000;
const retryBackoff = { firstMs: 100, maxMs: 5000 };

interface Dialled {
  address: string;
  dialer: PeerDialer;
  /** Whether it was reached, or has failed once. */
  wasTried: boolean;
}

export class DispatcherLinks implements PeerLinks {
  readonly #options: DispatcherLinksOptions;
  readonly #state = new ServiceState();
  readonly #dialled = new Map<string, Dialled>();
  /** By name; the newest last. */
  readonly #peers = new Map<string, Set<Peer>>();
  #watching: Promise<void> = Promise.resolve();
  #endings: Promise<unknown> = Promise.resolve();
  #isListed = false;
  #hasLooked = false;
  #looked: () => void = () => undefined;
  readonly #firstLook = new Promise<void>((resolve) => (this.#looked = resolve));

  constructor(options: DispatcherLinksOptions) {
    this.#options = options;
  }

  get connected(): readonly Peer[] {
    return [...this.#peers.values()].map((peers) => [...peers].at(-1)!);
  }

  get known(): number {
    return this.#dialled.size;
  }

  addressOf(name: string): string | undefined {
    return this.#dialled.get(name)?.address;
  }

  get hasLooked(): boolean {
    return this.#hasLooked;
  }

  firstLook(): Promise<void> {
    return this.#firstLook;
  }

  /** Resolves at once; nobody needs to be there. */
  start(): Promise<void> {
    return this.#state.start(() => {
      const limit = this.#options.clock.setTimer(firstLookMs, () => this.#endFirstLook());
      void this.#firstLook.then(() => limit.cancel());
      this.#watching = this.#watch();
      return Promise.resolve();
    });
  }

  stop(): Promise<void> {
    return this.#state.stop(async () => {
      this.#endFirstLook();
      await this.#watching;
      await Promise.all([...this.#dialled.values()].map(({ dialer }) => dialer.stop()));
      await this.#endings;
    });
  }

  accept(peer: Peer): PeerHandlers {
    const { name, serve } = this.#options;
    if (peer.identity.name === name) {
      peer.close(
        4003,
        `another dispatcher has the name ${name}, too: give each a name and certificates of its own`,
      );
      return { methods: {} };
    }
    this.#add(peer);
    return serve(peer);
  }

  async #watch(): Promise<void> {
    const { directory, clock, random, logger } = this.#options;
    const { signal } = this.#state;
    for (let failures = 0; !signal.aborted;) {
      try {
        for await (const links of directory.others(signal)) {
          failures = 0;
          this.#dialAll(links);
        }
        return;
      } catch (error) {
        const code = error instanceof StoreError ? error.code : undefined;
        if (signal.aborted || code === 'store-closed') return;
        logger.warn({ code, err: error }, 'it is not known where other dispatchers are');
      }
      await delay(clock, backoffDelayMs(retryBackoff, failures++, random()), signal);
    }
  }

  #dialAll(links: ReadonlyMap<string, string>): void {
    if (this.#state.stopping) return;
    for (const [name, { address, dialer }] of this.#dialled) {
      if (links.get(name) === address) continue;
      this.#dialled.delete(name);
      this.#endings = Promise.all([this.#endings, dialer.stop()]);
    }
    for (const [name, address] of links) if (!this.#dialled.has(name)) this.#dial(name, address);
    this.#isListed = true;
    this.#lookedAt();
  }

  #dial(name: string, address: string): void {
    const { tls, clock, random, serve, logger } = this.#options;
    const tried = () => {
      const dialled = this.#dialled.get(name);
      if (dialled?.dialer === dialer) dialled.wasTried = true;
      this.#lookedAt();
    };
    let lastReason: string | undefined;
    const dialer = new PeerDialer({
      url: address,
      path: dispatcherLinkPath,
      tls,
      expectRole: 'dispatcher',
      clock,
      random,
      maxFrameBytes: dispatcherLinkFrameBytes,
      handlers: serve,
      onConnected: (peer) => {
        lastReason = undefined;
        // (1)
        if (peer.identity.name === name) this.#add(peer);
        else peer.close(4003, `the certificate names dispatcher ${peer.identity.name}, not ${name}`);
        tried();
      },
      onDisconnected: (reason) => logger.info({ dispatcher: name, reason }, 'a link to a dispatcher is over'),
      onDialFailed: (reason) => {
        if (reason !== lastReason)
          logger.warn({ dispatcher: name, reason }, 'another dispatcher can not be reached');
        lastReason = reason;
        tried();
      },
    });
    this.#dialled.set(name, { address, dialer, wasTried: false });
    void dialer.start();
  }

  #add(peer: Peer): void {
    const { logger, joined } = this.#options;
    const { name } = peer.identity;
    const present = this.#peers.get(name);
    const peers = present ?? new Set<Peer>();
    peers.add(peer);
    this.#peers.set(name, peers);
    void peer.closed.then(() => {
      peers.delete(peer);
      if (peers.size > 0) return;
      this.#peers.delete(name);
      logger.info({ dispatcher: name }, 'another dispatcher is no longer connected');
    });
    if (present !== undefined) return;
    logger.info({ dispatcher: name }, 'another dispatcher is connected');
    // One that has dialled can be called once this turn is over.
    void Promise.resolve().then(() => joined(peer));
  }

  #lookedAt(): void {
    if (this.#isListed && [...this.#dialled.values()].every(({ wasTried }) => wasTried)) this.#endFirstLook();
  }

  #endFirstLook(): void {
    if (this.#hasLooked) return;
    this.#hasLooked = true;
    this.#looked();
  }
}

/** For a dispatcher that is to have no others. */
export const noPeers: PeerLinks = {
  connected: [],
  known: 0,
  hasLooked: true,
  addressOf: () => undefined,
  firstLook: () => Promise.resolve(),
  accept: () => ({ methods: {} }),
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
};
