/**
 * One rexec as the worker sees it: a child process with a framed pipe on its file descriptor 3.
 *
 * 1. It gets no core dump, no environment beyond what is listed, and a session of its own, so that a terminal's Ctrl-C
 *    reaches the worker alone.
 * 2. `ended` resolves once the process is gone *and* everything that it had written was delivered.
 * 3. A message that isn't one ends it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { OutputFrame, RexecMessage, RexecOrder } from '@pogo/protocol';
import { PipeFrames } from '@pogo/wire';
import type { Log } from './log.js';
import { type ProcessIdentity, startTimeOf } from './process-identity.js';
import { hearRexec } from './rexec-messages.js';

/** How to start rexec. */
export interface RexecCommand {
  /** Program and arguments. */
  argv: readonly string[];
  environment: Readonly<Record<string, string>>;
}

export interface RexecHandlers {
  message(message: RexecMessage): void;
  output(frame: OutputFrame): void;
}

/** How it ended, for the log and for what is said of attempts that died with it. */
export interface RexecEnd {
  /** Exited with 0 on its own. */
  orderly: boolean;
  /** `exited with status 3`, `was ended by SIGKILL`, `could not be started: …`. */
  description: string;
}

/** One rexec, whatever carries its orders and messages. */
export type Rexec = Pick<
  RexecProcess,
  | 'identity'
  | 'ended'
  | 'ready'
  | 'pid'
  | 'isReady'
  | 'isOver'
  | 'serve'
  | 'send'
  | 'pause'
  | 'resume'
  | 'kill'
>;

export class RexecProcess {
  readonly ended: Promise<RexecEnd>;
  /** Resolves to whether it came up. */
  readonly ready: Promise<boolean>;
  /** For whoever has to find it again; undefined when it could not be started. */
  readonly identity: ProcessIdentity | undefined;
  readonly #child: ChildProcess;
  readonly #log: Log;
  #frames: PipeFrames | undefined;
  #handlers: RexecHandlers | undefined;
  #markReady: (ready: boolean) => void = () => undefined;
  #isReady = false;
  #over = false;

  constructor(options: { command: RexecCommand; log: Log }) {
    const { command, log } = options;
    this.#log = log;
    this.ready = new Promise((resolve) => {
      this.#markReady = resolve;
    });
    this.#child = spawn('/bin/sh', ['-c', 'ulimit -c 0; exec "$@"', 'sh', ...command.argv], {
      env: command.environment,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const { pid } = this.#child;
    const startTime = pid === undefined ? undefined : startTimeOf(pid);
    this.identity = pid === undefined || startTime === undefined ? undefined : { pid, startTime };
    this.ended = this.#watch();
    if (this.#child.pid === undefined) return;
    this.#frames = new PipeFrames(this.#child.stdio[3] as Duplex, {
      json: (value) => this.#receive(value),
      output: (frame) => this.#handlers?.output(frame),
      closed: (error) => {
        if (error !== undefined && !this.#over)
          log.warn({ rexec: this.pid, error: error.message }, 'rexec pipe broke');
      },
    });
    this.#logStandardError();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** From here on its messages go to one job. */
  serve(handlers: RexecHandlers): void {
    this.#handlers = handlers;
  }

  send(order: RexecOrder): void {
    this.#frames?.sendJson(order);
  }

  /** Stops reading: rexec feels it, and its SSH channels after it. */
  pause(): void {
    this.#frames?.pause();
  }

  resume(): void {
    this.#frames?.resume();
  }

  kill(): void {
    this.resume();
    if (!this.#over) this.#child.kill('SIGKILL');
  }

  #watch(): Promise<RexecEnd> {
    return new Promise((resolve) => {
      const end = (result: RexecEnd) => {
        this.#over = true;
        this.#markReady(false);
        resolve(result);
      };
      this.#child.once('error', (error) => {
        if (this.#child.pid === undefined) {
          end({ orderly: false, description: `could not be started: ${error.message}` });
        }
      });
      this.#child.once('close', (code, signal) => {
        end({
          orderly: code === 0,
          description: signal === null ? `exited with status ${code}` : `was ended by ${signal}`,
        });
      });
    });
  }

  #receive(value: unknown): void {
    hearRexec(value, {
      log: this.#log,
      pid: () => this.pid,
      ready: () => {
        this.#isReady = true;
        this.#markReady(true);
      },
      broken: () => this.#child.kill('SIGKILL'),
      message: (message) => this.#handlers?.message(message),
    });
  }

  /** A crash's last words: at most some lines, each cut. */
  #logStandardError(): void {
    let loggedBytes = 0;
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      if (loggedBytes > 16 * 1024) return;
      loggedBytes += chunk.length;
      this.#log.warn(
        { rexec: this.pid, text: chunk.toString('utf8').slice(0, 4096) },
        'rexec wrote on stderr',
      );
    });
  }
}
