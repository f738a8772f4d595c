import { type ClusterState, type FoldedBatch, isEnded, type LogEntry } from '@pogo/core';
import type { LogObserver } from '../leader/leader.js';
import type { Vault } from './vault.js';

/** Keeps log and vault in step: a job's end drops its credentials, and credentials that are gone become an entry. */
export class CredentialsKeeper implements LogObserver {
  readonly #vault: Vault;

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  appended(batch: FoldedBatch): void {
    for (const entry of batch.entries) if (entry.type === 'job-ended') this.#vault.drop(entry.job);
  }

  /** Jobs that have hosts to start and nobody who holds their credentials (V3, V5). Costs as much as there are open jobs. */
  missing(state: ClusterState): LogEntry[] {
    const entries: LogEntry[] = [];
    for (const number of state.open) {
      const job = state.jobs.get(number)!;
      if (isEnded(job.state) || job.state === 'needs-credentials' || job.halt !== undefined) continue;
      if (job.counts.waiting + job.counts.permitted === 0) continue;
      if (this.#vault.get({ job: number, digest: job.accepted.digest }) === undefined) {
        entries.push({ type: 'credentials-lost', job: number });
      }
    }
    return entries;
  }
}
