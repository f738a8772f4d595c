/**
 * One TCP connection to one server, from the greeting to its end; there is no way back from the end.
 *
 * 1. Every request is answered, in the order in which they were made: by the server, or as `lost` when the connection ends
 *    first. What was asked for may then have been done.
 * 2. Whatever the server sends that can't be understood, or comes out of order, ends the connection, and nothing else.
 * 3. After the end nothing is told any more, and no socket and no timer is left.
 */
import { type Socket, connect } from 'node:net';
import type { Clock } from '@pogo/lifecycle';
import { codes } from './codes.js';
import { FrameSplitter } from './frame-splitter.js';
import { type Greeting, type SessionIdentity, readWelcome, writeGreeting } from './greeting.js';
import { JuteReader, MalformedMessage } from './jute-reader.js';
import { JuteWriter } from './jute-writer.js';
import { type Request, closeSession } from './requests.js';
import { type WatchEvent, readWatchEvent } from './watch-event.js';

export interface ServerAddress {
  host: string;
  port: number;
}

export type Answer<T> =
  | { kind: 'ok'; value: T }
  /** The server says no, with its code. */
  | { kind: 'refused'; code: number }
  | { kind: 'lost'; cause: string };

export interface ConnectionOptions {
  server: ServerAddress;
  greeting: Greeting;
  /** Longest wait until the server has answered the greeting. */
  patienceMs: number;
  clock: Clock;
  /** Gives up the dialling; has no meaning afterwards. */
  stop: AbortSignal;
  onEvent: (event: WatchEvent) => void;
}

export type DialOutcome =
  | { kind: 'connected'; connection: Connection; session: SessionIdentity }
  /** The session that was to go on has ended. */
  | { kind: 'expired' }
  | { kind: 'failed'; cause: string };

/** Numbers of messages that don't count with the others. */
const notification = -1;
const authentication = -4;
const watches = -8;
const largestNumber = 2 ** 31 - 1;
/** The connection goes with the session; the server needs to hear of it only so that the nodes go at once. */
const farewellMs = 1_000;

interface Pending {
  number: number;
  sentMs: number;
  answer: (code: number, reader: JuteReader) => void;
  lose: (cause: string) => void;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #splitter = new FrameSplitter();
  /** In the order in which they were sent, which is that of their answers. */
  #pending: Pending[] = [];
  readonly #socketClosed: Promise<void>;
  /** Resolves when it has ended, to the cause. */
  readonly ended: Promise<string>;
  #tellEnd: (cause: string) => void = () => undefined;
  #welcome: ((outcome: DialOutcome) => void) | undefined;
  #latestNumber = 0;
  #seenZxid: number;
  #heardMs: number;
  #end: string | undefined;

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#seenZxid = options.greeting.seenZxid;
    this.#heardMs = options.clock.monotonicMs();
    this.#socket = connect({ ...options.server, noDelay: true });
    this.ended = new Promise((resolve) => (this.#tellEnd = resolve));
    this.#socketClosed = new Promise((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.on('connect', () => this.#socket.write(writeGreeting(options.greeting)));
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    // One of several addresses that all refuse has no message of its own.
    this.#socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#finish(error.message || (error.code ?? 'the connection failed')),
    );
    this.#socket.on('close', () => this.#finish('the connection was closed'));
  }

