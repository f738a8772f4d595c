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

/**
 * Tells one reader when the log has something about one job. It remembers: what is appended while the reader is busy, or
 * isn't asked for more, is told at the next `changed`. So a reader opens the watch first, then looks, then waits.
 */
export interface JobWatch {
  /**
   * Resolves to the index of the first batch about the job since the last call (or since the watch was opened); at once if
   * there is one already. Undefined when `signal` aborts, leadership ends or the watch is closed.
   */
  changed(): Promise<number | undefined>;
  close(): void;
}

interface Watcher {
  appended(index: number): void;
  over(): void;
}

const batchesPerRead = 100;

export class JobHistory implements LogObserver {
  readonly #log: Log;
  readonly #recent: RecentBatches;
  readonly #watchers = new Map<number, Set<Watcher>>();
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
    if (this.#watchers.size === 0) return;
    const jobs = new Set<number>();
    for (const entry of batch.entries) if ('job' in entry) jobs.add(entry.job);
    for (const job of jobs) {
      for (const watcher of this.#watchers.get(job) ?? []) watcher.appended(batch.index);
    }
  }

  /** Watches are over: another leader may go on with the log. */
  lost(): void {
    for (const watchers of [...this.#watchers.values()]) {
      for (const watcher of [...watchers]) watcher.over();
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

  watch(job: number, signal: AbortSignal): JobWatch {
    let first: number | undefined;
    let isOver = false;
    let wake: (() => void) | undefined;
    const watcher: Watcher = {
      appended(index) {
        first ??= index;
        wake?.();
      },
      over: () => {
        isOver = true;
        signal.removeEventListener('abort', watcher.over);
        this.#forget(job, watcher);
        wake?.();
      },
    };
    const watchers = this.#watchers.get(job) ?? new Set();
    watchers.add(watcher);
    this.#watchers.set(job, watchers);
    if (signal.aborted) watcher.over();
    else signal.addEventListener('abort', watcher.over, { once: true });
    return {
      async changed() {
        if (first === undefined && !isOver) await new Promise<void>((resolve) => (wake = resolve));
        wake = undefined;
        if (isOver) return undefined;
        const index = first;
        first = undefined;
        return index;
      },
      close: watcher.over,
    };
  }

  #forget(job: number, watcher: Watcher): void {
    const watchers = this.#watchers.get(job);
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.#watchers.delete(job);
  }
}
