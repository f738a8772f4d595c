/**
 * Anything that is started and stopped. The contract:
 * 1. `start` may be called again while starting or started: the same start is awaited.
 * 2. `stop` may be called at any time, also twice and before `start`; it resolves once nothing of the service runs
 *    any more: no timer, socket or child.
 * 3. A stopped service isn't started again: make a new one.
 */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** The bookkeeping of the contract above, for services to hold: `run` once, `end` once, whatever the callers do. */
export class ServiceState {
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  readonly #aborter = new AbortController();

  /** Aborts when `stop` is first called. */
  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  get stopping(): boolean {
    return this.#aborter.signal.aborted;
  }

  start(run: () => Promise<void>): Promise<void> {
    if (this.#stopping) return Promise.reject(new Error('a stopped service cannot be started again'));
    this.#starting ??= run();
    return this.#starting;
  }

  stop(end: () => Promise<void>): Promise<void> {
    this.#stopping ??= this.#end(end);
    return this.#stopping;
  }

  async #end(end: () => Promise<void>): Promise<void> {
    this.#aborter.abort();
    await this.#starting?.catch(() => undefined);
    await end();
  }
}
