/**
 * One daemon as a child process: started, known to be ready by the line of JSON on its stdout, and ended.
 *
 * 1. Its stdin is a pipe of ours: it closes when we are gone, however that happens.
 * 2. Its log goes to a file, and to `onLog` as well when somebody wants to see it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '@pogo/lifecycle';
import { LogFile } from './log-file.js';

/** What a daemon says once it serves (`daemonReadySchema`). */
export interface DaemonReady {
  /** `https://…` of a dispatcher. */
  readonly api?: string | undefined;
  /** `wss://…` of a dispatcher's listener for workers. */
  readonly workers?: string | undefined;
}

export interface DaemonOptions {
  readonly node: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  readonly clock: Clock;
  onLog(text: string): void;
}

export type DaemonEnd = { readonly code: number | null; readonly signal: string | null };

const lastLogBytes = 4096;

/**
 * Half of the young generation that V8 would allow itself: what daemons make in a flood of output is mostly buffers outside of it,
 * and the dispatcher's peak is 18 MB lower at the same rate.
 */
const nodeFlags = ['--max-semi-space-size=8'];
/**
 * For glibc's malloc. Left to itself it takes large buffers from its arenas once some were freed, where what is freed between two
 * that are still used stays with the process: after a snapshot 40 MB stayed with the dispatcher for half an hour. With a fixed
 * threshold each is a mapping of its own, and gone when it is freed.
 */
const mallocSettings = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '131072' };

export class Daemon {
  /** Undefined when it ended before it was ready. */
  readonly ready: Promise<DaemonReady | undefined>;
  readonly ended: Promise<DaemonEnd>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  #lastLog = '';

  constructor({ node, program, args, environment, logFile, clock, onLog }: DaemonOptions) {
    this.#clock = clock;
    const child = spawn(node, [...nodeFlags, program, ...args], {
      env: { ...mallocSettings, ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A terminal's Ctrl-C is for us: daemons end in order, the worker first.
      detached: true,
    });
    this.#child = child;
    const log = new LogFile(logFile);
    child.stdin.on('error', () => undefined);
    child.stderr.on('data', (chunk: Buffer) => {
      log.write(chunk);
      const text = chunk.toString('utf8');
      this.#lastLog = (this.#lastLog + text).slice(-lastLogBytes);
      onLog(text);
    });
    this.ended = new Promise((resolve) => {
      child.once('error', () => resolve({ code: null, signal: null }));
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    void this.ended.then(() => log.end());
    this.ready = Promise.race([readyLine(child), this.ended.then(() => undefined)]);
  }

  /** The end of what it logged, for saying why it didn't start. */
  get lastLog(): string {
    return this.#lastLog;
  }

  /** Asks it to drain and end; after `patienceMs` it is killed. */
  async stop(patienceMs: number): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = this.#clock.setTimer(patienceMs, () => this.#child.kill('SIGKILL'));
    await this.ended;
    timer.cancel();
  }
}

function readyLine(child: ChildProcess): Promise<DaemonReady | undefined> {
  return new Promise((resolve) => {
    let text = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const ready = parseReady(text.slice(0, end));
        text = text.slice(end + 1);
        if (ready !== undefined) resolve(ready);
      }
    });
  });
}

/** Checked by hand: the supervisor lives as long as its daemons, and the schema library would weigh more than itself. */
function parseReady(line: string): DaemonReady | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (value === null || typeof value !== 'object' || !('ready' in value) || value.ready !== true)
    return undefined;
  const { api, workers } = value as { api?: unknown; workers?: unknown };
  return {
    ...(typeof api === 'string' && { api }),
    ...(typeof workers === 'string' && { workers }),
  };
}
