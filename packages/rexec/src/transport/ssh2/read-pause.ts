/**
 * Back-pressure of one connection. ssh2 promises every channel a window of 2 MiB, whatever its reader does: a thousand
 * hosts that write while nobody takes it would fill gigabytes. So a pause stops reading the socket as well, and the
 * host feels it through TCP.
 *
 * 1. Keepalives are answered on the same socket: it isn't left unread for longer than {@link PauseOptions.socketMs},
 *    after which only the channels stay paused.
 * 2. The socket is read while any open channel wants data.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '@pogo/lifecycle';

export interface PauseOptions {
  readonly socket: Socket;
  readonly clock: Clock;
  /** Longest time without reading the socket. */
  readonly socketMs: number;
}

/** What can be paused: a channel with its two streams. */
export interface Pausable {
  pause(): void;
  resume(): void;
}

export class ReadPause {
  readonly #options: PauseOptions;
  readonly #open = new Set<Pausable>();
  readonly #paused = new Set<Pausable>();
  #timer: Timer | undefined;

  constructor(options: PauseOptions) {
    this.#options = options;
  }

  opened(channel: Pausable): void {
    this.#open.add(channel);
    this.#readSocket();
  }

  closed(channel: Pausable): void {
    this.#open.delete(channel);
    this.#paused.delete(channel);
    this.#readSocket();
  }

  pause(channel: Pausable): void {
    channel.pause();
    if (!this.#open.has(channel)) return;
    this.#paused.add(channel);
    if (this.#paused.size < this.#open.size || this.#timer !== undefined) return;
    const { socket, clock, socketMs } = this.#options;
    socket.pause();
    this.#timer = clock.setTimer(socketMs, () => this.#readSocket());
  }

  resume(channel: Pausable): void {
    this.#paused.delete(channel);
    channel.resume();
    this.#readSocket();
  }

  /** The connection is going: what has come may be read, and nothing is pending. */
  stop(): void {
    this.#open.clear();
    this.#paused.clear();
    this.#readSocket();
  }

  #readSocket(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { socket } = this.#options;
    if (!socket.destroyed && socket.isPaused()) socket.resume();
  }
}
