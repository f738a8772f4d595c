/**
 * Leads the namespace's log whenever it may: campaign → load → take leadership → serve, and again from the start when a
 * reign ends. While another leads it follows the log ({@link Replica}). Everyone else speaks to the log through here.
 *
 * 1. Without a reign nothing is decided, and nothing that a decision may rest on is read: commands and reads are `lost`,
 *    and callers say `store-unavailable`. What is only shown to somebody is a view, and comes from the replica then.
 * 2. The state of an ended reign is dropped; the next one is folded from the log again.
 * 3. Where it may lead only together with another namespace, it campaigns while that one is led here, and its reign ends with
 *    that one's.
 */
import {
  type ClusterState,
  firstJobOf,
  type FoldedBatch,
  type LogEntry,
  type WorkerCapacity,
} from '@pogo/core';
import { backoffDelayMs, type Clock, delay, type Service, ServiceState } from '@pogo/lifecycle';
import { type Documents, type Log, type Store, StoreError } from '@pogo/store';
import type { Logger } from 'pino';
import { HistorySegments } from '../history/history-segments.js';
import type { WorkerLoad } from '../workers/shared-capacity.js';
import { foldToEnd, loadState, type StateSources } from './load-state.js';
import type { ReferredDocuments } from './referred-documents.js';
import { type CommandOutcome, type Decision, Reign, type ReignEnd } from './reign.js';
import { Replica } from './replica.js';
import { Snapshotter } from './snapshots.js';
import { Waiters } from './waiters.js';

/** Looks at what has become durable, and acts on it. Must not throw. */
export interface LogObserver {
  /** A reign begins: what was in memory for an earlier one is void. */
  taken?(state: ClusterState): void;
  /** In order, each batch once per reign; `state` is what the log holds, later batches of the same cycle included. */
  appended?(batch: FoldedBatch, state: ClusterState): void;
  /** The reign is over; nothing may be ordered or acknowledged any more. */
  lost?(): void;
}

export interface LeaderOptions {
  store: Pick<Store, 'log' | 'leadership'>;
  /** Those of the namespace. */
  documents: Documents;
  namespace: { readonly name: string; readonly number: number };
  /** Name of this dispatcher: the writer in the log. */
  name: string;
  clock: Clock;
  random: () => number;
  uniqueId: () => string;
  logger: Logger;
  /** (3): whose reign this one's are within. */
  within?: Leader | undefined;
  /** What entries refer to by key. */
  referred: ReferredDocuments;
  /** Entries between two snapshots. */
  snapshotEveryEntries: number;
  measured: (appendMs: number, entries: number) => void;
  /** It can't go on: a bug, or a log that can't be read. Nothing is led any more. */
  fatal: (error: Error) => void;
}

const retryBackoff = { firstMs: 100, maxMs: 5000 };

