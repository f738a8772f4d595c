/** Notices that nothing happens in the log although every machine runs, once for each such time. */
import type { SimulatedProcess } from './simulated-process.js';
import type { VirtualTime } from './virtual-time.js';

export interface IdlenessOptions {
  time: VirtualTime;
  machines: readonly { process: SimulatedProcess | undefined }[];
  /** Somebody may be waiting for nothing. */
  check: () => void;
}

/** Longer than it takes to notice a lost connection, to be led again, and than a worker that refused is given nothing. */
const idleMs = 45_000;

export class Idleness {
  readonly #options: IdlenessOptions;
  #batches = -1;
  #sinceMs = 0;
  #isChecked = false;

  constructor(options: IdlenessOptions) {
    this.#options = options;
  }

  /** After each event. `batches`: how many the log has come to. */
  look(batches: number): void {
    const { time, machines, check } = this.#options;
    const isUp = machines.every(({ process }) => process?.isAlive === true && !process.isFrozen);
    if (batches !== this.#batches || !isUp) {
      this.#batches = batches;
      this.#sinceMs = time.nowMs;
      this.#isChecked = false;
    } else if (!this.#isChecked && time.nowMs - this.#sinceMs > idleMs) {
      this.#isChecked = true;
      check();
    }
  }
}
