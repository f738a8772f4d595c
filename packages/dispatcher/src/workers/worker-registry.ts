/**
 * Who the workers are, connected or not long gone: one record per name.
 *
 * 1. A name has one session at most: a newer connection of the same name replaces the older.
 * 2. A worker that refuses hosts of a job is given none of that job for a while; of other jobs it is.
 */
import type { WorkerCapacity } from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import type { HelloParams, Recipient } from '@pogo/protocol';
import { RefusalPauses } from './refusal-pauses.js';
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
  /** Since when it isn't connected, on the wall clock; undefined while it is. */
  awaySinceMs: number | undefined;
  /** Jobs of which it gets nothing just now (2). */
  readonly pauses: RefusalPauses;
}

export class WorkerRegistry {
  readonly #records = new Map<string, WorkerRecord>();
  readonly #clock: Clock;
  readonly #newPauses: () => RefusalPauses;
  readonly #changed: () => void;
  readonly #arrivals = new Set<() => void>();
  readonly #returnMs: number;
  /** On the wall clock. */
  readonly #startedAtMs: number;
  #stopped = false;

  /**
   * @param options.refusalPauseMs first pause of a job that a worker refuses, in milliseconds; later ones are longer.
   * @param options.returnMs how long one that has gone may take to come back, in milliseconds; see {@link returning}.
   * @param options.changed called when a worker can take more than before.
   */
  constructor(options: {
    clock: Clock;
    random: () => number;
    refusalPauseMs: number;
    returnMs: number;
    changed: () => void;
  }) {
    const { clock, random, refusalPauseMs, returnMs, changed } = options;
    this.#clock = clock;
    this.#returnMs = returnMs;
    this.#startedAtMs = clock.wallMs();
    this.#newPauses = () => new RefusalPauses({ clock, random, firstMs: refusalPauseMs, over: changed });
    this.#changed = changed;
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
    for (const { name, capacity, pools, recipient, session, pauses } of this.#records.values()) {
      if (session !== undefined)
        capacities.push({ name, capacity, pools, keyIds: [recipient.kid], declined: pauses.jobs });
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

  /**
   * How many workers of the pool are connected, or without one how many at all, and how many of these can open what is
   * sealed for such keys.
   */
  inPool(pool: string | undefined, kids: readonly string[]): { connected: number; able: number } {
    const present = this.recipients([pool]);
    const able = present.filter(({ kid }) => kids.includes(kid));
    return { connected: present.length, able: able.length };
  }

  /** Names of connected workers of the pool, or without one of all. */
  connectedNames(pool: string | undefined): string[] {
    return this.recipients([pool]).map(({ worker }) => worker);
  }

  /** Names of connected workers that get nothing of the job for a while (2). */
  declining(job: number): string[] {
    return this.all().flatMap(({ name, session, pauses }) =>
      session !== undefined && pauses.jobs.has(job) ? [name] : [],
    );
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

  /**
   * Resolves to whether the worker is connected: at once if it is, or if it has been away for long, otherwise when it comes
   * back, or has had its time for that.
   */
  async returning(name: string, signal: AbortSignal): Promise<boolean> {
    const record = this.#records.get(name);
    if (record?.session !== undefined) return true;
    const awayMs = this.#clock.wallMs() - (record?.awaySinceMs ?? this.#startedAtMs);
    const leftMs = Math.min(this.#returnMs, this.#returnMs - awayMs);
    if (leftMs <= 0 || this.#stopped) return false;
    const late = new AbortController();
    const timer = this.#clock.setTimer(leftMs, () => late.abort());
    await this.arrival(AbortSignal.any([signal, late.signal]), name);
    timer.cancel();
    return this.#records.get(name)?.session !== undefined;
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
    known?.pauses.clear();
    const record: WorkerRecord = {
      name,
      version: hello.version,
      capacity: hello.capacity,
      pools: hello.pools,
      recipient,
      journal: hello.journal,
      incarnation: { id: hello.incarnation, opened: new Set(), outdated: new Set() },
      session: undefined,
      awaySinceMs: undefined,
      pauses: this.#newPauses(),
    };
    this.#records.set(name, record);
    return record;
  }

  connected(record: WorkerRecord, session: WorkerSession): void {
    if (record.session !== session) record.session?.peer.close(4001, 'replaced by a newer connection');
    record.session = session;
    record.awaySinceMs = undefined;
    for (const arrived of [...this.#arrivals]) arrived();
    this.#changed();
  }

  /** Its connection is over. */
  left(record: WorkerRecord): void {
    record.session = undefined;
    record.awaySinceMs = this.#clock.wallMs();
  }

  /** The job has ended. */
  forgetJob(job: number): void {
    for (const { pauses } of this.#records.values()) pauses.forget(job);
  }

  /** Cancels every timer; records stay readable. */
  stop(): void {
    this.#stopped = true;
    for (const { pauses } of this.#records.values()) pauses.clear();
    for (const arrived of [...this.#arrivals]) arrived();
  }
}
