import { applyEntries, type ClusterState, type HostSet, type JobLimits, type LogEntry } from '@pogo/core';
import { maxBatchBytes } from '@pogo/store';

export interface PendingBatch {
  index: number;
  atMs: number;
  entries: LogEntry[];
}

/** With room for what an estimate may miss. */
const targetBytes = maxBatchBytes / 2;

/**
 * Collects what one cycle decides, and folds each entry at once, so that later decisions see earlier ones. What is too
 * much for one batch goes on in the next index; entries never depend on sharing a batch.
 */
export class BatchBuilder {
  readonly batches: PendingBatch[] = [];
  readonly #state: ClusterState;
  readonly #atMs: number;
  #bytes = 0;

  constructor(state: ClusterState, atMs: number) {
    this.#state = state;
    this.#atMs = atMs;
    state.atMs = Math.max(state.atMs, atMs);
  }

  add(entries: readonly LogEntry[]): void {
    let batch = this.batches.at(-1);
    let folded = batch?.entries.length ?? 0;
    const fold = () => {
      if (batch !== undefined) applyEntries(this.#state, batch.entries.slice(folded), batch.index);
    };
    for (const entry of entries) {
      const bytes = estimateBytes(entry);
      if (batch === undefined || (this.#bytes + bytes > targetBytes && batch.entries.length > 0)) {
        fold();
        batch = { index: this.#state.nextIndex, atMs: this.#atMs, entries: [] };
        folded = 0;
        this.batches.push(batch);
        this.#state.nextIndex = batch.index + 1;
        this.#bytes = 0;
      }
      batch.entries.push(entry);
      this.#bytes += bytes;
    }
    fold();
  }
}

/** Upper bounds of the encoded size, without encoding it. */
function estimateBytes(entry: LogEntry): number {
  switch (entry.type) {
    case 'job-accepted':
      return 2048 + limitsBytes(entry.limits) + entry.recipients.length * 100 + entry.title.length * 6;
    case 'limits-altered':
      return 400 + limitsBytes(entry.limits);
    case 'frozen':
      return 400 + ((entry.slot?.length ?? 0) + (entry.note?.length ?? 0)) * 6;
    case 'worker-drained':
      return 400 + (entry.note?.length ?? 0) * 6;
    case 'thawed':
      return 400 + (entry.slot?.length ?? 0) * 6;
    case 'hosts-permitted':
    case 'hosts-assigned':
    case 'hosts-begun':
    case 'hosts-started':
    case 'hosts-halted':
    case 'hosts-skipped':
    case 'hosts-retried':
    case 'hosts-released':
    case 'hosts-resolving':
      return 200 + setBytes(entry.hosts);
    // A character takes at most six bytes, as an escape.
    case 'hosts-refused':
      return 200 + setBytes(entry.hosts) + entry.reason.length * 6;
    case 'hosts-unsettled':
      return 200 + setBytes(entry.hosts) + entry.detail.length * 6;
    case 'host-finished':
    case 'unknown-confirmed':
    case 'earlier-settled':
      return 640 + (entry.outcome?.message?.length ?? 0) * 6;
    case 'job-ended':
      return 400 + (entry.deadlock === undefined ? 0 : JSON.stringify(entry.deadlock).length);
    case 'credentials-renewed':
      return 400 + entry.recipients.length * 150;
    default:
      return 400;
  }
}

function limitsBytes({ ramp }: JobLimits): number {
  return 200 + (ramp?.steps.length ?? 0) * 20;
}

/** Two numbers of up to seven digits, brackets and commas. */
function setBytes(hosts: HostSet): number {
  return hosts.length * 19;
}
