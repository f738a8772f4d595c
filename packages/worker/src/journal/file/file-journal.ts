/**
 * The journal in a directory of its own, private to its owner.
 *
 * 1. Records reach the file in the order of the calls, in one frame for what gathers in a turn or while the disk is busy:
 *    one write and one sync for a whole batch (group commit).
 * 2. After a failed write or sync nothing is appended to that segment any more, since nobody knows what of it is on the
 *    disk: the state in memory, which holds every record so far, becomes a new segment, tried until the disk takes it.
 *    Until then nobody is answered.
 * 3. A segment that has grown by more than `growthBytes` is replaced by one that holds only what still matters.
 */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { backoffDelayMs, type Clock, delay } from '@pogo/lifecycle';
import type { JournalRecord } from '@pogo/protocol';
import type { Log } from '../../log.js';
import { JournalState } from '../journal-state.js';
import { RecordingJournal, type Urgency } from '../recording-journal.js';
import { type JournalFailure, systemFailure } from './journal-failure.js';
import { takeJournalLock } from './journal-lock.js';
import { JournalSegment, type OpenJournalFile, segmentName, segmentNumbers } from './journal-segment.js';

/** Bytes behind the snapshot at which a segment is replaced (3). */
const defaultGrowthBytes = 4 * 1024 * 1024;
/** How long a record that nobody waits on urgently may be without a sync. */
const gatherMs = 20;
const backoff = { firstMs: 200, maxMs: 5_000 } as const;

export interface FileJournalOptions {
  /** Made when it isn't there. */
  directory: string;
  clock: Clock;
  random: () => number;
  log: Log;
  growthBytes?: number;
  openFile?: OpenJournalFile;
}

export type OpenJournalOutcome =
  { kind: 'open'; journal: FileJournal } | { kind: 'failed'; failure: JournalFailure };

interface Found {
  id: string;
  state: JournalState;
  segment: JournalSegment;
}

interface Waiter {
  /** Records that have to be durable. */
  records: number;
  answer: (isDurable: boolean) => void;
}

export class FileJournal extends RecordingJournal {
  readonly id: string;
  readonly state: JournalState;
  readonly #options: FileJournalOptions;
  readonly #release: () => Promise<void>;
  #segment: JournalSegment;
  /** (2) */
  #isBroken = false;
  #pending: JournalRecord[] = [];
  /** Records so far: all, and those that are durable. */
  #appended = 0;
  #durable = 0;
  #waiters: Waiter[] = [];
  /** Records up to here are waited for. */
  #urgent = 0;
  /** Monotonic time at which the next sync is due without anyone waiting. */
  #dueMs = Infinity;
  #working: Promise<void> | undefined;
  #rest = new AbortController();
  #failures = 0;
  #isClosing = false;
  #closing: Promise<void> | undefined;

  private constructor(options: FileJournalOptions, found: Found, release: () => Promise<void>) {
    super();
    this.#options = options;
    this.id = found.id;
    this.state = found.state;
    this.#segment = found.segment;
    this.#release = release;
  }

