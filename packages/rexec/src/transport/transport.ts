/**
 * How a host is reached and a command line started on it. One implementation (ssh2) so far; the contract has nothing
 * of it, so that another (the system's `ssh`) can stand beside it.
 *
 * 1. Nothing throws for what a host or a network does: outcomes are unions.
 * 2. No credential leaves before `verifyHostKey` has said yes, on this very connection.
 * 3. `login.next` alone decides what is tried; the transport tries nothing of its own accord.
 */
import type { ReasonCode } from '@pogo/core';
import type { Login } from '../auth/login.js';
import type { KeyAgent } from '../identities/key-agent.js';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

export interface ConnectOptions {
  readonly target: Target;
  /** TCP, over all addresses of the host, name resolution included. */
  readonly connectMs: number;
  /** From the TCP connection to the end of authentication; time spent inside `login.next` doesn't count. */
  readonly handshakeMs: number;
  /** Key types that are known for the host, best first: asked for before all others. */
  readonly knownKeyTypes: readonly string[];
  /** Told the blob of the host's key, also at each new key exchange; false ends the connection. */
  verifyHostKey(key: Buffer): boolean;
  readonly login: Login;
  /** Offered to the host with each command line, to sign and to list only; absent: no agent is forwarded. */
  readonly forwardedAgent?: KeyAgent;
  /** Ends the attempt at once, with failure `aborted`. */
  readonly signal: AbortSignal;
}

/** Why there is no connection. `detail` is text for people, which may quote the host: not escaped yet. */
export type ConnectFailure =
  | { readonly kind: 'unreachable'; readonly reason: ReasonCode; readonly detail: string }
  /** `verifyHostKey` said no. */
  | { readonly kind: 'host-key' }
  /** `login` gave up, or the host hung up while it was trying. */
  | { readonly kind: 'login'; readonly detail?: string }
  /** `login` asked to be called again on a new connection. */
  | { readonly kind: 'come-back' }
  | { readonly kind: 'aborted' };

export type ConnectOutcome =
  | { readonly ok: true; readonly connection: Connection }
  | { readonly ok: false; readonly failure: ConnectFailure };

/** What comes from a running command line. */
export interface ExecHandlers {
  stdout(bytes: Buffer): void;
  stderr(bytes: Buffer): void;
  /** Called once, after all output: the channel is over. */
  closed(end: ChannelEnd): void;
}

export interface ChannelEnd {
  /** Exit status that the host gave for the login shell, if it did. */
  readonly exitCode?: number;
  /** With `SIG`. */
  readonly signal?: string;
  /** The connection is gone, with this detail. Absent when the host closed the channel in an orderly way. */
  readonly lost?: string;
}

export interface ExecChannel {
  /** Queues a few bytes. */
  write(bytes: Uint8Array): void;
  /** For many bytes: resolves once the host's window has taken them; false when the channel is gone. */
  send(bytes: Uint8Array): Promise<boolean>;
  /** Ends this command line's channel alone. */
  close(): void;
  /** Stops reading; the host feels it once its window is used up. */
  pause(): void;
  resume(): void;
}

export type ExecOutcome =
  | { readonly ok: true; readonly channel: ExecChannel }
  | { readonly ok: false; readonly kind: 'refused' | 'lost'; readonly detail: string };

/** An authenticated connection. */
export interface Connection {
  exec(commandLine: string, handlers: ExecHandlers): Promise<ExecOutcome>;
  /** Closes at once; a running command ends through its stub. May be called twice. */
  close(): void;
  /** Resolves once the socket is gone. */
  readonly closed: Promise<void>;
}

export interface Transport {
  connect(options: ConnectOptions): Promise<ConnectOutcome>;
}
