/**
 * One leader's time in office: the serial cycle that turns commands into entries (decide → append → act).
 *
 * 1. One cycle at a time. It takes every command that gathered while the last append was in flight (L8), decides each
 *    against the state, folds the decisions and what the planner adds, and appends.
 * 2. Nobody acts and nobody is answered before the append succeeded (L7): observers, answers and readers come after it.
 * 3. While an append is in flight the state is ahead of the log: readers wait until both are one again.
 * 4. Anything but `ok` ends the reign: conflict, pruned, a store that stays away, a lost lease. Nothing is tried at
 *    another index (L3), and the state is dropped.
 */
import {
  type ClusterState,
  type FoldedBatch,
  type LogEntry,
  nextDeadlineMs,
  plan,
  type WorkerCapacity,
} from '@pogo/core';
import { backoffDelayMs, type Clock, delay, type Timer } from '@pogo/lifecycle';
import { encodeLogBatch } from '@pogo/protocol';
import { type AppendOutcome, type Batch, type Log, StoreError } from '@pogo/store';
import type { WorkerLoad } from '../workers/shared-capacity.js';
import { BatchBuilder, type PendingBatch } from './batch-builder.js';
import { LogClock } from './log-clock.js';

export interface Decision<T> {
  entries: readonly LogEntry[];
  answer: T;
}

/** `lost`: leadership ended first; whether the decision is in the log is then unknown. */
export type CommandOutcome<T> = { kind: 'ok'; answer: T } | { kind: 'lost' };

export interface ReignEnd {
  kind: 'conflict' | 'pruned' | 'store-unavailable' | 'lease-lost' | 'failed' | 'stopped';
  detail: string;
}

export interface ReignOptions {
  log: Log;
  /** Folded up to the end of the log; the reign owns it from here on. */
  state: ClusterState;
  clock: Clock;
  random: () => number;
  uniqueId: () => string;
  /** Writer name in the log. */
  name: string;
  /** Workers that can take orders now. */
  workers: () => readonly WorkerCapacity[];
  /** Decisions that are due before the planner's, besides commands: credentials that nobody holds any more. */
  due: (state: ClusterState) => readonly LogEntry[];
  /** Jobs that may start nothing just now, for a reason outside of the log. */
  paused: (state: ClusterState) => ReadonlySet<number>;
  /** Called for each batch once it is durable, in order, before anyone is answered. */
  appended: (batch: FoldedBatch, state: ClusterState) => void;
  /** Time that one append took, in milliseconds. */
  measured: (appendMs: number, entries: number) => void;
}

interface Command {
  /** Returns what to do once its decision is durable. */
  decide: (state: ClusterState, nowMs: number) => { entries: readonly LogEntry[]; settle: () => void };
  /** With an error when deciding itself failed: a bug. */
  drop: (error?: unknown) => void;
}

const doubtBackoff = { firstMs: 50, maxMs: 2000 };
const doubtTries = 8;

export class Reign {
  readonly #options: ReignOptions;
  readonly #state: ClusterState;
  readonly #now: LogClock;
  readonly #aborter = new AbortController();
  #commands: Command[] = [];
  #readers: { read: () => void; drop: () => void }[] = [];
  #ahead = false;
  #ended: ReignEnd | undefined;
  #wake: (() => void) | undefined;
  #awake = false;
  #deadline: Timer | undefined;
  #batchNumber = 0;
  readonly #batchPrefix: string;

  constructor(options: ReignOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#now = new LogClock(options.clock, options.state.atMs);
    this.#batchPrefix = options.uniqueId();
  }

  /** Log index of the entry by which this reign took the leadership, or last took it anew (L4). */
  get term(): number {
    return this.#state.term;
  }

  /** Why it is over; undefined while it isn't. */
  get ended(): ReignEnd | undefined {
    return this.#ended;
  }

  /** Log time in milliseconds (T1). */
  nowMs(): number {
    return this.#now.nowMs();
  }