  static async open(options: FileJournalOptions): Promise<OpenJournalOutcome> {
    const { directory } = options;
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await chmod(directory, 0o700);
      const lock = await takeJournalLock(directory);
      if (lock.kind === 'locked') {
        const message = `${directory} is open in process ${lock.holder.pid}: two workers can't share a journal. Stop that one, or give this worker another directory (journal in its configuration).`;
        return { kind: 'failed', failure: { code: 'journal-locked', message } };
      }
      let found: Found | JournalFailure;
      try {
        found = await openSegments(options);
      } catch (error) {
        await lock.release();
        throw error;
      }
      if (!('code' in found)) return { kind: 'open', journal: new FileJournal(options, found, lock.release) };
      await lock.release();
      return { kind: 'failed', failure: found };
    } catch (error) {
      return { kind: 'failed', failure: systemFailure(directory, error) };
    }
  }

  /** Whether the disk takes nothing at the moment (2). */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Bytes of the segment in use. */
  get bytes(): number {
    return this.#segment.bytes;
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#isClosing = true;
      this.#rest.abort();
      await this.#working;
      // An empty frame says that all before it was synced: damage there can't pass for a torn tail.
      if (!this.#isBroken && (await this.#try(() => this.#segment.sync()))) {
        this.#durable = this.#appended;
        await this.#try(() => this.#segment.append([]));
      }
      this.#answer();
      for (const { answer } of this.#waiters.splice(0)) answer(false);
      await this.#segment.close().catch(() => undefined);
      await this.#release().catch(() => undefined);
    })();
    return this.#closing;
  }

  protected append(records: readonly JournalRecord[], urgency: Urgency): Promise<boolean> {
    if (this.#isClosing) return Promise.resolve(false);
    for (const record of records) {
      this.state.apply(record);
      this.#pending.push(record);
    }
    this.#appended += records.length;
    if (urgency === 'now') this.#urgent = this.#appended;
    else if (urgency === 'soon') {
      this.#dueMs = Math.min(this.#dueMs, this.#options.clock.monotonicMs() + gatherMs);
    }
    const appended = this.#appended;
    const durable = new Promise<boolean>((resolve) => {
      if (urgency !== 'whenever') this.#waiters.push({ records: appended, answer: resolve });
      else resolve(true);
    });
    this.#rest.abort();
    this.#working ??= this.#work();
    return durable;
  }

  /** Until nothing is pending, and nobody waits for a sync; whatever is appended after that begins anew. */
  async #work(): Promise<void> {
    const { clock, random } = this.#options;
    for (;;) {
      // What is appended in one turn is one frame (1).
      await new Promise((resolve) => setImmediate(resolve));
      const isWritten = await this.#try(() => this.#write());
      if (isWritten) this.#answer();
      if (isWritten ? this.#isDone : this.#isClosing) {
        this.#working = undefined;
        return;
      }
      if (!isWritten) {
        await this.#wait(backoffDelayMs(backoff, this.#failures++, random()), { whole: true });
        continue;
      }
      this.#failures = 0;
      if (this.#pending.length === 0 && this.#urgent <= this.#durable) {
        await this.#wait(this.#dueMs - clock.monotonicMs());
      }
    }
  }

  /** What is left unsynced then is `close`'s business, or nobody waits for it. */
  get #isDone(): boolean {
    if (this.#pending.length > 0) return false;
    return this.#isClosing || (this.#urgent <= this.#durable && this.#dueMs === Infinity);
  }

  async #write(): Promise<void> {
    const { clock, growthBytes = defaultGrowthBytes } = this.#options;
    const appended = this.#appended;
    const records = this.#pending;
    if (this.#isBroken || this.#segment.bytes - this.#segment.baseBytes > growthBytes) {
      this.#pending = [];
      await this.#replaceSegment();
    } else {
      if (records.length > 0) {
        this.#pending = [];
        await this.#segment.append(records);
      }
      const isDue = this.#urgent > this.#durable || clock.monotonicMs() >= this.#dueMs;
      if (!isDue) return;
      await this.#segment.sync();
    }
    this.#durable = appended;
    if (this.#appended === appended) this.#dueMs = Infinity;
  }

  /** (2) and (3): the state holds every record so far. */
  async #replaceSegment(): Promise<void> {
    const { directory, openFile = open } = this.#options;
    const replaced = this.#segment;
    this.#segment = await JournalSegment.create({
      directory,
      number: replaced.number + 1,
      journal: this.id,
      records: this.state.snapshot(),
      openFile,
    });
    await replaced.remove().catch(() => undefined);
  }

  async #try(act: () => Promise<void>): Promise<boolean> {
    const { directory, log } = this.#options;
    try {
      await act();
    } catch (error) {
      if (!this.#isBroken) {
        const { code, message } = systemFailure(directory, error);
        log.error({ code, journal: directory }, `${message} It is tried again until it works.`);
      }
      this.#isBroken = true;
      return false;
    }
    if (this.#isBroken) log.info({ journal: directory }, 'the journal can be written again');
    this.#isBroken = false;
    return true;
  }

  #answer(): void {
    this.#waiters = this.#waiters.filter(({ records, answer }) => {
      if (records > this.#durable) return true;
      answer(true);
      return false;
    });
  }

  /** Until the time is over or, unless the whole time is wanted, something was appended. */
  async #wait(ms: number, options: { whole?: boolean } = {}): Promise<void> {
    if (ms <= 0 || this.#isClosing) return;
    for (let restMs = ms; restMs > 0 && !this.#isClosing;) {
      const beganMs = this.#options.clock.monotonicMs();
      this.#rest = new AbortController();
      await delay(this.#options.clock, restMs, this.#rest.signal);
      if (options.whole !== true) return;
      restMs -= this.#options.clock.monotonicMs() - beganMs;
    }
  }
}

/** What the directory holds; a new journal when it holds none. @throws what the file system throws. */
async function openSegments(options: FileJournalOptions): Promise<Found | JournalFailure> {
  const { directory, log, openFile = open } = options;
  const numbers = await segmentNumbers(directory);
  const number = numbers.pop();
  if (number === undefined) {
    const id = randomUUID();
    const segment = await JournalSegment.create({ directory, number: 1, journal: id, records: [], openFile });
    log.info({ journal: directory, id }, 'a new journal was made');
    return { id, state: new JournalState(), segment };
  }
  const outcome = await JournalSegment.read({ directory, number, openFile, log });
  if (outcome.kind === 'failed') return outcome.failure;
  // The next segment was complete before it got its name: what is left of older ones is not needed.
  for (const older of numbers) await unlink(join(directory, segmentName(older)));
  return { id: outcome.head.journal, state: JournalState.of(outcome.records), segment: outcome.segment };
}
