import type { OpenOutputParams } from '@pogo/protocol';
import type { Peer } from '@pogo/wire';
import type { Log } from './log.js';
import { OutputFollower } from './output-follower.js';
import type { Spool } from './spool.js';

/** Subscriptions that one peer may have open: each costs a file window and a little memory. */
const mostSubscriptions = 1000;

/** The output that one peer reads; all of it ends with the connection. */
export class OutputDesk {
  readonly #options: { peer: Peer; spool: Spool; log: Log };
  readonly #followers = new Map<number, OutputFollower>();
  #isClosed = false;

  constructor(options: { peer: Peer; spool: Spool; log: Log }) {
    this.#options = options;
    void options.peer.closed.then(() => {
      this.#isClosed = true;
      for (const follower of this.#followers.values()) follower.stop();
    });
  }

  async open(order: OpenOutputParams): Promise<{ found: boolean }> {
    const { peer, spool, log } = this.#options;
    if (this.#followers.has(order.subscription) || this.#followers.size >= mostSubscriptions) {
      return { found: false };
    }
    const use = await spool.read(order.job);
    if (use === undefined) return { found: false };
    const follower = new OutputFollower({ peer, spool: use.spool, order });
    this.#followers.set(order.subscription, follower);
    if (this.#isClosed) follower.stop();
    void follower
      .run()
      .catch((error: unknown) => {
        log.error({ job: order.job, error: (error as Error).message }, 'spooled output could not be read');
        peer.close(1011, 'spooled output could not be read');
      })
      .finally(() => {
        this.#followers.delete(order.subscription);
        void use.release();
      });
    return { found: true };
  }

  credit(subscription: number, bytes: number): void {
    if (bytes > 0) this.#followers.get(subscription)?.addCredit(bytes);
  }

  close(subscription: number): void {
    this.#followers.get(subscription)?.stop();
  }
}
