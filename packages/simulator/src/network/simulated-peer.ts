/**
 * One end of a simulated connection: the production RPC session and heartbeat over frames that the simulation carries.
 *
 * 1. Its code runs only as its process does: what arrives goes through the process.
 * 2. `closed` resolves once, when this side knows that the connection is over.
 */
import type { Timer } from '@pogo/lifecycle';
import {
  type CallOutcome,
  type CloseReason,
  Heartbeat,
  linkLimits,
  type Method,
  type Peer,
  type PeerHandlers,
  type PeerIdentity,
  RpcSession,
  type Schema,
} from '@pogo/wire';
import type { SimulatedProcess } from '../simulated-process.js';
import type { Call, CallTampering, CallWatcher } from './call.js';

export type Frame =
  | { kind: 'text'; text: string }
  | { kind: 'binary'; bytes: Uint8Array }
  | { kind: 'ping' | 'pong' }
  | { kind: 'close'; code: number; reason: string }
  /** The other process is gone. */
  | { kind: 'end' };

export interface SimulatedPeerOptions {
  connection: number;
  process: SimulatedProcess;
  /** Who the other side is. */
  identity: PeerIdentity;
  transmit: (frame: Frame) => void;
  /** This side holds the connection for over. */
  over: () => void;
  watchers: readonly CallWatcher[];
  tampering: CallTampering | undefined;
  /** After how long a call of that method comes a second time; undefined: not at all. */
  doubledMs: (method: string) => number | undefined;
}

export class SimulatedPeer implements Peer {
  readonly identity: PeerIdentity;
  readonly closed: Promise<CloseReason>;
  readonly bufferedBytes = 0;
  readonly #options: SimulatedPeerOptions;
  readonly #heartbeat: Heartbeat;
  #session: RpcSession | undefined;
  #handlers: PeerHandlers | undefined;
  #resolveClosed: (reason: CloseReason) => void = () => undefined;
  #cause: CloseReason | undefined;
  #state: 'open' | 'closing' | 'over' = 'open';
  #closing: Timer | undefined;

  constructor(options: SimulatedPeerOptions) {
    this.#options = options;
    this.identity = options.identity;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    this.#heartbeat = new Heartbeat({
      clock: options.process.clock,
      ping: () => options.transmit({ kind: 'ping' }),
      silent: () => this.#end({ code: 1006, reason: 'silent' }),
    });
  }

  serve(handlers: PeerHandlers): void {
    this.#handlers = handlers;
    const methods: Record<string, Method> = {};
    for (const [name, served] of Object.entries(handlers.methods))
      methods[name] = this.#watched(name, served);
    this.#session = new RpcSession({
      clock: this.#options.process.clock,
      methods,
      maxFrameBytes: linkLimits.maxFrameBytes,
      send: (text) => this.#send({ kind: 'text', text: Buffer.from(text).toString('utf8') }),
      failed: (name, error) => handlers.failed?.(name, error),
    });
  }

  async call<T>(
    method: string,
    params: unknown,
    result: Schema<T>,
    options: { timeoutMs: number },
  ): Promise<CallOutcome<T>> {
    if (this.#session === undefined || this.#state !== 'open') return { kind: 'closed' };
    const call = this.#call(method, params, 'sent');
    for (const watcher of this.#options.watchers) watcher.sent?.(call);
    return this.#session.call(method, params, result, options);
  }

  notify(method: string, params: unknown): void {
    this.#session?.notify(method, params);
  }

  sendBinary(bytes: Uint8Array): void {
    this.#send({ kind: 'binary', bytes: bytes.slice() });
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  close(code: number, reason: string): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#cause ??= { code, reason };
    this.#options.transmit({ kind: 'close', code, reason });
    this.#closing = this.#options.process.clock.setTimer(linkLimits.closeMs, () =>
      this.#end({ code: 1006, reason: 'the close was not answered' }),
    );
  }

  /** A call that nobody sent, and whose answer nobody hears. */
  inject(method: string, params: unknown): void {
    const served = this.#handlers?.methods[method];
    if (served === undefined || this.#state !== 'open') return;
    this.#options.process.deliver(() => {
      void Promise.resolve()
        .then(() => served.serve(params))
        .catch(() => undefined);
    });
  }

  /** A frame has arrived; in order, and as the process runs (1). */
  receive(frame: Frame): void {
    if (this.#state === 'over') return;
    this.#heartbeat.heard();
    switch (frame.kind) {
      case 'text':
        return this.#session?.receive(frame.text);
      case 'binary':
        return this.#handlers?.binary?.(frame.bytes);
      case 'ping':
        return this.#options.transmit({ kind: 'pong' });
      case 'pong':
        return;
      case 'close':
        this.#options.transmit({ kind: 'end' });
        return this.#end({ code: frame.code, reason: frame.reason });
      case 'end':
        return this.#end({ code: 1006, reason: 'connection lost' });
    }
  }

  #end(cause: CloseReason): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#heartbeat.stop();
    this.#closing?.cancel();
    this.#session?.end();
    this.#options.over();
    this.#resolveClosed(this.#cause ?? cause);
  }

  #send(frame: Frame): boolean {
    if (this.#state !== 'open') return false;
    this.#options.transmit(frame);
    return true;
  }

  #call(method: string, params: unknown, direction: 'sent' | 'served'): Call {
    const { connection, process } = this.#options;
    const other = this.identity.name;
    return direction === 'sent'
      ? { connection, caller: process.name, callee: other, method, params }
      : { connection, caller: other, callee: process.name, method, params };
  }

  /** The handler, seen by the watchers, and with whatever was planted before it. */
  #watched(name: string, served: Method): Method {
    const { watchers, tampering, process, doubledMs } = this.#options;
    const once = {
      serve: async (params: unknown) => {
        const call = this.#call(name, params, 'served');
        for (const watcher of watchers) watcher.arrived?.(call);
        const serve = async (given: unknown): Promise<unknown> => served.serve(given);
        try {
          const result: unknown = await (tampering === undefined ? serve(params) : tampering(call, serve));
          for (const watcher of watchers) watcher.answered?.(call, { failed: false, result });
          return result;
        } catch (error) {
          for (const watcher of watchers) watcher.answered?.(call, { failed: true, result: error });
          throw error;
        }
      },
    };
    return {
      serve: (params) => {
        const againMs = doubledMs(name);
        if (againMs !== undefined) {
          process.clock.setTimer(againMs, () => {
            if (this.#state === 'open') once.serve(params).catch(() => undefined);
          });
        }
        return once.serve(params);
      },
    };
  }
}
