/**
 * Has another dispatcher hold sealed credentials before they are decided on (V1): they are offered to every one that is
 * connected, and the first that holds them is enough. The others get what they miss when the log tells them of it
 * (vault-follower.ts).
 *
 * Nobody connected, or nobody who answers in time: it goes on alone, which the log and a metric say.
 */
import {
  dispatcherPeerMethods,
  type HoldCredentialsParams,
  holdCredentialsResultSchema,
} from '@pogo/protocol';
import type { Peer } from '@pogo/wire';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics.js';
import { firstThat } from '../peers/first-that.js';
import type { PeerLinks } from '../peers/dispatcher-links.js';

export interface VaultCopiesOptions {
  links: PeerLinks;
  uniqueId: () => string;
  logger: Logger;
  metrics: Metrics;
  /** How long the others may take, in milliseconds. */
  waitMs: number;
}

export interface CopiesOffered {
  /** Name of the first that holds them; undefined: nobody does. */
  heldBy: string | undefined;
  /** What they were offered for was refused: nobody is to keep them. */
  withdraw(): void;
}

export class VaultCopies {
  readonly #options: VaultCopiesOptions;

  constructor(options: VaultCopiesOptions) {
    this.#options = options;
  }

  async offer(offered: Omit<HoldCredentialsParams, 'id'>): Promise<CopiesOffered> {
    const { links, uniqueId, logger, metrics } = this.#options;
    const params = { id: uniqueId(), ...offered };
    const peers = links.connected;
    const holder = await firstThat(peers, (peer) => this.#isHeld(peer, params));
    if (holder === undefined) {
      metrics.keptAlone.inc({ what: 'credentials' });
      if (links.known > 0) {
        const { digest } = offered;
        const connected = peers.map(({ identity }) => identity.name);
        logger.warn(
          { digest, connected, known: links.known },
          'credentials are held by this dispatcher alone: no other one holds a copy',
        );
      }
    }
    return {
      heldBy: holder?.identity.name,
      withdraw: () => {
        for (const peer of peers) peer.notify(dispatcherPeerMethods.withdrawCredentials, { id: params.id });
      },
    };
  }

  async #isHeld(peer: Peer, params: HoldCredentialsParams): Promise<boolean> {
    const { waitMs, logger } = this.#options;
    const outcome = await peer.call(
      dispatcherPeerMethods.holdCredentials,
      params,
      holdCredentialsResultSchema,
      { timeoutMs: waitMs },
    );
    if (outcome.kind === 'ok') return true;
    const { kind } = outcome;
    const code = kind === 'error' ? outcome.code : undefined;
    logger.warn(
      { dispatcher: peer.identity.name, kind, code },
      'a dispatcher did not take credentials to hold',
    );
    return false;
  }
}
