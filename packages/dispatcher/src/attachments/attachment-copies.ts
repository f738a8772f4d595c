/**
 * Scripts at the other dispatchers (L6): what a job needs is at one of them before the job is accepted, and what isn't here is
 * fetched from one that has it.
 *
 * 1. Bytes are always fetched by whoever lacks them, and kept only once they are whole and have the right hash (attachment-store.ts).
 * 2. What broke off goes on from where it stands, at the next dispatcher.
 * 3. Only what is here is given to another dispatcher: nobody fetches on behalf of somebody else.
 */
import { dispatcherPeerMethods, holdAttachmentResultSchema } from '@pogo/protocol';
import type { Peer } from '@pogo/wire';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics.js';
import type { PeerLinks } from '../peers/dispatcher-links.js';
import { firstThat } from '../peers/first-that.js';
import type { AttachmentRequester } from './attachment-requester.js';
import type { AttachmentStore } from './attachment-store.js';

export interface AttachmentCopiesOptions {
  store: AttachmentStore;
  links: PeerLinks;
  requester: AttachmentRequester;
  logger: Logger;
  metrics: Metrics;
  /** How long the others may take to have one that a job needs, in milliseconds. */
  waitMs: number;
}

export class AttachmentCopies {
  readonly #options: AttachmentCopiesOptions;
  readonly #fetching = new Map<string, Promise<boolean>>();

  constructor(options: AttachmentCopiesOptions) {
    this.#options = options;
  }

  /** Resolves when another dispatcher has it, too, or none could get it in time: then that is told. */
  async copy(sha256: string, bytes: number): Promise<void> {
    const { links, logger, metrics } = this.#options;
    const peers = links.connected;
    const holder = await firstThat(peers, (peer) => this.#hasCopy(peer, { sha256, bytes }));
    if (holder !== undefined) return;
    metrics.keptAlone.inc({ what: 'script' });
    if (links.known === 0) return;
    const connected = peers.map(({ identity }) => identity.name);
    logger.warn(
      { sha256, connected, known: links.known },
      'a script is held by this dispatcher alone: no other one holds a copy',
    );
  }

  /** Lets the others have it in good time; nobody waits for that. */
  spread(sha256: string, bytes: number): void {
    for (const peer of this.#options.links.connected) void this.#hasCopy(peer, { sha256, bytes });
  }

  /** Resolves to whether it is here, or was fetched from one of the others (2). */
  async fetch(sha256: string): Promise<boolean> {
    const status = await this.#options.store.status(sha256);
    if (status?.complete === true) return true;
    return this.#fetch(sha256, this.#options.links.connected);
  }

  /** Another dispatcher wants this one to hold it. Resolves to whether it is here, with that length. */
  async hold(peer: Peer, { sha256, bytes }: { sha256: string; bytes: number }): Promise<boolean> {
    const { store } = this.#options;
    if (await store.hold(sha256, bytes)) return true;
    return (await this.#fetch(sha256, [peer])) && store.hold(sha256, bytes);
  }

  /** Once for all that want it at the same time. */
  #fetch(sha256: string, peers: readonly Peer[]): Promise<boolean> {
    const present = this.#fetching.get(sha256);
    if (present !== undefined) return present.then((isHere) => isHere || this.#fetch(sha256, peers));
    const fetching = this.#fetchFrom(sha256, peers).finally(() => this.#fetching.delete(sha256));
    this.#fetching.set(sha256, fetching);
    return fetching;
  }

  async #fetchFrom(sha256: string, peers: readonly Peer[]): Promise<boolean> {
    const { links, logger, requester, store } = this.#options;
    for (const { identity } of peers) {
      const { name } = identity;
      const address = links.addressOf(name);
      if (address === undefined) continue;
      const from = (await store.status(sha256))?.bytes ?? 0;
      const found = await requester.ask({ name, address, sha256, from });
      if (found.kind === 'not-held') continue;
      if (found.kind === 'failed') {
        logger.warn({ dispatcher: name, sha256, cause: found.cause }, 'a script was not fetched');
        continue;
      }
      const outcome = await store.write(sha256, found.upload);
      // Where the store had no use for it.
      found.upload.body.destroy();
      if (outcome.kind === 'stored' && outcome.complete) {
        logger.info({ dispatcher: name, sha256, bytes: outcome.bytes }, 'a script was fetched');
        return true;
      }
      logger.warn({ dispatcher: name, sha256, outcome: outcome.kind }, 'a script was not fetched');
    }
    return false;
  }

  async #hasCopy(peer: Peer, attachment: { sha256: string; bytes: number }): Promise<boolean> {
    const outcome = await peer.call(
      dispatcherPeerMethods.holdAttachment,
      attachment,
      holdAttachmentResultSchema,
      { timeoutMs: this.#options.waitMs },
    );
    return outcome.kind === 'ok';
  }
}
