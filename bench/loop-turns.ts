import { setImmediate as nextTurn } from 'node:timers/promises';
import { cpuMs } from './cpu-time.js';

/** Watches how much is done between two turns of the event loop, in CPU time: what else the machine does has no part in it. */
export class LoopTurns {
  #longestMs = 0;
  #isOver = false;
  readonly #watching = this.#watch();

  async stop(): Promise<number> {
    this.#isOver = true;
    await this.#watching;
    return this.#longestMs;
  }

  async #watch(): Promise<void> {
    for (let lastMs = cpuMs(); !this.#isOver;) {
      await nextTurn();
      const nowMs = cpuMs();
      this.#longestMs = Math.max(this.#longestMs, nowMs - lastMs);
      lastMs = nowMs;
    }
  }
}
