import type { Lease } from '../../leadership.js';

interface Candidate {
  gone: () => boolean;
  elect: () => void;
}

/**
 * Leases among the handles of one process, one queue per name.
 *
 * 1. At most one lease per name is held.
 * 2. Candidates are served in the order in which they came.
 */
export class Elections {
  readonly #queues = new Map<string, Candidate[]>();
  readonly #holders = new Map<string, AbortController>();

  /** `closed` belongs to the candidate's handle: it ends the campaign, and the lease as well. */
  campaign(name: string, signal: AbortSignal, closed: AbortSignal): Promise<Lease | undefined> {
    if (signal.aborted || closed.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const leaveQueue = () => {
        signal.removeEventListener('abort', giveUp);
        closed.removeEventListener('abort', giveUp);
      };
      const giveUp = () => {
        leaveQueue();
        const queue = this.#queues.get(name) ?? [];
        this.#queues.set(
          name,
          queue.filter((other) => other !== candidate),
        );
        resolve(undefined);
      };
      const candidate: Candidate = {
        gone: () => signal.aborted || closed.aborted,
        elect: () => {
          leaveQueue();
          resolve(this.#grant(name, closed));
        },
      };
      signal.addEventListener('abort', giveUp);
      closed.addEventListener('abort', giveUp);
      this.#queues.set(name, [...(this.#queues.get(name) ?? []), candidate]);
      this.#electNext(name);
    });
  }

  /** Takes the lease called `name` from whoever holds it, as an expired session would. */
  expire(name: string): void {
    this.#holders.get(name)?.abort();
  }

  #grant(name: string, closed: AbortSignal): Lease {
    const holder = new AbortController();
    const end = () => holder.abort();
    this.#holders.set(name, holder);
    closed.addEventListener('abort', end);
    holder.signal.addEventListener(
      'abort',
      () => {
        closed.removeEventListener('abort', end);
        this.#holders.delete(name);
        this.#electNext(name);
      },
      { once: true },
    );
    return {
      lost: holder.signal,
      resign: () => {
        end();
        return Promise.resolve();
      },
    };
  }

  #electNext(name: string): void {
    if (this.#holders.has(name)) return;
    // When a handle closes, its lease may end before its waiting candidates have heard of it.
    const [first, ...rest] = (this.#queues.get(name) ?? []).filter((candidate) => !candidate.gone());
    if (first === undefined) {
      this.#queues.delete(name);
      return;
    }
    this.#queues.set(name, rest);
    first.elect();
  }
}
