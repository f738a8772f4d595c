/**
 * Who waits for changes of nodes, in one session. A watch is armed once, whoever waits; all who wait are told once. Those who
 * come while it is armed only look, since its answer is still to come.
 */
import { type Answer, codes, type Reply, sessionEvent } from './client.js';

type Call = (verb: string, path: string, send: (answer: Answer) => unknown) => Promise<Reply>;

/** How the client library is asked, with a watch and without one. */
export interface WatchedRequest {
  arm: (watcher: (eventType: number) => void, answer: Answer) => number;
  look: (answer: Answer) => number;
}

export class SessionWatches {
  readonly #call: Call;
  readonly #watches = new Map<string, { armed: boolean; listeners: Set<() => void> }>();

  constructor(call: Call) {
    this.#call = call;
  }

  /** @param key what is watched, `node PATH` or `children PATH`; a node that isn't there can be watched, its children can't */
  async watch(key: string, path: string, changed: () => void, how: WatchedRequest): Promise<Reply> {
    const known = this.#watches.get(key);
    if (known?.armed) {
      known.listeners.add(changed);
      return this.#call('look at', path, how.look);
    }
    const watch = { armed: true, listeners: new Set([...(known?.listeners ?? []), changed]) };
    this.#watches.set(key, watch);
    const happened = (eventType: number) => {
      if (eventType !== sessionEvent && this.#watches.get(key) === watch) this.#tell(key);
    };
    try {
      const reply = await this.#call('watch', path, (answer) => how.arm(happened, answer));
      const armed = reply.code === codes.ok || (reply.code === codes.noNode && key.startsWith('node '));
      if (!armed) this.#watches.delete(key);
      return reply;
    } catch (error) {
      this.#tell(key);
      throw error;
    }
  }

  /** Whoever waits for `changed` no longer does. */
  forget(changed: () => void): void {
    for (const { listeners } of this.#watches.values()) listeners.delete(changed);
  }

  /** The session has ended. */
  tellAll(): void {
    for (const key of [...this.#watches.keys()]) this.#tell(key);
  }

  #tell(key: string): void {
    const watch = this.#watches.get(key);
    this.#watches.delete(key);
    for (const changed of [...(watch?.listeners ?? [])]) changed();
  }
}
