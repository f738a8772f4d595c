/**
 * Who waits for changes of nodes, in one session. A watch is armed once, whoever waits; all who wait are told once. Those who
 * come while it is armed only look, since its answer is still to come.
 */
import { type ArmedWatches, type Request, setWatches } from './wire/requests.js';
import type { WatchEvent } from './wire/watch-event.js';

/** `node`: that it is made, deleted or written, also where there is none yet; `children`: that some are made or deleted. */
export type Watched = 'node' | 'children';

/** What an answer says about the node. */
export interface Seen {
  present: boolean;
}

interface Watch {
  watched: Watched;
  path: string;
  /** Undefined until the answer has come. */
  present: boolean | undefined;
  listeners: Set<() => void>;
}

/** In one message to a server, far below the largest that it takes. */
const maxRearmBytes = 128 * 1024;

export class SessionWatches {
  readonly #watches = new Map<string, Watch>();

  /**
   * Looks at the node, by `look`, which asks the servers to watch it if it is told to; `changed` is called once, when it has
   * changed since, or the session ends.
   */
  async look<T extends Seen>(
    watched: Watched,
    path: string,
    changed: () => void,
    look: (watch: boolean) => Promise<T>,
  ): Promise<T> {
    const key = `${watched} ${path}`;
    const known = this.#watches.get(key);
    if (known !== undefined) {
      known.listeners.add(changed);
      return look(false);
    }
    const watch: Watch = { watched, path, present: undefined, listeners: new Set([changed]) };
    this.#watches.set(key, watch);
    try {
      const seen = await look(true);
      watch.present = seen.present;
      // The servers watch no children of what isn't there.
      if (!seen.present && watched === 'children' && this.#watches.get(key) === watch)
        this.#watches.delete(key);
      return seen;
    } catch (error) {
      if (this.#watches.get(key) === watch) this.#tell(watched, path);
      throw error;
    }
  }

  /** Whoever waits for `changed` no longer does. */
  forget(changed: () => void): void {
    for (const { listeners } of this.#watches.values()) listeners.delete(changed);
  }

  onEvent({ kind, path }: WatchEvent): void {
    if (kind !== 'children-changed') this.#tell('node', path);
    if (kind === 'children-changed' || kind === 'deleted') this.#tell('children', path);
  }

  /** The session has ended. */
  tellAll(): void {
    for (const { watched, path } of [...this.#watches.values()]) this.#tell(watched, path);
  }

  /** What arms the watches that stand anew at another server. */
  rearm(seenZxid: number): Request<undefined>[] {
    const requests: Request<undefined>[] = [];
    let part: ArmedWatches = { data: [], absent: [], children: [] };
    let bytes = 0;
    const flush = () => {
      if (bytes > 0) requests.push(setWatches(seenZxid, part));
      part = { data: [], absent: [], children: [] };
      bytes = 0;
    };
    for (const { watched, path, present } of this.#watches.values()) {
      // Its own request was lost, and whoever waits is being told so.
      if (present === undefined) continue;
      if (watched === 'children') part.children.push(path);
      else if (present) part.data.push(path);
      else part.absent.push(path);
      bytes += 4 + Buffer.byteLength(path);
      if (bytes >= maxRearmBytes) flush();
    }
    flush();
    return requests;
  }

  #tell(watched: Watched, path: string): void {
    const key = `${watched} ${path}`;
    const watch = this.#watches.get(key);
    this.#watches.delete(key);
    for (const changed of [...(watch?.listeners ?? [])]) changed();
  }
}
