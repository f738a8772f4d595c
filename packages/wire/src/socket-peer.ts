/** A {@link Peer} over one open WebSocket. */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '@pogo/lifecycle';
import type { RawData, WebSocket } from 'ws';
import { Heartbeat } from './heartbeat.js';
import { linkLimits } from './limits.js';
import type { Schema } from './method.js';
import type { CallOutcome, CloseReason, Peer, PeerHandlers, PeerIdentity } from './peer.js';
import { RpcSession } from './rpc-session.js';
import { TurnGathering } from './turn-gathering.js';

export class SocketPeer implements Peer {
  readonly identity: PeerIdentity;
  readonly closed: Promise<CloseReason>;
  readonly #socket: WebSocket;
  readonly #heartbeat: Heartbeat;
  readonly #gathering: TurnGathering;
  readonly #maxFrameBytes: number;
  #session: RpcSession | undefined;
  #handlers: PeerHandlers | undefined;
  readonly #clock: Clock;
  #closing: Timer | undefined;
  #waiting: (() => void)[] = [];
  /** What ended the link, where this side knows better than the close frame. */
  #cause: CloseReason | undefined;

  constructor(options: {
    socket: WebSocket;
    /** The connection below the WebSocket. */
    connection: Duplex;
    identity: PeerIdentity;
    clock: Clock;
    maxFrameBytes: number;
  }) {
    this.identity = options.identity;
    this.#socket = options.socket;
    this.#gathering = new TurnGathering(options.connection);
    this.#clock = options.clock;
    this.#maxFrameBytes = options.maxFrameBytes;
    this.#heartbeat = new Heartbeat({
      clock: options.clock,
      ping: () => this.#socket.ping(),
      silent: () => this.#abandon({ code: 1006, reason: `silent for ${linkLimits.silentMs / 1000} s` }),
    });
    this.closed = new Promise((resolve) => {
      this.#socket.on('close', (code, reason) => {
        this.#heartbeat.stop();
        this.#closing?.cancel();
        this.#session?.end();
        this.#wake(true);
        resolve(this.#cause ?? { code, reason: reason.toString() || 'connection lost' });
      });
    });
    // Protocol errors of the frame layer (oversized, malformed): the socket closes itself after this.
    this.#socket.on('error', (error: Error & { code?: string }) => {
      this.#cause ??= { code: closeCode(error.code), reason: error.message };
    });
    this.#socket.on('pong', () => this.#heartbeat.heard());
    this.#socket.on('ping', () => this.#heartbeat.heard());
    this.#socket.on('message', (data: RawData, isBinary: boolean) => this.#receive(data, isBinary));
  }

  /** Begins to serve; called once, in the turn in which the socket opened, so that no frame comes before it. */
  serve(handlers: PeerHandlers): void {
    this.#handlers = handlers;
    this.#session = new RpcSession({
      clock: this.#clock,
      methods: handlers.methods,
      maxFrameBytes: this.#maxFrameBytes,
      send: (text) => this.#send(text, false),
      failed: (name, error) => handlers.failed?.(name, error),
    });
  }

  async call<T>(
    method: string,
    params: unknown,
    result: Schema<T>,
    options: { timeoutMs: number },
  ): Promise<CallOutcome<T>> {
    if (this.#session === undefined) return { kind: 'closed' };
    return this.#session.call(method, params, result, options);
  }

  notify(method: string, params: unknown): void {
    this.#session?.notify(method, params);
  }

  sendBinary(bytes: Uint8Array): void {
    if (bytes.length > this.#maxFrameBytes) {
      throw new RangeError(`a frame of ${bytes.length} bytes; at most ${this.#maxFrameBytes} fit`);
    }
    this.#send(bytes, true);
  }

  get bufferedBytes(): number {
    return this.#socket.readyState === this.#socket.OPEN ? this.#socket.bufferedAmount : 0;
  }

  drained(): Promise<void> {
    if (this.bufferedBytes < linkLimits.lowWaterBytes) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(code: number, reason: string): void {
    if (this.#socket.readyState === this.#socket.CLOSED) return;
    this.#cause ??= { code, reason };
    this.#socket.close(code, cutToBytes(reason, 123));
    this.#closing ??= this.#clock.setTimer(linkLimits.closeMs, () => this.#socket.terminate());
  }

  #abandon(cause: CloseReason): void {
    this.#cause ??= cause;
    this.#socket.terminate();
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#heartbeat.heard();
    const bytes = data as Buffer;
    if (isBinary) this.#handlers?.binary?.(bytes);
    else this.#session?.receive(bytes.toString('utf8'));
  }

  #send(bytes: Uint8Array, binary: boolean): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false;
    this.#gathering.begin();
    this.#socket.send(bytes, { binary }, () => this.#wake(false));
    return true;
  }

  #wake(gone: boolean): void {
    if (this.#waiting.length === 0) return;
    if (!gone && this.bufferedBytes >= linkLimits.lowWaterBytes) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function closeCode(error: string | undefined): number {
  if (error === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return 1009;
  return error?.startsWith('WS_ERR_') ? 1002 : 1006;
}

/** A close frame has room for 123 bytes of reason. */
function cutToBytes(text: string, bytes: number): string {
  let cut = text;
  while (Buffer.byteLength(cut) > bytes) cut = cut.slice(0, -1);
  return cut;
}
