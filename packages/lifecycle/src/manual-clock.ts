import type { Clock, Timer } from './clock.js';

interface Entry {
  dueMs: number;
  sequence: number;
  callback: () => void;
}

/** A clock that moves only when told to: timers fire in order of their due time, ties in order of creation. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #sequence = 0;
  readonly #timers = new Set<Entry>();
  readonly #wallOffsetMs: number;

  constructor(options: { wallStartMs?: number } = {}) {
    this.#wallOffsetMs = options.wallStartMs ?? 0;
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  /** Timers that have neither fired nor been cancelled; tests fail on leftovers. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const entry = { dueMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, callback };
    this.#timers.add(entry);
    return { cancel: () => void this.#timers.delete(entry) };
  }

  /** Moves time forward by `ms`, firing what falls due on the way, timers set by other timers included. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let next = this.#nextDue(untilMs); next !== undefined; next = this.#nextDue(untilMs)) {
      this.#timers.delete(next);
      this.#nowMs = next.dueMs;
      next.callback();
    }
    this.#nowMs = untilMs;
  }

  #nextDue(untilMs: number): Entry | undefined {
    let best: Entry | undefined;
    for (const entry of this.#timers) {
      if (entry.dueMs > untilMs) continue;
      if (
        best === undefined ||
        entry.dueMs < best.dueMs ||
        (entry.dueMs === best.dueMs && entry.sequence < best.sequence)
      ) {
        best = entry;
      }
    }
    return best;
  }
}