  static dial(options: ConnectionOptions): Promise<DialOutcome> {
    const { clock, patienceMs, stop } = options;
    return new Promise((resolve) => {
      if (stop.aborted) return resolve({ kind: 'failed', cause: 'nobody waits any more' });
      const connection = new Connection(options);
      const give = () => connection.destroy('nobody waits any more');
      const timer = clock.setTimer(patienceMs, () =>
        connection.destroy(`no answer came within ${Math.round(patienceMs)} ms`),
      );
      stop.addEventListener('abort', give);
      connection.#welcome = (outcome) => {
        connection.#welcome = undefined;
        timer.cancel();
        stop.removeEventListener('abort', give);
        resolve(outcome);
      };
    });
  }

  /** The latest change of which this server has told. */
  get seenZxid(): number {
    return this.#seenZxid;
  }

  /** For how long nothing has come although an answer is due. */
  silentForMs(): number {
    const [oldest] = this.#pending;
    if (oldest === undefined) return 0;
    return this.#options.clock.monotonicMs() - Math.max(this.#heardMs, oldest.sentMs);
  }

  ask<T>(request: Request<T>): Promise<Answer<T>> {
    this.#latestNumber = this.#latestNumber === largestNumber ? 1 : this.#latestNumber + 1;
    return this.#send(this.#latestNumber, request);
  }

  /** Counts for what is asked afterwards, on this connection. */
  authenticate(request: Request<undefined>): Promise<Answer<undefined>> {
    return this.#send(authentication, request);
  }

  /** The answer says only that the watches stand; changes that were missed come before it. */
  rearm(request: Request<undefined>): Promise<Answer<undefined>> {
    return this.#send(watches, request);
  }

  /** Ends the session at the server, if that can still be told, and the connection; nothing is answered any more. */
  async close(): Promise<void> {
    if (this.#end === undefined) {
      for (const pending of this.#pending) {
        pending.lose('it was closed');
        pending.answer = () => undefined;
      }
      const timer = this.#options.clock.setTimer(farewellMs, () => this.destroy('it was closed'));
      await this.ask(closeSession());
      timer.cancel();
      this.destroy('it was closed');
    }
    await this.#socketClosed;
  }

  /** Ends it at once; the session may go on elsewhere. */
  destroy(cause: string): void {
    this.#finish(cause);
  }

  #send<T>(number: number, request: Request<T>): Promise<Answer<T>> {
    if (this.#end !== undefined) return Promise.resolve({ kind: 'lost', cause: this.#end });
    const writer = new JuteWriter().int(number).int(request.operation);
    request.write(writer);
    this.#socket.write(writer.frame());
    return new Promise((resolve) => {
      this.#pending.push({
        number,
        sentMs: this.#options.clock.monotonicMs(),
        answer: (code, reader) =>
          resolve(
            code === codes.ok ? { kind: 'ok', value: request.read(reader) } : { kind: 'refused', code },
          ),
        lose: (cause) => resolve({ kind: 'lost', cause }),
      });
    });
  }

  #onData(chunk: Buffer): void {
    this.#heardMs = this.#options.clock.monotonicMs();
    try {
      for (const message of this.#splitter.push(chunk)) {
        if (this.#end !== undefined) return;
        this.#onMessage(new JuteReader(message));
      }
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.#finish(`it sent what is no message of ZooKeeper: ${error.message}`);
    }
  }

  #onMessage(reader: JuteReader): void {
    if (this.#welcome !== undefined) {
      const session = readWelcome(reader);
      if (session !== undefined) return this.#welcome({ kind: 'connected', connection: this, session });
      this.#welcome({ kind: 'expired' });
      return this.#finish('the session has ended');
    }
    const number = reader.int();
    const zxid = reader.zxid();
    const code = reader.int();
    if (zxid > 0) this.#seenZxid = zxid;
    if (number === notification) {
      const event = readWatchEvent(reader);
      if (event !== undefined) this.#options.onEvent(event);
      return;
    }
    const [due] = this.#pending;
    if (due?.number !== number)
      throw new MalformedMessage(`answer ${number} where ${due?.number ?? 'none'} is due`);
    due.answer(code, reader);
    this.#pending.shift();
  }

  #finish(cause: string): void {
    if (this.#end !== undefined) return;
    this.#end = cause;
    this.#socket.destroy();
    for (const { lose } of this.#pending) lose(cause);
    this.#pending = [];
    this.#welcome?.({ kind: 'failed', cause });
    this.#tellEnd(cause);
  }
}
