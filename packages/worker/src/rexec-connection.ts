/**
 * One rexec as the worker sees it where something else starts it, under an account of its own: a connection to a socket, at
 * whose other end a fresh rexec stands (packaging/systemd: `pogo-rexec.socket`). So the worker's account can neither read the
 * sealing key nor become whoever can.
 *
 * 1. The connection is the rexec's pipe: it ends when the connection does, as it ends when a pipe does.
 * 2. `ended` resolves once everything that it had written was delivered, and the process that it has named is gone.
 * 3. Nobody here can kill it: one that doesn't end by itself stays, and so do its attempts, until somebody does.
 */
import { createConnection, type Socket } from 'node:net';
import { type Clock, delay } from '@pogo/lifecycle';
import type { RexecOrder } from '@pogo/protocol';
import { PipeFrames } from '@pogo/wire';
import type { Log } from './log.js';
import { isAlive, type ProcessIdentity, startTimeOf } from './process-identity.js';
import { hearRexec } from './rexec-messages.js';
import type { Rexec, RexecEnd, RexecHandlers } from './rexec-process.js';

const lookEachMs = 20;
/** How long it may take to be gone before that is said. */
const goneLimitMs = 5_000;

export class RexecConnection implements Rexec {
  readonly ended: Promise<RexecEnd>;
  readonly ready: Promise<boolean>;
  readonly #socket: Socket;
  readonly #frames: PipeFrames;
  readonly #clock: Clock;
  readonly #log: Log;
  #identity: ProcessIdentity | undefined;
  #handlers: RexecHandlers | undefined;
  #markReady: (ready: boolean) => void = () => undefined;
  #isReady = false;
  #over = false;

  /** @param options.path of the socket. */
  constructor(options: { path: string; clock: Clock; log: Log }) {
    const { path, clock, log } = options;
    this.#clock = clock;
    this.#log = log;
    this.ready = new Promise((resolve) => (this.#markReady = resolve));
    this.#socket = createConnection({ path });
    let closed: (error?: Error) => void = () => undefined;
    this.ended = new Promise<Error | undefined>((resolve) => (closed = resolve)).then((error) =>
      this.#end(path, error),
    );
    this.#frames = new PipeFrames(this.#socket, {
      json: (value) => this.#receive(value),
      output: (frame) => this.#handlers?.output(frame),
      closed,
    });
  }

  /** Undefined until it is up. */
  get identity(): ProcessIdentity | undefined {
    return this.#identity;
  }

  get pid(): number | undefined {
    return this.#identity?.pid;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get isOver(): boolean {
    return this.#over;
  }

  serve(handlers: RexecHandlers): void {
    this.#handlers = handlers;
  }

  send(order: RexecOrder): void {
    this.#frames.sendJson(order);
  }

  pause(): void {
    this.#frames.pause();
  }

  resume(): void {
    this.#frames.resume();
  }

  /** (1), (3) */
  kill(): void {
    this.resume();
    this.#frames.end();
  }

  #receive(value: unknown): void {
    hearRexec(value, {
      log: this.#log,
      pid: () => this.pid,
      ready: (pid) => {
        const startTime = pid === undefined ? undefined : startTimeOf(pid);
        if (pid !== undefined && startTime !== undefined) this.#identity = { pid, startTime };
        this.#isReady = true;
        this.#markReady(true);
      },
      broken: () => this.#socket.destroy(),
      message: (message) => this.#handlers?.message(message),
    });
  }

  /** (2) */
  async #end(path: string, error: Error | undefined): Promise<RexecEnd> {
    const identity = this.#identity;
    for (let waitedMs = 0; identity !== undefined && isAlive(identity); waitedMs += lookEachMs) {
      if (waitedMs > 0 && waitedMs % goneLimitMs === 0)
        this.#log.error(
          { rexec: identity.pid },
          'a rexec does not end although its connection has: its attempts stay open until somebody kills it',
        );
      await delay(this.#clock, lookEachMs);
    }
    this.#over = true;
    this.#markReady(false);
    if (!this.#isReady)
      return {
        orderly: false,
        description: `could not be started through ${path}: ${error?.message ?? 'the connection was closed'}`,
      };
    return { orderly: error === undefined, description: error?.message ?? 'ended' };
  }
}
