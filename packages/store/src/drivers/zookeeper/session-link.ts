/**
 * What a session hangs on: a connection to one server, and after its loss one to the next, until the session ends.
 *
 * 1. A new connection takes the session over before anything is asked on it: credentials first, then the watches, with what
 *    changed in between. Servers that know less than this client has seen refuse it.
 * 2. A connection on which nothing has come for a part of the session's timeout, although an answer was due, is given up:
 *    the rest of the time is for the next servers.
 * 3. The session has ended when, by this machine's monotonic clock, its timeout has passed since the latest request that was
 *    answered was sent: not later than at the servers, whatever they say and also after a long sleep of this process.
 */
import { type Clock, type Timer, backoffDelayMs, delay } from '@pogo/lifecycle';
import type { Secret } from '@pogo/protocol';
import { StoreError } from '../../store-error.js';
import { refused, unavailable } from './session-errors.js';
import { type Answer, Connection, type DialOutcome, type ServerAddress } from './wire/connection.js';
import { codes } from './wire/codes.js';
import type { SessionIdentity } from './wire/greeting.js';
import { type Request, digestAuth, nodeExists } from './wire/requests.js';
import type { WatchEvent } from './wire/watch-event.js';

export interface SessionLinkOptions {
  /** In the order in which they are tried. */
  addresses: readonly ServerAddress[];
  /** `HOST:PORT,HOST:PORT…`, for errors. */
  servers: string;
  /** Asked for; the servers may grant another. */
  sessionTimeoutMs: number;
  /** Longest wait for one answer. */
  callTimeoutMs: number;
  digest: Secret | undefined;
  clock: Clock;
  random: () => number;
  onEvent: (event: WatchEvent) => void;
  /** What arms all watches anew at another server, seeing from that change on. */
  rearm: (seenZxid: number) => Request<undefined>[];
}

const backoff = { firstMs: 20, maxMs: 250 };
/** Shares of the session's timeout: between heartbeats, of silence on one connection, for one server to take it over. */
const beatShare = 1 / 10;
const silenceShare = 4 / 10;
const redialShare = 1 / 6;

export class SessionLink {
  readonly #options: SessionLinkOptions;
  readonly #end = new AbortController();
  /** Undefined until a server has granted the session. */
  #identity: SessionIdentity | undefined;
  #connection: Connection | undefined;
  /** Of the next server to dial. */
  #turn = 0;
  #seenZxid = 0;
  /** When the latest request was sent that was answered. */
  #heardMs: number;
  #beating = false;
  /** Connections that failed since the latest answer. */
  #failures = 0;
  #silence: Timer | undefined;
  #heartbeat: Timer | undefined;
  #cause: StoreError | string = 'it was closed';
  #working: Promise<unknown> = Promise.resolve();

  private constructor(options: SessionLinkOptions) {
    this.#options = options;
    this.#heardMs = options.clock.monotonicMs();
  }

