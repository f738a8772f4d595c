/**
 * One direction of the pipe between a simulated worker and its rexec.
 *
 * 1. It delivers in order, and delivers what was written before its writer's end.
 */
import type { Random } from '../random.js';
import type { SimulatedProcess } from '../simulated-process.js';
import type { VirtualTime } from '../virtual-time.js';

export class SimulatedPipe {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #reader: SimulatedProcess;
  /** When what was written last arrives. */
  #lastMs = 0;

  constructor({ time, random, reader }: { time: VirtualTime; random: Random; reader: SimulatedProcess }) {
    this.#time = time;
    this.#random = random;
    this.#reader = reader;
  }

  /** `read` is what the reader does when it comes to this. */
  write(read: () => void): void {
    const delayMs = this.#random.chance(0.03) ? this.#random.spread(5, 1000) : this.#random.spread(0.05, 2);
    this.#lastMs = Math.max(this.#lastMs, this.#time.nowMs + delayMs);
    this.#time.schedule(this.#lastMs - this.#time.nowMs, () => this.#reader.deliver(read));
  }
}
