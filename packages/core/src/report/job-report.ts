/**
 * The report on one job, from the log alone: what became of its hosts, and whether every limit and sequence was kept while
 * it was open. Give it the batches from where its knowledge of earlier ones ends, through the job's last.
 */
import type { FoldedBatch, LogEntry } from '../entries.js';
import type { EndedJobState, HostState } from '../states.js';
import type { CountedHost } from './counted-host.js';
import { type CountsBefore, nothingBefore } from './counts-before.js';
import { type AttemptTally, JobTally, type OwnPeak, type TalliedFailure } from './job-tally.js';
import { type CountedJob, type LogPosition, Recount, type RecountDocuments } from './recount.js';
import { type SequenceTimes, SequenceTimesOf } from './sequence-times.js';
import { type SlotPeak, SlotPeaks } from './slot-peaks.js';

/** A time in which the job was open. */
export interface OpenPeriod {
  readonly from: LogPosition;
  /** Undefined: it is open still. */
  readonly to: LogPosition | undefined;
  /** How it ended. */
  readonly state: EndedJobState | undefined;
}

export interface JobReport {
  readonly hosts: number;
  readonly isUnconstrained: boolean;
  readonly counts: Partial<Record<HostState, number>>;
  readonly attempts: AttemptTally;
  readonly failures: readonly TalliedFailure[];
  readonly periods: readonly OpenPeriod[];
  readonly own: readonly OwnPeak[];
  readonly slots: readonly SlotPeak[];
  readonly sequences: readonly SequenceTimes[];
  /** Jobs whose hosts could not be counted, since nobody can say any more which they were. */
  readonly namelessJobs: readonly number[];
}

export class JobReporter {
  readonly #number: number;
  readonly #recount: Recount;
  readonly #tally = new JobTally();
  readonly #peaks = new SlotPeaks();
  #sequences: SequenceTimesOf | undefined;
  #accepted: { hosts: number; isUnconstrained: boolean } | undefined;
  #periods: OpenPeriod[] = [];

  constructor(job: number, documents: RecountDocuments, before: CountsBefore = nothingBefore) {
    this.#number = job;
    this.#recount = new Recount(
      documents,
      {
        limitsEnd: () => {
          if (this.#peaks.isOpen) this.#peaks.close(this.#recount);
        },
        limits: (_limits, _version, at) => this.#limited(at),
        rose: (slot, use, permitted, at) => this.#peaks.rose(slot, use, permitted, at),
        falls: (slot, use) => this.#peaks.falls(slot, use),
        moved: (moved, index, host, entry, at) => this.#moved(moved, index, host, entry, at),
      },
      before,
    );
  }

  apply(batch: FoldedBatch): void {
    // Entry by entry: the job is open from its own entry on, and no longer than to its end.
    for (const entry of batch.entries) {
      const at = { index: batch.index, atMs: batch.atMs };
      if (isEndOf(this.#number, entry)) this.#end(entry.state, at);
      this.#recount.apply({ ...at, entries: [entry] });
      if (!('job' in entry) || entry.job !== this.#number) continue;
      if (entry.type === 'job-accepted') this.#accept(entry, at);
      else if (entry.type === 'job-reopened') this.#open(at);
      else if (entry.type === 'limits-altered') this.#tally.limit(entry.limits.concurrent);
    }
  }

  /** Undefined where the job's acceptance wasn't among the batches. */
  report(): JobReport | undefined {
    const job = this.#recount.job(this.#number) ?? this.#last;
    if (this.#accepted === undefined || job === undefined) return undefined;
    if (this.#peaks.isOpen) this.#peaks.close(this.#recount);
    return {
      ...this.#accepted,
      counts: this.#tally.counts(job, this.#accepted.hosts),
      attempts: this.#tally.attempts,
      failures: this.#tally.failures,
      periods: this.#periods,
      own: this.#tally.own,
      slots: this.#peaks.all,
      sequences: this.#sequences?.all ?? [],
      namelessJobs: [...this.#recount.nameless],
    };
  }

  /** The job as it was before it left the log's live part. */
  #last: CountedJob | undefined;

  #accept(entry: Extract<LogEntry, { type: 'job-accepted' }>, at: LogPosition): void {
    const { hosts, unconstrained, onPredecessorFailure, limits } = entry;
    this.#accepted = { hosts, isUnconstrained: unconstrained === true };
    this.#last = this.#recount.job(this.#number);
    this.#tally.limit(limits.concurrent);
    if (unconstrained !== true) {
      this.#sequences = new SequenceTimesOf({ goesOnAfterFailure: onPredecessorFailure === 'continue' });
    }
    this.#open(at);
  }

  #open(at: LogPosition): void {
    this.#periods.push({ from: at, to: undefined, state: undefined });
    this.#limited(at);
  }

  #end(state: EndedJobState, at: LogPosition): void {
    const period = this.#periods.pop();
    if (period !== undefined) this.#periods.push({ ...period, to: at, state });
    this.#peaks.close(this.#recount);
  }

  /** The job begins to be open, or other limits hold while it is. */
  #limited(at: LogPosition): void {
    const job = this.#last;
    const period = this.#periods.at(-1);
    if (job === undefined || period === undefined || period.to !== undefined) return;
    this.#sequences?.place(this.#recount, job);
    const members = (job.names ?? []).flatMap((_, index) => this.#recount.memberOf(job, index) ?? []);
    this.#peaks.open(this.#recount, members, at);
  }

  #moved(job: CountedJob, index: number, host: CountedHost, entry: LogEntry, at: LogPosition): void {
    // What another job's entry changes in this one is who counts, and nothing else.
    if (job.job !== this.#number || !('job' in entry) || entry.job !== this.#number) return;
    const began = entry.type === 'hosts-permitted';
    this.#tally.moved(index, host, entry, began, at);
    this.#sequences?.moved(index, host, began, at);
  }
}

function isEndOf(job: number, entry: LogEntry): entry is Extract<LogEntry, { type: 'job-ended' }> {
  return entry.type === 'job-ended' && entry.job === job;
}
