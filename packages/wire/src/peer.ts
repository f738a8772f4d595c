import type { Method, Schema } from './method.js';

export type PeerRole = 'worker' | 'dispatcher';

/** Who the other side is, from its certificate; never its address. */
export interface PeerIdentity {
  role: PeerRole;
  name: string;
}

/** How a call ended. Only bugs throw. */
export type CallOutcome<T> =
  | { kind: 'ok'; value: T }
  /** The peer answered with an error; `code` is stable (`invalid-params`, `unknown-method`, `internal`, or its own). */
  | { kind: 'error'; code: string; message: string }
  /** No answer in time; the peer may still have acted. */
  | { kind: 'timeout' }
  /** The connection ended first, or had ended; the peer may have acted. */
  | { kind: 'closed' }
  /** The answer doesn't fit its schema. */
  | { kind: 'invalid'; message: string };

/** One connected peer: JSON-RPC in text frames both ways, output in binary frames. */
export interface Peer {
  readonly identity: PeerIdentity;
  /** Calls a method; the result is parsed by `result`. Never throws for expected failures. */
  call<T>(
    method: string,
    params: unknown,
    result: Schema<T>,
    options: { timeoutMs: number },
  ): Promise<CallOutcome<T>>;
  /** Sends without waiting for an answer; lost when the connection is. */
  notify(method: string, params: unknown): void;
  sendBinary(bytes: Uint8Array): void;
  /** Bytes handed to the socket and not yet taken by the kernel. */
  readonly bufferedBytes: number;
  /** Resolves once `bufferedBytes` is below the low-water mark, or the peer is gone. */
  drained(): Promise<void>;
  /** Resolves when the connection is over, with the reason. */
  readonly closed: Promise<CloseReason>;
  close(code: number, reason: string): void;
}

/** WebSocket close code (1006: no close frame came) and text for people. */
export interface CloseReason {
  code: number;
  reason: string;
}

/** What a side serves on one connection. */
export interface PeerHandlers {
  methods: Record<string, Method>;
  /** The bytes are a view that is valid for good. */
  binary?(bytes: Uint8Array): void;
  /** A handler threw: a bug to be logged. The caller saw `internal`, without details. */
  failed?(method: string, error: unknown): void;
}
