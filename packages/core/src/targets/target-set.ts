import { hostKey, type Target } from './target.js';

/** Two targets that can't both be meant: same host, another account or port. */
export interface Conflict {
  readonly earlier: Target;
  readonly later: Target;
}

/**
 * Targets in the order of their first mention, each host once (S6: account and port don't tell hosts apart).
 *
 * An account or port that one mention leaves open is taken from the other; two different ones are a conflict, never a
 * silent choice.
 */
export class TargetSet {
  readonly #targets = new Map<string, Target>();

  get size(): number {
    return this.#targets.size;
  }

  values(): IterableIterator<Target> {
    return this.#targets.values();
  }

  add(target: Target): Conflict | undefined {
    const key = hostKey(target.host);
    const present = this.#targets.get(key);
    if (present === undefined) {
      this.#targets.set(key, target);
      return undefined;
    }
    return this.#merge(key, present, target);
  }

  delete(target: Target): void {
    this.#targets.delete(hostKey(target.host));
  }

  /** Keeps what both have, in this set's order. */
  intersect(other: TargetSet): Conflict | undefined {
    for (const [key, target] of this.#targets) {
      const match = other.#targets.get(key);
      if (match === undefined) this.#targets.delete(key);
      else {
        const conflict = this.#merge(key, target, match);
        if (conflict) return conflict;
      }
    }
    return undefined;
  }

  /** Keeps what one of them has: this set's first, then the other's. */
  symmetricDifference(other: TargetSet): void {
    for (const [key, target] of other.#targets) {
      if (!this.#targets.delete(key)) this.#targets.set(key, target);
    }
  }

  #merge(key: string, earlier: Target, later: Target): Conflict | undefined {
    if (later.user === undefined && later.port === undefined) return undefined;
    const user = earlier.user ?? later.user;
    const port = earlier.port ?? later.port;
    if ((later.user ?? user) !== user || (later.port ?? port) !== port) return { earlier, later };
    if (user !== earlier.user || port !== earlier.port) {
      this.#targets.set(key, {
        host: earlier.host,
        ...(user === undefined ? {} : { user }),
        ...(port === undefined ? {} : { port }),
      });
    }
    return undefined;
  }
}
