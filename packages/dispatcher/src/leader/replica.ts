/**
 * The namespace's state at a dispatcher that doesn't lead it: the fold of the log, as far as it has come there.
 *
 * 1. What it says was so at its index, and may have changed since; the next index tells how far it is.
 * 2. It is what the next leader begins with: a takeover reads only what the replica hasn't folded yet (L1).
 * 3. What was pruned before it was folded is loaded with the snapshot (L5); until then the earlier state is shown.
 * 4. A store that is away leaves the replica as it is. One that can't be read ends it, and whoever leads says why.
 */
import { applyBatch, type ClusterState, type FoldedBatch } from '@pogo/core';
import { backoffDelayMs, type Clock, delay } from '@pogo/lifecycle';
import { type Log, type LogEntry as StoredEntry, StoreError } from '@pogo/store';
import { decodeEntry, loadState, type StateSources } from './load-state.js';

export interface ReplicaOptions {
  log: Log;
  sources: StateSources;
  clock: Clock;
  random: () => number;
  /** From here on the state is that of the snapshot, or of the whole log. */
  loaded: (state: ClusterState) => void;
  /** Once for each batch behind what was loaded, in order. */
  appended: (batch: FoldedBatch, state: ClusterState) => void;
  /** It is behind, and tries again (4), or can't go on. */
  failed: (error: unknown) => void;
}

const retryBackoff = { firstMs: 100, maxMs: 5000 };

export class Replica {
  readonly #options: ReplicaOptions;
  readonly #aborter = new AbortController();
  #state: ClusterState | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  /** To be called once; resolves at once. */
  start(): void {
    this.#running = this.#run().catch((error: unknown) => this.#options.failed(error));
  }

  /** Resolves once it folds nothing any more, to the state, which is the caller's from then on; see (2). */
  async stop(): Promise<ClusterState | undefined> {
    this.#aborter.abort();
    await this.#running;
    return this.#state;
  }

  /** As far as it has come; undefined before anything was loaded. Whoever reads it must not keep it. */
  get state(): ClusterState | undefined {
    return this.#state;
  }

  async #run(): Promise<void> {
    const { clock, random, failed } = this.#options;
    const { signal } = this.#aborter;
    let isBehind = true;
    for (let failures = 0; !signal.aborted;) {
      try {
        if (isBehind) await this.#load();
        isBehind = false;
        failures = 0;
        if (signal.aborted || !(await this.#follow(this.#state!))) return;
        isBehind = true;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof StoreError) || error.code !== 'store-unavailable') throw error;
        failed(error);
        await delay(clock, backoffDelayMs(retryBackoff, failures++, random()), signal);
      }
    }
  }

  async #load(): Promise<void> {
    const { log, sources, loaded } = this.#options;
    const state = await loadState(log, sources);
    this.#state = state;
    if (!this.#aborter.signal.aborted) loaded(state);
  }

  /** Resolves to whether what comes next was pruned (3); otherwise it was stopped, or the store closed. */
  async #follow(state: ClusterState): Promise<boolean> {
    const { signal } = this.#aborter;
    for await (const outcome of this.#options.log.follow(state.nextIndex, signal)) {
      if (outcome.kind === 'pruned') return true;
      for (const entry of outcome.entries) {
        if (signal.aborted) return false;
        await this.#fold(state, entry);
      }
    }
    return false;
  }

  async #fold(state: ClusterState, entry: StoredEntry): Promise<void> {
    const { sources, appended } = this.#options;
    const batch = decodeEntry(entry);
    await sources.referred.fold(state, batch.entries, () => applyBatch(state, batch));
    appended(batch, state);
  }
}