export class Leader implements Service {
  readonly log: Log;
  readonly #options: LeaderOptions;
  readonly #service = new ServiceState();
  readonly #observers: LogObserver[] = [];
  readonly #viewers: LogObserver[] = [];
  #workers: () => readonly WorkerCapacity[] = () => [];
  #due: (state: ClusterState) => readonly LogEntry[] = () => [];
  #paused: (state: ClusterState) => ReadonlySet<number> = () => new Set();
  #reign: Reign | undefined;
  /** The reign until its first entry is durable. */
  #begun: Reign | undefined;
  /** Aborts at the end of the reign; there from its first durable entry on. */
  #reigning: AbortController | undefined;
  #replica: Replica | undefined;
  #running: Promise<void> | undefined;
  #lastEnd: ReignEnd | undefined;
  readonly #awaiting: Waiters;
  #announceFirst: () => void = () => undefined;
  readonly #first = new Promise<void>((resolve) => (this.#announceFirst = resolve));
  readonly #knowing: Waiters;
  readonly #reaching: Waiters;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.log = options.store.log(options.namespace.name);
    this.#awaiting = new Waiters(options.clock);
    this.#knowing = new Waiters(options.clock);
    this.#reaching = new Waiters(options.clock);
  }

  /** Before `start` only. Observers are called in the order in which they were added. */
  observe(observer: LogObserver): void {
    this.#observers.push(observer);
  }

  /**
   * Before `start` only, as {@link observe}: also of what another leader appends. Between `lost` and the next `taken` it
   * doesn't know where the log stands.
   */
  observeAlways(observer: LogObserver): void {
    this.#observers.push(observer);
    this.#viewers.push(observer);
  }

  /**
   * Before `start` only: where the planner learns of workers, of decisions that are due besides its own, and of jobs that
   * may start nothing yet.
   */
  plansWith(sources: {
    workers: () => readonly WorkerCapacity[];
    due: (state: ClusterState) => readonly LogEntry[];
    paused?: (state: ClusterState) => ReadonlySet<number>;
  }): void {
    this.#workers = sources.workers;
    this.#due = sources.due;
    if (sources.paused !== undefined) this.#paused = sources.paused;
  }

  /** Resolves when campaigning has begun; `leading` tells when it was won. */
  start(): Promise<void> {
    return this.#service.start(() => {
      this.#running = this.#run().catch((error: unknown) => {
        this.#options.fatal(error instanceof Error ? error : new Error(String(error)));
      });
      return Promise.resolve();
    });
  }

  stop(): Promise<void> {
    return this.#service.stop(async () => {
      for (const waiters of [this.#awaiting, this.#knowing, this.#reaching]) waiters.wake();
      this.#current?.end({ kind: 'stopped', detail: 'the dispatcher stops' });
      await this.#running;
      this.#announceFirst();
    });
  }

  /**
   * Resolves once it leads, at once if it does, to what aborts when it leads no longer; to undefined when `signal` aborts or it
   * stops before.
   */
  async reigning(signal: AbortSignal): Promise<AbortSignal | undefined> {
    while (this.#reigning === undefined) {
      if (this.#service.stopping || signal.aborted) return undefined;
      await this.#waitIn(this.#awaiting, undefined, signal);
    }
    return this.#reigning.signal;
  }

  /** Resolves when this dispatcher leads for the first time, or stops. */
  leading(): Promise<void> {
    return this.#first;
  }

  /** Whether this dispatcher leads, or another one that is known here. */
  get isServing(): boolean {
    const by = this.takenBy;
    return this.#reign !== undefined || (by !== undefined && by !== this.#options.name);
  }

  /** Resolves when {@link isServing}, when it stops, when `signal` aborts, or after `limitMs`, if that is given. */
  async serving(limitMs?: number, signal?: AbortSignal): Promise<void> {
    if (!this.isServing) await this.#waitIn(this.#knowing, limitMs, signal);
  }

  /**
   * Resolves once it leads, when `signal` aborts, or after `limitMs` at the latest: one that has just started leads in a
   * moment, and whoever asks now would rather wait than ask again.
   */
  async soon(limitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#reign === undefined) await this.#waitIn(this.#awaiting, limitMs, signal);
  }

  /** Until something may have changed there; not at all once it stops. */
  async #waitIn(waiters: Waiters, limitMs?: number, signal?: AbortSignal): Promise<void> {
    if (!this.#service.stopping) await waiters.wait(limitMs, signal);
  }

  /** The term while leading (L4), undefined otherwise. */
  get term(): number | undefined {
    return this.#reign?.term;
  }

  /** What is assigned to workers, while leading; see {@link Reign.load}. */
  get load(): WorkerLoad | undefined {
    return this.#reign?.load;
  }

  /** Who took the leadership last, as far as it is known here: this dispatcher while it leads. */
  get takenBy(): string | undefined {
    return this.#reign === undefined ? this.#replica?.state?.leader : this.#options.name;
  }

  /** Why the last reign ended; whoever is told that it has may ask at once. */
  get lastEnd(): ReignEnd | undefined {
    return this.#reign?.ended ?? this.#lastEnd;
  }

  /** Log time while leading, in milliseconds. */
  nowMs(): number | undefined {
    return this.#reign?.nowMs();
  }

  /** Decides in the next cycle; see {@link Reign.command}. */
  command<T>(decide: (state: ClusterState, nowMs: number) => Decision<T>): Promise<CommandOutcome<T>> {
    return this.#reign?.command(decide) ?? Promise.resolve({ kind: 'lost' });
  }

  /** Reads what the log holds; see {@link Reign.read}. */
  read<T>(read: (state: ClusterState) => T): Promise<CommandOutcome<T>> {
    return this.#reign?.read(read) ?? Promise.resolve({ kind: 'lost' });
  }

  /**
   * Reads what the log holds, or what of it has come here while another leads: for what is shown, not for what is decided.
   * `read` must not keep what it is given.
   */
  view<T>(read: (state: ClusterState) => T): Promise<CommandOutcome<T>> {
    if (this.#current !== undefined) return this.#current.read(read);
    const state = this.#replica?.state;
    return Promise.resolve(state === undefined ? { kind: 'lost' } : { kind: 'ok', answer: read(state) });
  }

  /**
   * Reads at once what is decided, in the log or on its way there, or what of the log has come here; undefined before
   * anything has. For what is only counted: it waits for no store. `read` must not keep what it is given.
   */
  glance<T>(read: (state: ClusterState) => T): T | undefined {
    if (this.#current !== undefined) return this.#current.glance(read);
    const state = this.#replica?.state;
    return state === undefined ? undefined : read(state);
  }

  /** Resolves to whether views show the batch at `index`, at once or after `limitMs` at the latest. */
  async reached(index: number, limitMs: number, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    const untilMs = clock.monotonicMs() + limitMs;
    for (;;) {
      const next = await this.view(({ nextIndex }) => nextIndex);
      if (next.kind === 'ok' && next.answer > index) return true;
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0 || signal.aborted || this.#service.stopping) return false;
      await this.#waitIn(this.#reaching, leftMs, signal);
    }
  }

  /** The planner should look again. */
  wake(): void {
    this.#reign?.wake();
  }

  async #run(): Promise<void> {
    const { clock, logger, store, namespace, random } = this.#options;
    for (let failures = 0; !this.#service.stopping;) {
      // It outlives a campaign that fails: there may be no other way to see anything then.
      const replica = (this.#replica ??= this.#follow());
      try {
        const outer = await this.#outerReign();
        if (outer === undefined) return void (await replica.stop());
        const lease = await store.leadership.campaign(namespace.name, outer);
        if (lease === undefined) {
          if (outer.aborted && !this.#service.stopping) continue;
          return void (await replica.stop());
        }
        const lost = AbortSignal.any([lease.lost, outer]);
        const onLost = () =>
          this.#current?.end({
            kind: 'lease-lost',
            detail: lease.lost.aborted ? 'the lease has ended' : 'this dispatcher no longer leads the others',
          });
        lost.addEventListener('abort', onLost, { once: true });
        try {
          if (await this.#reignOnce(lost, replica)) failures = 0;
        } finally {
          lost.removeEventListener('abort', onLost);
          // Its state was for the reign, and is no replica any more.
          if (this.#replica === replica) this.#replica = undefined;
          await lease.resign();
        }
      } catch (error) {
        if (this.#service.stopping) return void (await replica.stop());
        // What isn't there today may be there tomorrow; damage and newer formats stay.
        if (!(error instanceof StoreError) || error.code !== 'store-unavailable') throw error;
        this.#lastEnd = { kind: 'store-unavailable', detail: error.message };
        logger.error({ code: error.code, err: error }, 'the store failed while taking the lead');
      }
      await delay(clock, backoffDelayMs(retryBackoff, failures++, random()), this.#service.signal);
    }
  }

  /** (3): aborts when it may not be campaigned for any more; undefined when it stops before it may be. */
  async #outerReign(): Promise<AbortSignal | undefined> {
    const { signal } = this.#service;
    const { within } = this.#options;
    if (within === undefined) return signal;
    const reigning = await within.reigning(signal);
    return reigning && AbortSignal.any([signal, reigning]);
  }

  /** The reign, also before its first entry is durable. */
  get #current(): Reign | undefined {
    return this.#reign ?? this.#begun;
  }

  get #sources(): StateSources {
    const { documents, referred, namespace } = this.#options;
    return { documents, referred, firstJob: firstJobOf(namespace.number) };
  }

  /** Until another reign begins. */
  #follow(): Replica {
    const { clock, random, logger } = this.#options;
    const replica = new Replica({
      log: this.log,
      sources: this.#sources,
      clock,
      random,
      loaded: (state) => {
        for (const viewer of this.#viewers) viewer.taken?.(state);
        this.#moved();
      },
      appended: (batch, state) => {
        for (const viewer of this.#viewers) viewer.appended?.(batch, state);
        this.#moved();
      },
      failed: (error) => logger.error({ err: error }, 'the log could not be followed'),
    });
    replica.start();
    return replica;
  }

  #moved(): void {
    this.#reaching.wake();
    if (this.isServing) this.#knowing.wake();
  }

  /** What the replica has folded, and the rest of the log. */
  async #loadFrom(replica: Replica): Promise<ClusterState> {
    const state = await replica.stop();
    const isWhole = state !== undefined && (await foldToEnd(this.log, state, this.#sources.referred));
    return isWhole ? state : loadState(this.log, this.#sources);
  }

  /** Resolves to whether it led for a while. */
  async #reignOnce(lost: AbortSignal, replica: Replica): Promise<boolean> {
    const { clock, logger, documents, name, random, uniqueId, measured, snapshotEveryEntries } =
      this.#options;
    const state = await this.#loadFrom(replica);
    if (lost.aborted || this.#service.stopping) return false;
    const snapshotter = new Snapshotter({
      log: this.log,
      documents,
      segments: new HistorySegments({ documents, uniqueId }),
      uniqueId,
      clock,
      everyEntries: snapshotEveryEntries,
      failed: (error) => logger.error({ err: error }, 'a snapshot could not be written'),
    });
    let taken = false;
    const reign = new Reign({
      log: this.log,
      state,
      clock,
      random,
      uniqueId,
      name,
      workers: () => this.#workers(),
      due: (present) => this.#due(present),
      paused: (present) => this.#paused(present),
      measured,
      appended: (batch, present) => {
        if (!taken) {
          taken = true;
          this.#reign = reign;
          this.#begun = undefined;
          this.#reigning = new AbortController();
          for (const observer of this.#observers) observer.taken?.(present);
          logger.info({ term: present.term, jobs: present.jobs.size }, 'leads');
          this.#announceFirst();
          this.#awaiting.wake();
        }
        for (const observer of this.#observers) observer.appended?.(batch, present);
        snapshotter.appended(batch.entries.length, present);
        this.#moved();
      },
    });
    // The state is the reign's now.
    for (const viewer of this.#viewers) viewer.lost?.();
    this.#replica = undefined;
    this.#begun = reign;
    const end = await reign.run();
    this.#begun = undefined;
    this.#reign = undefined;
    this.#reigning?.abort();
    this.#reigning = undefined;
    this.#lastEnd = end;
    if (taken) for (const observer of this.#observers) observer.lost?.();
    await snapshotter.idle();
    if (end.kind !== 'stopped') logger.warn({ end: end.kind, detail: end.detail }, 'leads no longer');
    return taken;
  }
}