  /**
   * Begins a session at the first server that answers within `patienceMs`. Rejects with `store-unavailable`, or with
   * `store-refused` for credentials that aren't accepted.
   */
  static async open(
    options: SessionLinkOptions,
    patienceMs: number,
    stop: AbortSignal,
  ): Promise<SessionLink> {
    const link = new SessionLink(options);
    const give = () => link.end('it was closed');
    stop.addEventListener('abort', give);
    try {
      const causes: string[] = [];
      for (let tries = 0; tries < options.addresses.length && !stop.aborted; tries += 1) {
        const outcome = await link.#dial(patienceMs);
        if (outcome.kind === 'connected') {
          await link.#adopt(outcome);
          if (link.#end.signal.aborted) throw link.#lost('beginning');
          return link;
        }
        causes.push(outcome.kind === 'failed' ? outcome.cause : 'it grants no session');
      }
      throw unavailable(options.servers, `no server answers (${causes.join('; ')})`);
    } catch (error) {
      await link.close();
      throw error;
    } finally {
      stop.removeEventListener('abort', give);
    }
  }

  /** Aborts when the session has ended. */
  get ended(): AbortSignal {
    return this.#end.signal;
  }

  /** What was agreed on. */
  get timeoutMs(): number {
    return this.#identity?.timeoutMs ?? this.#options.sessionTimeoutMs;
  }

  get connected(): boolean {
    return this.#connection !== undefined && !this.#isOver();
  }

  /**
   * The servers' yes or no. Rejects with `store-unavailable` when the connection or the session is lost first, or the answer
   * takes too long, which ends the session: no later request may overtake this one.
   */
  async ask<T>(what: string, request: Request<T>): Promise<Exclude<Answer<T>, { kind: 'lost' }>> {
    const { clock, callTimeoutMs, servers } = this.#options;
    if (this.#isOver()) this.#endOfSilence();
    if (this.#end.signal.aborted) throw this.#lost(what);
    if (this.#connection === undefined) throw unavailable(servers, `no server is connected (${what})`);
    const connection = this.#connection;
    const sentMs = clock.monotonicMs();
    const timer = clock.setTimer(callTimeoutMs, () =>
      this.end(`no answer came within ${callTimeoutMs} ms (${what})`),
    );
    const answer = await connection.ask(request);
    timer.cancel();
    if (answer.kind === 'lost') {
      if (this.#end.signal.aborted) throw this.#lost(what);
      throw unavailable(servers, `${answer.cause} (${what})`);
    }
    if (answer.kind === 'refused') {
      if (answer.code === codes.sessionExpired) {
        this.end('the servers have ended it');
        throw this.#lost(what);
      }
      if (answer.code === codes.sessionMoved) {
        connection.destroy('the session has moved to another connection');
        throw unavailable(servers, `the session has moved to another connection (${what})`);
      }
    }
    this.#heardMs = Math.max(this.#heardMs, sentMs);
    this.#failures = 0;
    return answer;
  }

  /** Ends the session here and now; at the servers too, if one can still be told. */
  end(cause: StoreError | string): void {
    if (this.#end.signal.aborted) return;
    this.#cause = cause;
    this.#silence?.cancel();
    this.#heartbeat?.cancel();
    const connection = this.#connection;
    this.#connection = undefined;
    this.#working = Promise.all([this.#working, connection?.close()]);
    this.#end.abort();
  }

  /** Ends it, and resolves when nothing of it is left in this process. */
  async close(): Promise<void> {
    this.end('it was closed');
    await this.#working;
  }

  async #dial(patienceMs: number): Promise<DialOutcome> {
    const { addresses, sessionTimeoutMs, clock, onEvent } = this.#options;
    const server = addresses[this.#turn % addresses.length];
    this.#turn += 1;
    if (server === undefined) return { kind: 'failed', cause: 'there is no server' };
    const sentMs = clock.monotonicMs();
    const outcome = await Connection.dial({
      server,
      greeting: { session: this.#identity, timeoutMs: sessionTimeoutMs, seenZxid: this.#seenZxid },
      patienceMs,
      clock,
      stop: this.#end.signal,
      onEvent,
    });
    if (outcome.kind === 'connected') this.#heardMs = sentMs;
    return outcome;
  }

  /** From now on the session is this connection's (1). */
  async #adopt({ connection, session }: Extract<DialOutcome, { kind: 'connected' }>): Promise<void> {
    if (this.#end.signal.aborted) return connection.close();
    const { digest, servers, rearm } = this.#options;
    this.#identity = session;
    this.#connection = connection;
    void connection.ended.then(() => this.#onLost(connection));
    const authenticated =
      digest === undefined ? undefined : connection.authenticate(digestAuth(digest.reveal().trim()));
    for (const request of rearm(this.#seenZxid)) {
      void connection.rearm(request).then((answer) => {
        if (answer.kind === 'refused') connection.destroy(`it arms no watches (code ${answer.code})`);
      });
    }
    this.#listenForSilence();
    if (this.#heartbeat === undefined) this.#beat();
    if ((await authenticated)?.kind === 'refused') this.end(refused(servers));
  }

  #onLost(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#seenZxid = Math.max(this.#seenZxid, connection.seenZxid);
    this.#connection = undefined;
    this.#working = this.#reattach();
  }

  async #reattach(): Promise<void> {
    const { clock, random } = this.#options;
    while (!this.#end.signal.aborted) {
      if (this.#failures > 0)
        await delay(clock, backoffDelayMs(backoff, this.#failures, random()), this.#end.signal);
      this.#failures += 1;
      const outcome = await this.#dial(this.timeoutMs * redialShare);
      if (outcome.kind === 'connected') return this.#adopt(outcome);
      if (outcome.kind === 'expired') this.end('the servers have ended it');
    }
  }

  /** Asks now and then, so that it is known when the servers last heard of this session, and that they still answer. */
  #beat(): void {
    this.#heartbeat = this.#options.clock.setTimer(this.timeoutMs * beatShare, () => {
      const connection = this.#connection;
      if (connection !== undefined && this.#isSilent(connection)) {
        // Unless it was this process that heard nothing, being busy: then what came meanwhile is read first.
        this.#heartbeat = this.#options.clock.setTimer(0, () => {
          if (this.#isSilent(connection))
            connection.destroy(`the server was silent for ${Math.round(connection.silentForMs())} ms`);
          this.#beat();
        });
        return;
      }
      this.#beat();
      if (connection !== undefined && !this.#beating) void this.#askForLife();
    });
  }

  #isSilent(connection: Connection): boolean {
    return connection.silentForMs() >= this.timeoutMs * silenceShare;
  }

  async #askForLife(): Promise<void> {
    this.#beating = true;
    try {
      await this.ask('heartbeat', nodeExists('/', false));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    } finally {
      this.#beating = false;
    }
  }

  #listenForSilence(): void {
    this.#silence?.cancel();
    const restMs = this.#heardMs + this.timeoutMs - this.#options.clock.monotonicMs();
    if (restMs <= 0) return this.#endOfSilence();
    this.#silence = this.#options.clock.setTimer(restMs, () => this.#listenForSilence());
  }

  #isOver(): boolean {
    return this.#options.clock.monotonicMs() >= this.#heardMs + this.timeoutMs;
  }

  #endOfSilence(): void {
    this.end(`the servers were silent for longer than its timeout of ${this.timeoutMs} ms`);
  }

  #lost(what: string): StoreError {
    if (this.#cause instanceof StoreError) return this.#cause;
    return unavailable(this.#options.servers, `the session has ended, ${this.#cause} (${what})`);
  }
}
