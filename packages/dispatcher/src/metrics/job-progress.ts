import { type ClusterState, type EndedJobState, type FoldedBatch } from '@pogo/core';
import type { LogObserver } from '../leader/leader.js';

/**
 * When each open job of a namespace was last in the log: what has been quiet for long may be stuck. Known since this
 * dispatcher began to lead; costs one step for each batch and job, whatever happens to how many hosts.
 */
export class JobProgress implements LogObserver {
  readonly #lastMs = new Map<number, number>();
  readonly #ended: (state: EndedJobState) => void;

  /** @param options.ended called when a job has ended. */
  constructor(options: { ended: (state: EndedJobState) => void }) {
    this.#ended = options.ended;
  }

  taken(state: ClusterState): void {
    this.#lastMs.clear();
    for (const job of state.open) this.#lastMs.set(job, state.atMs);
  }

  appended({ entries, atMs }: FoldedBatch): void {
    let latest: number | undefined;
    for (const entry of entries) {
      if (!('job' in entry)) continue;
      if (entry.type === 'job-ended') {
        this.#lastMs.delete(entry.job);
        this.#ended(entry.state);
        latest = undefined;
      } else if (entry.job !== latest) {
        latest = entry.job;
        this.#lastMs.set(latest, atMs);
      }
    }
  }

  lost(): void {
    this.#lastMs.clear();
  }

  /** How long the log has said nothing of the job, in milliseconds of log time. */
  quietMs(job: number, nowMs: number): number {
    return Math.max(0, nowMs - (this.#lastMs.get(job) ?? nowMs));
  }
}
