import {
  type AppendOutcome,
  type Batch,
  type LogEntry,
  type PruneOutcome,
  type PruneRequest,
  type ReadOutcome,
  type SnapshotPointer,
} from '../../log.js';
import { ChangeSignal } from '../local/change-signal.js';
import type { LocalLog } from '../local/handle.js';

const maxPageBytes = 4 * 1024 * 1024;

/** One namespace's log in an array that begins at the floor. */
export class MemoryLog implements LocalLog {
  readonly changes = new ChangeSignal();
  #pointer: SnapshotPointer = { floor: 0, snapshot: null, version: 0 };
  #batches: Batch[] = [];

  get #next(): number {
    return this.#pointer.floor + this.#batches.length;
  }

  async append(index: number, batch: Batch): Promise<AppendOutcome> {
    const { floor } = this.#pointer;
    if (index < floor) return { kind: 'pruned', floor };
    if (index > this.#next) return { kind: 'gap', next: this.#next };
    const found = this.#batches[index - floor];
    if (found !== undefined) {
      const same = found.writer === batch.writer && found.id === batch.id;
      return same ? { kind: 'ok' } : { kind: 'conflict', found: { writer: found.writer, id: found.id } };
    }
    this.#batches.push({ writer: batch.writer, id: batch.id, body: batch.body.slice() });
    this.changes.announce();
    return { kind: 'ok' };
  }

  async read(from: number, limit: number): Promise<ReadOutcome> {
    const { floor, snapshot } = this.#pointer;
    if (from < floor) return { kind: 'pruned', floor, snapshot };
    const entries: LogEntry[] = [];
    let pageBytes = 0;
    for (const batch of this.#batches.slice(from - floor, from - floor + limit)) {
      pageBytes += batch.body.byteLength;
      if (entries.length > 0 && pageBytes > maxPageBytes) break;
      entries.push({ index: from + entries.length, batch });
    }
    return { kind: 'entries', entries, next: from + entries.length };
  }

  async pointer(): Promise<SnapshotPointer> {
    return { ...this.#pointer };
  }

  async prune({ before, snapshot, expectedVersion }: PruneRequest): Promise<PruneOutcome> {
    const { floor, version } = this.#pointer;
    if (version !== expectedVersion || before < floor)
      return { kind: 'conflict', pointer: { ...this.#pointer } };
    if (before > this.#next) return { kind: 'gap', next: this.#next };
    this.#batches = this.#batches.slice(before - floor);
    this.#pointer = { floor: before, snapshot, version: version + 1 };
    this.changes.announce();
    return { kind: 'ok', version: version + 1 };
  }
}
