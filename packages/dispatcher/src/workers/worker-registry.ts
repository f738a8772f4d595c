/**
 * Who the workers are, connected or not long gone: one record per name.
 *
 * 1. A name has one session at most: a newer connection of the same name replaces the older.
 * 2. A worker that refuses work is given none for a while, so that the same host doesn't go to and fro.
 */
import type { WorkerCapacity } from '@pogo/core';
import { backoffDelayMs, type Clock, type Timer } from '@pogo/lifecycle';
import type { HelloParams, Recipient } from '@pogo/protocol';
import type { Incarnation, WorkerSession } from './worker-session.js';

export interface WorkerRecord {
  readonly name: string;
  version: string;
  capacity: number;
  /** Pools whose hosts it reaches. */
  pools: readonly string[];
  recipient: Recipient;
  /** Id of its durable journal. */
  journal: string;
  incarnation: Incarnation;
  session: WorkerSession | undefined;
  refusals: number;
  /** Until then it gets nothing new. */
  pause: Timer | undefined;
}

/** The longest pause is this many times the first. */
const maxPauseFactor = 30;

export class WorkerRegistry {
  readonly #records = new Map<string, WorkerRecord>();
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #refusalPauseMs: number;
  readonly #changed: () => void;
  readonly #arrivals = new Set<() => void>();
  #stopped = false;

  /**
   * @param options.refusalPauseMs first pause of a worker that refuses, in milliseconds; later ones are longer.
   * @param options.changed called when a worker can take more than before.
   */
  constructor(options: { clock: Clock; random: () => number; refusalPauseMs: number; changed: () => void }) {
    this.#refusalPauseMs = options.refusalPauseMs;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#changed = options.changed;
  }

  get(name: string): WorkerRecord | undefined {
    return this.#records.get(name);
  }

  all(): WorkerRecord[] {
    return [...this.#records.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** For the planner. */
  capacities(): WorkerCapacity[] {
    const capacities: WorkerCapacity[] = [];
    for (const { name, capacity, pools, recipient, session, pause } of this.#records.values()) {
      if (session !== undefined && pause === undefined)
        capacities.push({ name, capacity, pools, keyIds: [recipient.kid] });
    }
    return capacities;
  }

  /**
   * Recipients to seal for: connected workers; with `pools` those that reach hosts of one of these, where `undefined`
   * stands for hosts that any worker reaches.
   */
  recipients(pools: Iterable<string | undefined> = [undefined]): Recipient[] {
    const wanted = new Set(pools);
    return this.all()
      .filter(
        (record) =>
          record.session !== undefined &&
          (wanted.has(undefined) || record.pools.some((pool) => wanted.has(pool))),
      )
      .map(({ recipient }) => recipient);
  }

  /** How many workers of the pool are connected, and how many of these can open what is sealed for such keys. */
  inPool(pool: string, kids: readonly string[]): { connected: number; able: number } {
    const present = this.all().filter(({ session, pools }) => session !== undefined && pools.includes(pool));
    const able = present.filter(({ recipient }) => kids.includes(recipient.kid));
    return { connected: present.length, able: able.length };
  }

  /** Whether the worker is connected, and one of these keys is its own. */
  canOpen(name: string, kids: readonly string[]): boolean {
    const record = this.#records.get(name);
    return record?.session !== undefined && kids.includes(record.recipient.kid);
  }

  /**
   * Whether a worker with one of these keys is here, or may come back. While no worker at all is connected nobody can
   * tell.
   */
  mayOpen(kids: readonly string[]): boolean {
    let connected = false;
    for (const { recipient, session } of this.#records.values()) {
      if (kids.includes(recipient.kid)) return true;
      connected ||= session !== undefined;
    }
    return !connected;
  }

  /** Whether a worker with that sealing key has been here. */
  knows(kid: string): boolean {
    for (const { recipient } of this.#records.values()) if (recipient.kid === kid) return true;
    return false;
  }

  /** Resolves as soon as a worker, or the one of that name, is connected, or `signal` aborts. */
  async arrival(signal: AbortSignal, name?: string): Promise<void> {
    const here = () =>
      name === undefined ? this.recipients().length > 0 : this.#records.get(name)?.session !== undefined;
    if (signal.aborted || here()) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        if (!signal.aborted && !this.#stopped && !here()) return;
        this.#arrivals.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#arrivals.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** The record that a hello updates or makes; its session is attached by {@link connected}. */
  greet(name: string, hello: HelloParams, recipient: Recipient): WorkerRecord {
    const known = this.#records.get(name);
    if (known?.incarnation.id === hello.incarnation) {
      known.version = hello.version;
      known.capacity = hello.capacity;
      known.pools = hello.pools;
      known.recipient = recipient;
      known.journal = hello.journal;
      return known;
    }
    known?.pause?.cancel();
    const record: WorkerRecord = {
      name,
      version: hello.version,
      capacity: hello.capacity,
      pools: hello.pools,
      recipient,
      journal: hello.journal,
      incarnation: { id: hello.incarnation, opened: new Set(), outdated: new Set() },
      session: undefined,
      refusals: 0,
      pause: undefined,
    };
    this.#records.set(name, record);
    return record;
  }

  connected(record: WorkerRecord, session: WorkerSession): void {
    if (record.session !== session) record.session?.peer.close(4001, 'replaced by a newer connection');
    record.session = session;
    for (const arrived of [...this.#arrivals]) arrived();
    this.#changed();
  }

  /** It has refused what it was ordered to do (2). */
  refused(record: WorkerRecord): void {
    if (record.pause !== undefined) return;
    const pauseMs = backoffDelayMs(
      { firstMs: this.#refusalPauseMs, maxMs: this.#refusalPauseMs * maxPauseFactor },
      record.refusals++,
      this.#random(),
    );
    record.pause = this.#clock.setTimer(pauseMs, () => {
      record.pause = undefined;
      this.#changed();
    });
  }

  /** It does what it is ordered to do. */
  obliged(record: WorkerRecord): void {
    record.refusals = 0;
  }

  /** Cancels every timer; records stay readable. */
  stop(): void {
    this.#stopped = true;
    for (const record of this.#records.values()) {
      record.pause?.cancel();
      record.pause = undefined;
    }
    for (const arrived of [...this.#arrivals]) arrived();
  }
}
