/**
 * The worker's journal on a disk that forgets: the production contract and state, with a sync that takes time.
 *
 * 1. What was synced survives every crash. Of what came later a crash keeps some beginning, or nothing.
 * 2. One sync for everything that gathered before it began.
 */
import type { JournalRecord } from '@pogo/protocol';
import { JournalState, RecordingJournal, type Urgency } from '@pogo/worker';
import type { Random } from '../random.js';
import type { SimulatedProcess } from '../simulated-process.js';
import type { Trace } from '../trace.js';

/** What outlives the process. */
export class JournalFile {
  readonly id: string;
  records: JournalRecord[] = [];
  syncedCount = 0;

  constructor(id: string) {
    this.id = id;
  }

  /** (1) */
  crash(random: Random): void {
    this.records = this.records.slice(0, random.integer(this.syncedCount, this.records.length));
    this.syncedCount = this.records.length;
  }
}

/** How a planted bug breaks it: nothing is ever synced, or `begun` comes to it only later. */
export type JournalBug = 'volatile' | 'begun-late';

interface Waiter {
  count: number;
  resolve: (isDurable: boolean) => void;
}

const begunLateMs = 400;

export class SimulatedJournal extends RecordingJournal {
  readonly id: string;
  readonly state: JournalState;
  readonly #file: JournalFile;
  readonly #process: SimulatedProcess;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #bug: JournalBug | undefined;
  #waiters: Waiter[] = [];
  #isSyncing = false;
  #wantedCount = 0;

  constructor(options: {
    file: JournalFile;
    process: SimulatedProcess;
    random: Random;
    trace: Trace;
    bug: JournalBug | undefined;
  }) {
    super();
    const { file } = options;
    this.#file = file;
    this.#process = options.process;
    this.#random = options.random;
    this.#trace = options.trace;
    this.#bug = options.bug;
    this.id = file.id;
    this.state = JournalState.of(file.records);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  protected append(records: readonly JournalRecord[], urgency: Urgency): Promise<boolean> {
    if (this.#bug === 'begun-late' && records.some(({ type }) => type === 'begun')) {
      this.#process.clock.setTimer(begunLateMs, () => void this.#write(records, urgency));
      return Promise.resolve(true);
    }
    return this.#write(records, urgency);
  }

  #write(records: readonly JournalRecord[], urgency: Urgency): Promise<boolean> {
    for (const record of records) this.state.apply(record);
    this.#file.records.push(...records);
    for (const record of records) this.#trace.add(this.#process.name, `journals ${JSON.stringify(record)}`);
    if (urgency === 'whenever' || this.#bug === 'volatile') return Promise.resolve(true);
    this.#wantedCount = this.#file.records.length;
    const durable = new Promise<boolean>((resolve) => {
      this.#waiters.push({ count: this.#wantedCount, resolve });
    });
    this.#sync(urgency === 'now' ? 0 : 20);
    return durable;
  }

  /** (2) */
  #sync(restMs: number): void {
    if (this.#isSyncing) return;
    this.#isSyncing = true;
    const { clock } = this.#process;
    clock.setTimer(restMs, () => {
      const count = this.#file.records.length;
      const takesMs = this.#random.chance(0.02) ? this.#random.spread(10, 3000) : this.#random.spread(0.1, 5);
      clock.setTimer(takesMs, () => {
        this.#file.syncedCount = count;
        this.#trace.add(this.#process.name, `has ${count} records in its journal for good`);
        this.#isSyncing = false;
        const done = this.#waiters.filter((waiter) => waiter.count <= count);
        this.#waiters = this.#waiters.filter((waiter) => waiter.count > count);
        for (const { resolve } of done) resolve(true);
        if (this.#waiters.length > 0) this.#sync(0);
      });
    });
  }
}
