/**
 * Virtual time and the queue of everything that is going to happen.
 *
 * 1. Events happen in the order of their time, ties in the order in which they were scheduled.
 * 2. Between two events every promise that can settle has settled: an event is one turn of the real event loop, and
 *    nothing in a simulation waits for anything real. So the interleaving of promises follows from the events alone.
 */
import type { Timer } from '@pogo/lifecycle';

interface Event {
  atMs: number;
  sequence: number;
  act: (() => void) | undefined;
}

export class VirtualTime {
  #nowMs = 0;
  #sequence = 0;
  #happened = 0;
  readonly #queue: Event[] = [];

  /** Milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have happened. */
  get happened(): number {
    return this.#happened;
  }

  schedule(delayMs: number, act: () => void): Timer {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, act };
    this.#push(event);
    return {
      cancel: () => {
        event.act = undefined;
      },
    };
  }

  /** Lets time pass until `isOver` says so after an event, nothing is left to happen, or `limitMs` is reached. */
  run(limitMs: number, isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = () => {
        try {
          if (isOver() || !this.#happen(limitMs)) return resolve();
        } catch (error) {
          return reject(error instanceof Error ? error : new Error(String(error)));
        }
        setImmediate(step);
      };
      setImmediate(step);
    });
  }

  /** The next event; false when none is left before the limit. */
  #happen(limitMs: number): boolean {
    for (let event = this.#queue[0]; event !== undefined; event = this.#queue[0]) {
      if (event.act !== undefined && event.atMs > limitMs) break;
      this.#pop();
      const { act } = event;
      if (act === undefined) continue;
      this.#nowMs = event.atMs;
      this.#happened++;
      act();
      return true;
    }
    this.#nowMs = Math.max(this.#nowMs, limitMs);
    return false;
  }

  #push(event: Event): void {
    const queue = this.#queue;
    let at = queue.length;
    queue.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isEarlier(event, queue[above]!)) break;
      queue[at] = queue[above]!;
      at = above;
    }
    queue[at] = event;
  }

  #pop(): void {
    const queue = this.#queue;
    const last = queue.pop()!;
    if (queue.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= queue.length) break;
      if (below + 1 < queue.length && isEarlier(queue[below + 1]!, queue[below]!)) below++;
      if (!isEarlier(queue[below]!, last)) break;
      queue[at] = queue[below]!;
      at = below;
    }
    queue[at] = last;
  }
}

function isEarlier(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.sequence < other.sequence);
}
