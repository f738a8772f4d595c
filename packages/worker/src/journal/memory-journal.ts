import type { JournalRecord } from '@pogo/protocol';
import { JournalState } from './journal-state.js';
import { RecordingJournal } from './recording-journal.js';

/** Keeps everything in memory, durable at once: for tests and simulations, which decide what outlives the process. */
export class MemoryJournal extends RecordingJournal {
  readonly id: string;
  readonly state: JournalState;
  #isClosed = false;

  constructor(options: { id?: string; records?: Iterable<JournalRecord> } = {}) {
    super();
    this.id = options.id ?? 'memory';
    this.state = JournalState.of(options.records ?? []);
  }

  /** What the next process finds; this one may go on, which the next doesn't see. */
  reopened(): MemoryJournal {
    return new MemoryJournal({ id: this.id, records: this.state.snapshot() });
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  protected append(records: readonly JournalRecord[]): Promise<boolean> {
    if (this.#isClosed) return Promise.resolve(false);
    for (const record of records) this.state.apply(record);
    return Promise.resolve(true);
  }
}
