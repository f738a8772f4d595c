/**
 * Keeps one clean rexec started, so that a job needn't wait for a process to come up.
 *
 * 1. A process serves one job and is never given out twice.
 * 2. The next spare is started when a job has ended, or a while after one began: starting costs a fifth of a second of
 *    CPU, which the job that has just begun needs more.
 * 3. A spare that dies is replaced, later each time.
 */
import { backoffDelayMs, type Clock, type Service, ServiceState, type Timer } from '@pogo/lifecycle';
import type { Log } from './log.js';
import { type Rexec, type RexecCommand, RexecProcess } from './rexec-process.js';

/** How long after a job took the spare the next is started, if the job hasn't ended by then (2). */
const spareDelayMs = 2_000;
/** After a job's end: whoever waited for the job is still busy with its result. */
const restMs = 150;
const backoff = { firstMs: 500, maxMs: 30_000 } as const;

export interface RexecPoolOptions {
  command: RexecCommand;
  /** Starts one; a child process unless told otherwise. */
  startRexec?: (() => Rexec) | undefined;
  clock: Clock;
  random: () => number;
  log: Log;
}

export class RexecPool implements Service {
  readonly #options: RexecPoolOptions;
  readonly #state = new ServiceState();
  readonly #taken = new Set<Rexec>();
  #spare: Rexec | undefined;
  #timer: Timer | undefined;
  #failures = 0;

  constructor(options: RexecPoolOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    return this.#state.start(async () => this.#startSpare());
  }

  /** Ends every process of the pool. */
  stop(): Promise<void> {
    return this.#state.stop(async () => {
      this.#timer?.cancel();
      const all = [...this.#taken, ...(this.#spare === undefined ? [] : [this.#spare])];
      for (const rexec of all) rexec.kill();
      await Promise.all(all.map((rexec) => rexec.ended));
    });
  }

  /** The spare, or a fresh one that is still starting; orders may be sent to it at once. */
  take(): Rexec {
    const rexec = this.#spare ?? this.#spawn();
    this.#spare = undefined;
    this.#taken.add(rexec);
    void rexec.ended.then(() => {
      this.#taken.delete(rexec);
      if (!rexec.isReady) this.#failures++;
      this.#startSpareIn(
        rexec.isReady ? restMs : backoffDelayMs(backoff, this.#failures, this.#options.random()),
      );
    });
    this.#startSpareIn(spareDelayMs);
    return rexec;
  }

  /** What {@link take} would give is up already. */
  get hasReadySpare(): boolean {
    return this.#spare?.isReady === true;
  }

  #spawn(): Rexec {
    const { command, log, startRexec } = this.#options;
    return startRexec?.() ?? new RexecProcess({ command, log });
  }

  #startSpareIn(waitMs: number): void {
    if (this.#state.stopping || this.#spare !== undefined) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(waitMs, () => this.#startSpare());
  }

  #startSpare(): void {
    if (this.#state.stopping || this.#spare !== undefined) return;
    const { clock, random, log } = this.#options;
    const spare = this.#spawn();
    this.#spare = spare;
    const startedMs = clock.monotonicMs();
    void spare.ready.then((ready) => {
      if (!ready) return;
      this.#failures = 0;
      log.debug(
        { rexec: spare.pid, startMs: Math.round(clock.monotonicMs() - startedMs) },
        'spare rexec is up',
      );
    });
    void spare.ended.then((end) => {
      if (this.#spare !== spare || this.#state.stopping) return;
      this.#spare = undefined;
      const waitMs = backoffDelayMs(backoff, this.#failures++, random());
      log.warn(
        { rexec: spare.pid, end: end.description, waitMs },
        'the spare rexec ended and will be replaced',
      );
      this.#startSpareIn(waitMs);
    });
  }
}
