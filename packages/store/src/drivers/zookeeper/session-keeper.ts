/** Keeps a session: when one has ended, a fresh client begins the next. What hung on the earlier one is gone with it. */
import { type Clock, backoffDelayMs, delay } from '@pogo/lifecycle';
import type { StoreSession } from '../../store.js';
import { StoreError } from '../../store-error.js';
import { Session, type SessionOptions } from './session.js';
import { unavailable } from './session-errors.js';

const backoff = { firstMs: 50, maxMs: 2_000 };
/**
 * For one server to begin a session at the first try; twice as long at each further one, up to the session's timeout: with a
 * network that is slower than that no session would last.
 */
const firstPatienceMs = 1_000;
/** How often a waiting call looks whether a server is connected again. */
const reconnectLookMs = 25;

export class SessionKeeper {
  readonly #options: SessionOptions;
  readonly #closer = new AbortController();
  #session: Session | undefined;
  #begun = 0;
  #opening: Promise<void> | undefined;
  /** Sessions that have ended and still say so to the servers. */
  #leaving: Promise<unknown> = Promise.resolve();
  /** Why there is no session; a refusal stays. */
  #failure: StoreError | undefined;

  private constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Rejects when there is no session within the time for one call. */
  static async open(options: SessionOptions): Promise<SessionKeeper> {
    const keeper = new SessionKeeper(options);
    keeper.#opening = keeper.#openNext();
    try {
      await keeper.session(options.clock.monotonicMs() + options.callTimeoutMs);
    } catch (error) {
      await keeper.close();
      throw error;
    }
    return keeper;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  get callTimeoutMs(): number {
    return this.#options.callTimeoutMs;
  }

  /** The timeout of the present session. */
  get sessionTimeoutMs(): number {
    return this.#session?.timeoutMs ?? this.#options.sessionTimeoutMs;
  }

  /** Whether a server is at the other end, and how many sessions there have been. */
  get condition(): StoreSession {
    return { isConnected: this.#session?.connected === true, begun: this.#begun };
  }

  /** A session with a server at the other end; rejects with `store-unavailable` when there is none before `untilMs`. */
  async session(untilMs: number, stops: readonly AbortSignal[] = []): Promise<Session> {
    const { clock, servers } = this.#options;
    for (;;) {
      if (this.#session?.connected) return this.#session;
      if (this.#closer.signal.aborted) throw unavailable(servers, 'it was closed');
      if (stops.some((stop) => stop.aborted)) throw unavailable(servers, 'nobody waits any more');
      if (this.#failure?.code === 'store-refused') throw this.#failure;
      if (clock.monotonicMs() >= untilMs)
        throw this.#failure ?? unavailable(servers, 'no server is connected');
      await delay(clock, reconnectLookMs, this.#closer.signal);
    }
  }

  /**
   * Does what `work` does on one session, again from the start when that fails for lack of a connection: for what may be
   * done twice. Gives up after the time for one call.
   */
  async repeat<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const untilMs = this.clock.monotonicMs() + this.callTimeoutMs;
    for (let failures = 0; ; failures += 1) {
      try {
        return await work(await this.session(untilMs));
      } catch (error) {
        const waitMs = this.backoffMs(failures);
        if (!isUnavailable(error) || this.clock.monotonicMs() + waitMs >= untilMs) throw error;
        await delay(this.clock, waitMs, this.#closer.signal);
      }
    }
  }

  backoffMs(failures: number): number {
    return backoffDelayMs(backoff, failures, this.#options.random());
  }

  async close(): Promise<void> {
    this.#closer.abort();
    await this.#opening;
    await this.#session?.close();
    await this.#leaving;
  }

  #keep(session: Session): void {
    this.#session = session;
    this.#begun += 1;
    this.#failure = undefined;
    session.ended.addEventListener(
      'abort',
      () => {
        this.#leaving = Promise.all([this.#leaving, session.close()]);
        if (!this.#closer.signal.aborted) this.#opening = this.#openNext();
      },
      { once: true },
    );
  }

  async #openNext(): Promise<void> {
    for (let failures = 0; !this.#closer.signal.aborted; failures += 1) {
      try {
        const { sessionTimeoutMs } = this.#options;
        const patienceMs = Math.min(
          firstPatienceMs * 2 ** failures,
          Math.max(firstPatienceMs, sessionTimeoutMs),
        );
        const session = await Session.open(this.#options, patienceMs, this.#closer.signal);
        if (this.#closer.signal.aborted) await session.close();
        else this.#keep(session);
        return;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        this.#failure = error;
      }
      await delay(this.clock, this.backoffMs(failures), this.#closer.signal);
    }
  }
}

export function isUnavailable(error: unknown): error is StoreError {
  return error instanceof StoreError && error.code === 'store-unavailable';
}