  /** Takes part in the next cycle; resolves once what was decided is durable. Rejects only when `decide` throws. */
  command<T>(decide: (state: ClusterState, nowMs: number) => Decision<T>): Promise<CommandOutcome<T>> {
    if (this.#ended) return Promise.resolve({ kind: 'lost' });
    return new Promise((resolve, reject) => {
      this.#commands.push({
        decide: (state, nowMs) => {
          const { entries, answer } = decide(state, nowMs);
          return { entries, settle: () => resolve({ kind: 'ok', answer }) };
        },
        drop: (error) => (error === undefined ? resolve({ kind: 'lost' }) : reject(asError(error))),
      });
      this.wake();
    });
  }

  /** Reads the state where it is what the log holds (3). `read` must not keep what it is given. */
  read<T>(read: (state: ClusterState) => T): Promise<CommandOutcome<T>> {
    if (this.#ended) return Promise.resolve({ kind: 'lost' });
    if (!this.#ahead) return Promise.resolve({ kind: 'ok', answer: read(this.#state) });
    return new Promise((resolve, reject) => {
      this.#readers.push({
        read: () => {
          try {
            resolve({ kind: 'ok', answer: read(this.#state) });
          } catch (error) {
            reject(asError(error));
          }
        },
        drop: () => resolve({ kind: 'lost' }),
      });
    });
  }

  /** What is assigned to workers, that included which is decided and on its way to the log. */
  get load(): WorkerLoad {
    return { assignedTo: this.#state.assignedTo, openJobs: this.#state.open.size };
  }

  /** Reads the state where it is, ahead of the log or not: for what is only counted. `read` must not keep what it is given. */
  glance<T>(read: (state: ClusterState) => T): T {
    return read(this.#state);
  }

  /** Something outside of the log has changed that the planner looks at: a worker came, or has room again. */
  wake(): void {
    this.#awake = true;
    this.#wake?.();
  }

  /** Ends the reign from outside; `run` returns once the append in flight, if any, is over. */
  end(end: ReignEnd): void {
    this.#ended ??= end;
    this.#aborter.abort();
    this.wake();
  }

  /** Runs cycles until the reign ends; the first takes the leadership itself (L4). */
  async run(): Promise<ReignEnd> {
    try {
      await this.#cycle([{ type: 'leadership-taken', dispatcher: this.#options.name }]);
      while (!this.#ended) {
        await this.#work();
        if (!this.#ended) await this.#cycle([]);
      }
    } catch (error) {
      // The state may be half-folded: it must not serve anyone any more.
      this.end({ kind: 'failed', detail: asError(error).stack ?? String(error) });
    } finally {
      this.#deadline?.cancel();
      const dropped = [...this.#commands, ...this.#readers];
      this.#commands = [];
      this.#readers = [];
      for (const { drop } of dropped) drop();
    }
    return this.#ended!;
  }

  /** Waits until there is something to decide. */
  async #work(): Promise<void> {
    if (!this.#awake) {
      this.#setDeadline();
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
    this.#awake = false;
  }

  #setDeadline(): void {
    this.#deadline?.cancel();
    const due = nextDeadlineMs(this.#state);
    if (due === undefined) return;
    // Longer timers overflow in Node; waking up earlier costs one empty cycle.
    const waitMs = Math.min(Math.max(0, due - this.#now.nowMs()), 0x7fffffff);
    this.#deadline = this.#options.clock.setTimer(waitMs, () => this.wake());
  }

  async #cycle(first: readonly LogEntry[]): Promise<void> {
    const nowMs = this.#now.nowMs();
    const commands = this.#commands;
    this.#commands = [];
    const builder = new BatchBuilder(this.#state, nowMs);
    builder.add(first);
    const settles: (() => void)[] = [];
    const drops: Command['drop'][] = [];
    for (const command of commands) {
      let decided;
      try {
        decided = command.decide(this.#state, nowMs);
      } catch (error) {
        command.drop(error);
        continue;
      }
      settles.push(decided.settle);
      drops.push(command.drop);
      builder.add(decided.entries);
    }
    const { due, workers, paused } = this.#options;
    builder.add(due(this.#state));
    // What ends makes room for others, or ends them as well: nobody else would have the planner look again.
    for (let isSettled = false; !isSettled;) {
      const planned = plan(this.#state, { nowMs, workers: workers(), paused: paused(this.#state) });
      builder.add(planned);
      isSettled = !planned.some(({ type }) => type === 'job-ended' || type === 'hosts-halted');
    }

    this.#ahead = builder.batches.length > 0;
    for (const batch of builder.batches) {
      const end = await this.#append(batch);
      if (end) {
        this.end(end);
        for (const drop of drops) drop();
        return;
      }
    }
    this.#ahead = false;
    for (const batch of builder.batches) this.#options.appended(batch, this.#state);
    for (const settle of settles) settle();
    const readers = this.#readers;
    this.#readers = [];
    for (const { read } of readers) read();
  }

  /** Appends until it is certain how that ended (L3); undefined is success. */
  async #append(pending: PendingBatch): Promise<ReignEnd | undefined> {
    const batch: Batch = {
      writer: this.#options.name,
      id: `${this.#batchPrefix}-${this.#batchNumber++}`,
      body: encodeLogBatch(pending),
    };
    const startedMs = this.#options.clock.monotonicMs();
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#tryAppend(pending.index, batch);
      switch (outcome.kind) {
        case 'ok':
          this.#options.measured(this.#options.clock.monotonicMs() - startedMs, pending.entries.length);
          return undefined;
        case 'conflict':
          return { kind: 'conflict', detail: `index ${pending.index} is ${outcome.found.writer}'s` };
        case 'pruned':
          return { kind: 'pruned', detail: `index ${pending.index} is below the floor ${outcome.floor}` };
        case 'gap':
        case 'too-large':
          return { kind: 'failed', detail: `append at ${pending.index}: ${outcome.kind}` };
        case 'doubt':
          if (attempt >= doubtTries || this.#ended || outcome.error.code === 'store-closed') {
            return { kind: 'store-unavailable', detail: outcome.error.message };
          }
          await delay(
            this.#options.clock,
            backoffDelayMs(doubtBackoff, attempt, this.#options.random()),
            this.#aborter.signal,
          );
      }
    }
  }

  async #tryAppend(index: number, batch: Batch): Promise<AppendOutcome> {
    try {
      return await this.#options.log.append(index, batch);
    } catch (error) {
      if (error instanceof StoreError) return { kind: 'doubt', error };
      throw error;
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
