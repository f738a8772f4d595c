/**
 * What the dispatchers of an instance have to do with each other besides the store: they hold one another's sealed
 * credentials and scripts, over connections under both their certificates. Neither a worker's certificate nor a client's token
 * opens these.
 */
import { namespaceNumberOf } from '@pogo/core';
import { type Clock, type Service, ServiceState } from '@pogo/lifecycle';
import {
  dispatcherAttachmentPath,
  dispatcherLinkFrameBytes,
  dispatcherLinkPath,
  dispatcherPeerMethods,
  fetchCredentialsParamsSchema,
  type FetchCredentialsResult,
  holdAttachmentParamsSchema,
  holdCredentialsParamsSchema,
  withdrawCredentialsParamsSchema,
} from '@pogo/protocol';
import { StoreError } from '@pogo/store';
import { type LinkDoor, type LinkTls, method, MethodError, type Peer, type PeerHandlers } from '@pogo/wire';
import type { Logger } from 'pino';
import { AttachmentCopies } from '../attachments/attachment-copies.js';
import { AttachmentRequester } from '../attachments/attachment-requester.js';
import type { AttachmentStore } from '../attachments/attachment-store.js';
import { serveAttachment } from '../attachments/serve-attachment.js';
import type { DispatcherLimits } from '../dispatcher-limits.js';
import type { Metrics } from '../metrics/metrics.js';
import { OfferedCredentials } from '../vault/offered-credentials.js';
import type { Vault } from '../vault/vault.js';
import { VaultCopies } from '../vault/vault-copies.js';
import type { VaultFollower } from '../vault/vault-follower.js';
import type { DispatcherDirectory } from './dispatcher-directory.js';
import { DispatcherLinks, type DispatcherLinksOptions, type PeerLinks } from './dispatcher-links.js';

/** What follows the logs of the namespaces for the vault. */
export interface VaultFollowers {
  all(): readonly VaultFollower[];
  /** Of the namespace of that number, which may have been made elsewhere a moment ago; undefined: there is none. */
  of(namespace: number): Promise<VaultFollower | undefined>;
}

/** Makes the connections; {@link DispatcherLinks} unless told otherwise. */
export type LinkDispatchers = (options: DispatcherLinksOptions) => PeerLinks;

export interface DispatcherPeersOptions {
  /** Of this dispatcher. */
  name: string;
  directory: DispatcherDirectory;
  tls: LinkTls;
  vault: Vault;
  attachments: AttachmentStore;
  followers: VaultFollowers;
  limits: Pick<DispatcherLimits, 'credentialsCopyMs' | 'scriptCopyMs' | 'offersKeptMs'>;
  clock: Clock;
  random: () => number;
  uniqueId: () => string;
  logger: Logger;
  metrics: Metrics;
  linkDispatchers?: LinkDispatchers | undefined;
}

const unknownNamespace = new MethodError('unknown-namespace', 'this dispatcher does not know the namespace');
const tooMany = new MethodError('too-many', 'too many credentials wait here for the log to speak of them');
const notHeld = new MethodError('not-held', 'the attachment could not be fetched from you');

export class DispatcherPeers implements Service {
  readonly links: PeerLinks;
  readonly offers: OfferedCredentials;
  /** Has the others hold credentials. */
  readonly credentials: VaultCopies;
  /** Has the others hold scripts, and fetches theirs. */
  readonly scripts: AttachmentCopies;
  /** Where the others connect. */
  readonly door: LinkDoor;
  readonly #options: DispatcherPeersOptions;
  readonly #state = new ServiceState();
  readonly #requester: AttachmentRequester;

  constructor(options: DispatcherPeersOptions) {
    this.#options = options;
    const { vault, attachments, limits, tls, clock, logger, metrics, uniqueId } = options;
    const linkDispatchers = options.linkDispatchers ?? ((given) => new DispatcherLinks(given));
    this.links = linkDispatchers({
      ...options,
      serve: (peer) => this.#serve(peer),
      joined: () => {
        for (const follower of options.followers.all()) follower.joined();
      },
    });
    const { links } = this;
    this.offers = new OfferedCredentials({ vault, clock, keptMs: limits.offersKeptMs });
    this.credentials = new VaultCopies({
      links,
      uniqueId,
      logger,
      metrics,
      waitMs: limits.credentialsCopyMs,
    });
    this.#requester = new AttachmentRequester({ tls, clock });
    this.scripts = new AttachmentCopies({
      store: attachments,
      links,
      requester: this.#requester,
      logger,
      metrics,
      waitMs: limits.scriptCopyMs,
    });
    this.door = {
      path: dispatcherLinkPath,
      expectRole: 'dispatcher',
      maxFrameBytes: dispatcherLinkFrameBytes,
      onPeer: (peer) => links.accept(peer),
      onRequest: (request, response) => {
        void serveAttachment(
          { store: attachments, logger, path: dispatcherAttachmentPath },
          request,
          response,
        );
      },
    };
  }

  /** Begins to look for others; resolves at once. */
  start(): Promise<void> {
    return this.#state.start(() => this.links.start());
  }

  stop(): Promise<void> {
    return this.#state.stop(async () => {
      this.#requester.close();
      await this.links.stop();
      this.offers.close();
    });
  }

  #serve(peer: Peer): PeerHandlers {
    const { logger } = this.#options;
    const { name } = peer.identity;
    return {
      methods: {
        [dispatcherPeerMethods.holdCredentials]: method(holdCredentialsParamsSchema, async (params) => {
          const follower = await this.#follower(params.namespace);
          if (follower === undefined) throw unknownNamespace;
          if (!this.offers.take(params)) throw tooMany;
          await follower.offered();
          return { kind: 'held' };
        }),
        [dispatcherPeerMethods.withdrawCredentials]: method(withdrawCredentialsParamsSchema, ({ id }) => {
          this.offers.drop(id);
          return {};
        }),
        [dispatcherPeerMethods.fetchCredentials]: method(
          fetchCredentialsParamsSchema,
          async (params): Promise<FetchCredentialsResult> => {
            const follower = await this.#follower(namespaceNumberOf(params.job));
            return (await follower?.give(params)) ?? { kind: 'not-held' };
          },
        ),
        [dispatcherPeerMethods.holdAttachment]: method(holdAttachmentParamsSchema, async (params) => {
          if (!(await this.scripts.hold(peer, params))) throw notHeld;
          return { kind: 'held' };
        }),
      },
      failed: (failed, error) =>
        logger.error({ err: error, method: failed, dispatcher: name }, 'a handler failed'),
    };
  }

  /** Undefined also while the store doesn't say. */
  async #follower(namespace: number): Promise<VaultFollower | undefined> {
    try {
      return await this.#options.followers.of(namespace);
    } catch (error) {
      if (error instanceof StoreError) return undefined;
      throw error;
    }
  }
}
