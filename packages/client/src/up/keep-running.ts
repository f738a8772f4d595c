/** Keeps one daemon running: one that dies is started again, soon at first and then less often. */
import { backoffDelayMs, type Clock, delay, ServiceState, type Service } from '@pogo/lifecycle';
import type { Daemon, DaemonReady } from './daemon.js';

export interface KeepRunningOptions {
  /** For messages: `dispatcher`. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Starts it; `attempt` counts from 0. */
  spawn(): Daemon;
  /** Each time it serves. */
  onReady(ready: DaemonReady): void;
  say(text: string): void;
}

/** After this long without dying it counts as healthy, and waits begin anew. */
const healthyMs = 30_000;
const backoff = { firstMs: 200, maxMs: 10_000 };
const drainMs = 45_000;

export class KeepRunning implements Service {
  readonly #options: KeepRunningOptions;
  readonly #state = new ServiceState();
  #daemon: Daemon | undefined;
  #loop: Promise<void> = Promise.resolve();
  /** Why the first start failed: the end of its log. */
  failure: string | undefined;

  constructor(options: KeepRunningOptions) {
    this.#options = options;
  }

  /** Resolves once it serves, or when its first start has failed: `failure` then says why, and nothing is tried again. */
  start(): Promise<void> {
    return this.#state.start(async () => {
      const daemon = this.#spawn();
      const ready = await daemon.ready;
      if (ready === undefined) {
        this.failure = daemon.lastLog.trim() || 'it ended without a word';
        return;
      }
      this.#options.onReady(ready);
      this.#loop = this.#keep(daemon);
    });
  }

  stop(): Promise<void> {
    return this.#state.stop(async () => {
      await this.#daemon?.stop(drainMs);
      await this.#loop;
    });
  }

  #spawn(): Daemon {
    this.#daemon = this.#options.spawn();
    return this.#daemon;
  }

  async #keep(first: Daemon): Promise<void> {
    const { name, clock, random, say, onReady } = this.#options;
    let daemon = first;
    let startedMs = clock.monotonicMs();
    for (let attempt = 0; ; attempt++) {
      const { code, signal } = await daemon.ended;
      if (this.#state.stopping) return;
      if (clock.monotonicMs() - startedMs > healthyMs) attempt = 0;
      const waitMs = backoffDelayMs(backoff, attempt, random());
      say(`${name} ended (${signal ?? `exit status ${code}`}); starting it again`);
      await delay(clock, waitMs, this.#state.signal);
      if (this.#state.stopping) return;
      daemon = this.#spawn();
      startedMs = clock.monotonicMs();
      const ready = await daemon.ready;
      if (ready !== undefined) {
        onReady(ready);
        say(`${name} is back`);
      }
    }
  }
}
