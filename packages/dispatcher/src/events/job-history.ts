/**
 * What happened, as the log tells it: kept batches first, the store for older ones. Readers pull at their own pace, and
 * nothing is queued for them: one that is slow reads the log again from where it stands.
 */
import type { ClusterState, FoldedBatch } from '@pogo/core';
import { decodeLogBatch } from '@pogo/protocol';
import type { Log } from '@pogo/store';
import type { LogObserver } from '../leader/leader.js';
import { RecentBatches } from './recent-batches.js';

export type HistoryOutcome =
  /** At least one batch, in order; they may be about any job. */
  | { kind: 'batches'; batches: FoldedBatch[] }
  /** Nothing durable at that index yet. */
  | { kind: 'end' }
  /** The log no longer reaches back that far. */
  | { kind: 'pruned' };

interface Waiter {
  job: number;
  wake: (index: number | undefined) => void;
}

const batchesPerRead = 100;

export class JobHistory implements LogObserver {
  readonly #log: Log;
  readonly #recent: RecentBatches;
  readonly #waiters = new Map<number, Set<Waiter>>();
  /** Index of the first batch that isn't durable yet. */
  #next = 0;

  constructor(options: { log: Log; keptEntries: number }) {
    this.#log = options.log;
    this.#recent = new RecentBatches(options.keptEntries);
  }

  taken(state: ClusterState): void {
    this.#recent.clear();
    this.#next = state.nextIndex;
  }

  appended(batch: FoldedBatch): void {
    this.#recent.add(batch);
    this.#next = batch.index + 1;
    if (this.#waiters.size === 0) return;
    const jobs = new Set<number>();
    for (const entry of batch.entries) if ('job' in entry) jobs.add(entry.job);
    for (const job of jobs) {
      for (const waiter of this.#waiters.get(job) ?? []) waiter.wake(batch.index);
    }
  }

  /** Readers in the middle of a wait are told that it is over. */
  lost(): void {
    for (const waiters of [...this.#waiters.values()]) {
      for (const waiter of [...waiters]) waiter.wake(undefined);
    }
  }

  /** Rejects with a StoreError when the store can't be read. */
  async read(index: number): Promise<HistoryOutcome> {
    if (index >= this.#next) return { kind: 'end' };
    const recent = this.#recent.from(index, batchesPerRead);
    if (recent !== undefined && recent.length > 0) return { kind: 'batches', batches: recent };
    const end = this.#next;
    const outcome = await this.#log.read(index, Math.min(batchesPerRead, end - index));
    if (outcome.kind === 'pruned') return { kind: 'pruned' };
    if (outcome.entries.length === 0) return { kind: 'end' };
    const batches = outcome.entries.map((entry) => ({
      index: entry.index,
      ...decodeLogBatch(entry.batch.body),
    }));
    return { kind: 'batches', batches };
  }

  /**
   * For a reader at the end: the index of the next batch about `job`. Undefined when `signal` aborts first, or
   * leadership ends.
   */
  nextAbout(job: number, signal: AbortSignal): Promise<number | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const onAbort = () => waiter.wake(undefined);
      const waiter: Waiter = {
        job,
        wake: (index) => {
          signal.removeEventListener('abort', onAbort);
          this.#forget(waiter);
          resolve(index);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const waiters = this.#waiters.get(job) ?? new Set();
      waiters.add(waiter);
      this.#waiters.set(job, waiters);
    });
  }

  #forget(waiter: Waiter): void {
    const waiters = this.#waiters.get(waiter.job);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(waiter.job);
  }
}
