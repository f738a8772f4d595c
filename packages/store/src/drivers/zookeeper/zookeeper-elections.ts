/**
 * Leases by ephemeral, numbered nodes.
 *
 * 1. The candidate with the lowest number holds the lease; each other one watches the one before it, so that the end of a
 *    lease wakes one candidate, not all.
 * 2. A node whose candidate has given up, or whose lease has ended, is deleted, or its session ends: nobody waits for one
 *    that no longer takes part.
 * 3. A lease ends with its session, which may be before the servers know (session.ts, 3). What makes that safe is the log.
 */
import { delay } from '@pogo/lifecycle';
import type { Lease } from '../../leadership.js';
import { StoreError } from '../../store-error.js';
import type { Paths } from './paths.js';
import type { Session } from './session.js';
import { type SessionKeeper, isUnavailable } from './session-keeper.js';

export interface ZooKeeperElectionsOptions {
  keeper: SessionKeeper;
  paths: Paths;
  /** Letters, digits and dashes, never the same again. */
  uniqueId: () => string;
}

interface Candidate {
  session: Session;
  /** Begins the names of its nodes; of several, should an answer have been lost, the lowest counts. */
  prefix: string;
  folder: string;
}

export class ZooKeeperElections {
  readonly #options: ZooKeeperElectionsOptions;

  constructor(options: ZooKeeperElectionsOptions) {
    this.#options = options;
  }

  async campaign(name: string, signal: AbortSignal, closed: AbortSignal): Promise<Lease | undefined> {
    const { keeper, paths, uniqueId } = this.#options;
    const stopper = new AbortController();
    const stop = () => stopper.abort();
    for (const each of [signal, closed]) each.addEventListener('abort', stop);
    if (signal.aborted || closed.aborted) stop();
    try {
      for (let failures = 0; !stopper.signal.aborted;) {
        let candidate: Candidate | undefined;
        try {
          const session = await keeper.session(Infinity, [stopper.signal]);
          candidate = {
            session,
            prefix: `candidate-${uniqueId()}-`,
            folder: paths.election(encodeURIComponent(name)),
          };
          const own = await this.#waitForTurn(candidate, stopper.signal);
          if (own !== undefined) return this.#lease(candidate, closed);
          failures = 0;
        } catch (error) {
          if (!isUnavailable(error)) throw error;
        }
        if (candidate !== undefined) {
          const leaving = this.#leave(candidate);
          // The store waits for it when it is closed; nobody else has to.
          if (!closed.aborted) await leaving;
        }
        if (!stopper.signal.aborted) await delay(keeper.clock, keeper.backoffMs(failures++), stopper.signal);
      }
      return undefined;
    } finally {
      for (const each of [signal, closed]) each.removeEventListener('abort', stop);
    }
  }

  /** The name of its node once it is the first; undefined when it was stopped, or its node is gone. */
  async #waitForTurn({ session, prefix, folder }: Candidate, stop: AbortSignal): Promise<string | undefined> {
    const made = await session.create(`${folder}/${prefix}`, new Uint8Array(), 'ephemeral-sequential');
    if (made.kind === 'no-parent') {
      await session.create(folder, new Uint8Array());
      return this.#waitForTurn({ session, prefix, folder }, stop);
    }
    while (!stop.aborted && !session.ended.aborted) {
      const candidates = (await session.children(folder))?.sort(
        (one, other) => numberOf(one) - numberOf(other),
      );
      const at = candidates?.findIndex((candidate) => candidate.startsWith(prefix)) ?? -1;
      const own = candidates?.[at];
      if (stop.aborted || own === undefined) return undefined;
      const before = candidates?.[at - 1];
      if (before === undefined) return own;
      await untilGone(session, `${folder}/${before}`, stop);
    }
    return undefined;
  }

  #lease(candidate: Candidate, closed: AbortSignal): Lease {
    const { session } = candidate;
    const holder = new AbortController();
    const end = () => holder.abort();
    for (const each of [session.ended, closed]) each.addEventListener('abort', end, { once: true });
    if (session.ended.aborted || closed.aborted) end();
    holder.signal.addEventListener('abort', () => {
      for (const each of [session.ended, closed]) each.removeEventListener('abort', end);
    });
    let leaving: Promise<void> | undefined;
    return {
      lost: holder.signal,
      resign: () => {
        end();
        return (leaving ??= this.#leave(candidate));
      },
    };
  }

  /** Deletes the candidate's nodes, and goes on until that is done or the session, and with it the nodes, has ended. */
  async #leave({ session, prefix, folder }: Candidate): Promise<void> {
    const { keeper } = this.#options;
    for (let failures = 0; !session.ended.aborted; failures += 1) {
      try {
        // A node whose making wasn't answered may not show yet at the server that is asked now.
        const [, names = []] = await Promise.all([session.sync(folder), session.children(folder)]);
        const own = names.filter((name) => name.startsWith(prefix));
        await Promise.all(own.map((name) => session.delete(`${folder}/${name}`, -1)));
        return;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        await delay(keeper.clock, keeper.backoffMs(failures), session.ended);
      }
    }
  }
}

async function untilGone(session: Session, path: string, stop: AbortSignal): Promise<void> {
  let wake: () => void = () => undefined;
  const woken = new Promise<void>((resolve) => (wake = resolve));
  stop.addEventListener('abort', wake);
  try {
    const stands = await session.watchNode(path, wake);
    if (stands !== undefined && !stop.aborted && !session.ended.aborted) await woken;
  } finally {
    stop.removeEventListener('abort', wake);
    session.forget(wake);
  }
}

/** The servers append ten digits. */
function numberOf(name: string): number {
  return Number(name.slice(name.lastIndexOf('-') + 1));
}
