/**
 * A host: where commands really run. What it says of them is the truth that the checker holds everything against.
 *
 * 1. A stub that was handed over runs its command under the host's lock: it waits for the one before, within a limit.
 * 2. A stub whose connection is gone ends its command, sooner or later, and leaves its outcome behind (E4).
 * 3. A crash of the host ends everything on it, and what was left behind with it. A fence stays.
 */
import type { Timer } from '@pogo/lifecycle';
import type { Trace } from '../trace.js';
import type { VirtualTime } from '../virtual-time.js';

/** One attempt, as the hosts and the checker name it. */
export interface AttemptName {
  job: number;
  host: number;
  attempt: number;
}

export function nameOf({ job, host, attempt }: AttemptName): string {
  return `${job}/${host}/${attempt}`;
}

/** How a command ended on its host. */
export type CommandEnd =
  | { kind: 'exit'; code: number }
  | { kind: 'killed'; by: 'halt' | 'timeout' | 'connection' }
  | { kind: 'host-crash' };

/** Sees what really happens to commands. */
export interface CommandWatcher {
  commandBegan(attempt: AttemptName, on: { host: string; worker: string }): void;
  commandEnded(attempt: AttemptName, end: CommandEnd): void;
}

export interface HandedOver extends AttemptName {
  worker: string;
  /** Its number at the lock; with `fence` no stub with a lower one runs here any more (E3). */
  index: number;
  fence: boolean;
  durationMs: number;
  exitCode: number;
  timeoutMs: number;
  /** The command has begun. */
  began: () => void;
  /** The stub's last word: its command's end, or that it never began and why. */
  over: (end: CommandEnd | { kind: 'busy' | 'halted' | 'fenced' }) => void;
  /** What an earlier attempt of the job had left here. */
  earlier: (attempt: number, end: CommandEnd) => void;
}

interface Stub {
  order: HandedOver;
  isLive: boolean;
  isOver: boolean;
  timers: Timer[];
}

/** What a host says of an attempt when it is asked. */
export type Found = { kind: 'live' } | { kind: 'outcome'; end: CommandEnd } | { kind: 'none' };

const lockWaitMs = 20_000;

export class SimulatedHost {
  readonly name: string;
  readonly #options: {
    time: VirtualTime;
    trace: Trace;
    watchers: readonly CommandWatcher[];
    hasLock: boolean;
  };
  readonly #stubs = new Map<string, Stub>();
  #waiting: Stub[] = [];
  readonly #records = new Map<string, { name: AttemptName; end: CommandEnd }>();
  #fence = -1;
  #onSettled: (() => void)[] = [];

  constructor(
    name: string,
    options: { time: VirtualTime; trace: Trace; watchers: readonly CommandWatcher[]; hasLock: boolean },
  ) {
    this.name = name;
    this.#options = options;
  }

  /** A stub has arrived. */
  run(order: HandedOver): void {
    const stub: Stub = { order, isLive: false, isOver: false, timers: [] };
    this.#stubs.set(nameOf(order), stub);
    if (this.#options.hasLock && this.#isBusy) {
      this.#waiting.push(stub);
      this.#after(stub, lockWaitMs, () => {
        this.#leave(stub);
        stub.order.over({ kind: 'busy' });
      });
    } else {
      this.#begin(stub);
    }
  }

  /** Ends the attempt's command, as a stub does that is told to. */
  kill(attempt: AttemptName, by: 'halt' | 'connection'): void {
    const stub = this.#stubs.get(nameOf(attempt));
    if (stub === undefined || stub.isOver) return;
    if (stub.isLive) return this.#end(stub, { kind: 'killed', by });
    this.#leave(stub);
    if (by === 'halt') stub.order.over({ kind: 'halted' });
  }

  find(attempt: AttemptName): Found {
    const name = nameOf(attempt);
    if (this.#stubs.has(name)) return { kind: 'live' };
    const record = this.#records.get(name);
    return record === undefined ? { kind: 'none' } : { kind: 'outcome', end: record.end };
  }

  /** The outcome of that attempt need not be kept any more (E4). */
  forget(attempt: AttemptName): void {
    this.#records.delete(nameOf(attempt));
  }

  /** Calls back once no stub of that attempt is here any more. */
  whenSettled(attempt: AttemptName, act: () => void): void {
    if (!this.#stubs.has(nameOf(attempt))) act();
    else this.#onSettled.push(() => this.whenSettled(attempt, act));
  }

  /** (3) */
  crash(): void {
    this.#options.trace.add(this.name, 'crashes');
    for (const stub of [...this.#stubs.values()]) {
      if (stub.isLive) this.#finish(stub, { kind: 'host-crash' });
      this.#waiting = [];
      this.#leave(stub);
      stub.order.over({ kind: 'host-crash' });
    }
    this.#records.clear();
  }

  get #isBusy(): boolean {
    for (const stub of this.#stubs.values()) if (stub.isLive) return true;
    return false;
  }

  #begin(stub: Stub): void {
    const { order } = stub;
    const { trace, watchers } = this.#options;
    this.#cancel(stub);
    if (order.index < this.#fence) {
      this.#leave(stub);
      order.over({ kind: 'fenced' });
      return;
    }
    if (order.fence) this.#fence = order.index;
    for (const { name, end } of this.#records.values()) {
      if (name.job === order.job && name.host === order.host) order.earlier(name.attempt, end);
    }
    stub.isLive = true;
    trace.add(this.name, `command of ${nameOf(order)} begins`);
    for (const watcher of watchers) watcher.commandBegan(order, { host: this.name, worker: order.worker });
    order.began();
    const isTooLong = order.durationMs > order.timeoutMs;
    this.#after(stub, Math.min(order.durationMs, order.timeoutMs), () =>
      this.#end(stub, isTooLong ? { kind: 'killed', by: 'timeout' } : { kind: 'exit', code: order.exitCode }),
    );
  }

  #end(stub: Stub, end: CommandEnd): void {
    this.#finish(stub, end);
    const { job, host, attempt } = stub.order;
    this.#records.set(nameOf(stub.order), { name: { job, host, attempt }, end });
    this.#leave(stub);
    stub.order.over(end);
  }

  #finish(stub: Stub, end: CommandEnd): void {
    const { trace, watchers } = this.#options;
    stub.isLive = false;
    trace.add(this.name, `command of ${nameOf(stub.order)} ends: ${JSON.stringify(end)}`);
    for (const watcher of watchers) watcher.commandEnded(stub.order, end);
  }

  /** Nothing of the stub is left here; the next one gets the lock. */
  #leave(stub: Stub): void {
    stub.isOver = true;
    this.#cancel(stub);
    const name = nameOf(stub.order);
    if (this.#stubs.get(name) === stub) this.#stubs.delete(name);
    this.#waiting = this.#waiting.filter((other) => other !== stub);
    const settled = this.#onSettled;
    this.#onSettled = [];
    for (const act of settled) act();
    if (!this.#isBusy) {
      const next = this.#waiting.shift();
      if (next !== undefined) this.#begin(next);
    }
  }

  #after(stub: Stub, delayMs: number, act: () => void): void {
    stub.timers.push(this.#options.time.schedule(delayMs, act));
  }

  #cancel(stub: Stub): void {
    for (const timer of stub.timers.splice(0)) timer.cancel();
  }
}
