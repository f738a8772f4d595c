import type { Clock, Timer } from '@pogo/lifecycle';
import { linkLimits } from './limits.js';

/** Pings at a steady rhythm, and tells when nothing at all has come for too long. */
export class Heartbeat {
  readonly #options: { clock: Clock; ping(): void; silent(): void };
  #lastHeardMs: number;
  #timer: Timer;

  constructor(options: { clock: Clock; ping(): void; silent(): void }) {
    this.#options = options;
    this.#lastHeardMs = options.clock.monotonicMs();
    this.#timer = this.#next();
  }

  /** Something came: a pong or any other frame. */
  heard(): void {
    this.#lastHeardMs = this.#options.clock.monotonicMs();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #next(): Timer {
    return this.#options.clock.setTimer(linkLimits.pingEachMs, () => this.#beat());
  }

  #beat(): void {
    if (this.#options.clock.monotonicMs() - this.#lastHeardMs >= linkLimits.silentMs) {
      this.#options.silent();
      return;
    }
    this.#options.ping();
    this.#timer = this.#next();
  }
}
