/**
 * One process of the simulated fleet, as far as time and death go.
 *
 * 1. Whatever reaches it (timers, frames, answers of the store) comes through `deliver`: after its crash nothing does,
 *    so its code never runs again, and while it is frozen everything waits, in order.
 * 2. Its wall clock may be wrong and may jump; its monotonic clock is neither.
 */
import type { Clock, Timer } from '@pogo/lifecycle';
import type { VirtualTime } from './virtual-time.js';

export class SimulatedProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly #time: VirtualTime;
  #alive = true;
  #held: (() => void)[] | undefined;
  #wallOffsetMs: number;
  readonly #onExit: (() => void)[] = [];

  constructor(options: { name: string; time: VirtualTime; wallOffsetMs: number }) {
    this.name = options.name;
    this.#time = options.time;
    this.#wallOffsetMs = options.wallOffsetMs;
    const bornMs = options.time.nowMs;
    this.clock = {
      wallMs: () => this.#time.nowMs + this.#wallOffsetMs,
      monotonicMs: () => this.#time.nowMs - bornMs,
      setTimer: (delayMs, callback) => this.#setTimer(delayMs, callback),
    };
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  get isFrozen(): boolean {
    return this.#held !== undefined;
  }

  /** Happens to it now, or when it thaws, or never (1). */
  deliver(act: () => void): void {
    if (!this.#alive) return;
    if (this.#held !== undefined) this.#held.push(act);
    else act();
  }

  /** Ends without a word; what it had sent is on its way. */
  crash(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#held = undefined;
    for (const act of this.#onExit) act();
  }

  /** For its surroundings: connections break when it dies. */
  onExit(act: () => void): void {
    if (this.#alive) this.#onExit.push(act);
    else act();
  }

  /** As SIGSTOP and SIGCONT do. */
  freeze(forMs: number): void {
    if (!this.#alive || this.#held !== undefined) return;
    this.#held = [];
    this.#time.schedule(forMs, () => this.#thaw());
  }

  jumpWallClock(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  #setTimer(delayMs: number, callback: () => void): Timer {
    if (!this.#alive) return { cancel: () => undefined };
    let isCancelled = false;
    const timer = this.#time.schedule(delayMs, () =>
      this.deliver(() => {
        if (!isCancelled) callback();
      }),
    );
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  /** Each held act has a turn of its own, before anything that comes later. */
  #thaw(): void {
    const held = this.#held;
    if (held === undefined) return;
    const next = held.shift();
    if (next === undefined) {
      this.#held = undefined;
      return;
    }
    next();
    if (this.#alive) this.#time.schedule(0, () => this.#thaw());
  }
}
