/**
 * Reports of one namespace on their way to a dispatcher's log.
 *
 * 1. A report stays until a dispatcher has acknowledged it (A6, L7): through reconnects, and through whichever link is up.
 * 2. One call is under way at a time; what gathers meanwhile is the next batch (L8). Order is kept.
 * 3. What was perhaps received is sent again: reports are idempotent.
 * 4. While many attempts are held, calls keep a little distance, so that a fast dispatcher isn't told of each host by
 *    itself: a call costs both sides more than a report. While few are held, nothing waits.
 */
import { backoffDelayMs, type Clock, type Timer } from '@pogo/lifecycle';
import type { AttemptReport, ReportParams } from '@pogo/protocol';
import type { AttemptBook } from './attempt-book.js';
import type { FinalReport, Journal } from './journal/journal.js';
import type { Log } from './log.js';

/** One way to a dispatcher. Resolves to undefined when the reports are in the log, otherwise to why not. */
export interface ReportLink {
  report(params: ReportParams): Promise<string | undefined>;
}

function isFinal(report: AttemptReport): report is FinalReport {
  return report.event === 'finished' || report.event === 'refused';
}

/** Reports in one call: about a megabyte of outcomes. */
const batchReports = 2000;
/** (4) */
const gather = { aboveHeld: 16, distanceMs: 10 } as const;
const backoff = { firstMs: 200, maxMs: 5_000 } as const;

export interface OutboxOptions {
  /** Number of the namespace. */
  namespace: number;
  book: AttemptBook;
  journal: Journal;
  clock: Clock;
  random: () => number;
  log: Log;
}

export class NamespaceOutbox {
  readonly #options: OutboxOptions;
  #queue: AttemptReport[] = [];
  readonly #passwordRefused = new Set<number>();
  #links: ReportLink[] = [];
  #sending = false;
  #failures = 0;
  /** Runs while nothing may be sent: after a failure, or for the distance (4). */
  #pause: Timer | undefined;
  #emptied: (() => void)[] = [];
  /** When something was last taken, or there was nothing to take. */
  #takenMs = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  add(reports: readonly AttemptReport[]): void {
    this.#noteBeginning();
    for (const report of reports) this.#queue.push(report);
    this.#schedule();
  }

  /** Three hosts refused this job's password: the dispatcher is to halt it. */
  addPasswordRefused(job: number): void {
    this.#noteBeginning();
    this.#passwordRefused.add(job);
    this.#schedule();
  }

  /** A way that is there already is tried again at once. */
  attach(link: ReportLink): void {
    if (!this.#links.includes(link)) this.#links.push(link);
    this.#failures = 0;
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#schedule();
  }

  detach(link: ReportLink): void {
    this.#links = this.#links.filter((other) => other !== link);
  }

  /** Resolves once everything was acknowledged. */
  emptied(): Promise<void> {
    if (this.#isEmpty && !this.#sending) return Promise.resolve();
    return new Promise((resolve) => this.#emptied.push(resolve));
  }

  /** What waits, and how long nothing of it was taken, in milliseconds. */
  waiting(): { reports: number; stuckMs: number } {
    if (this.#isEmpty) return { reports: 0, stuckMs: 0 };
    const reports = this.#queue.length + this.#passwordRefused.size;
    return { reports, stuckMs: this.#options.clock.monotonicMs() - this.#takenMs };
  }

  stop(): void {
    this.#pause?.cancel();
    this.#links = [];
  }

  get #isEmpty(): boolean {
    return this.#queue.length === 0 && this.#passwordRefused.size === 0;
  }

  #noteBeginning(): void {
    if (this.#isEmpty) this.#takenMs = this.#options.clock.monotonicMs();
  }

  /** Sends after this turn, so that what is added together travels together (2). */
  #schedule(): void {
    if (this.#sending || this.#pause !== undefined || this.#isEmpty || this.#links.length === 0) return;
    this.#sending = true;
    queueMicrotask(() => void this.#send());
  }

  async #send(): Promise<void> {
    const link = this.#links[0];
    const reports = this.#queue.slice(0, batchReports);
    const passwordRefused = [...this.#passwordRefused];
    const refusal = link === undefined ? 'not linked' : await link.report({ reports, passwordRefused });
    if (refusal === undefined) this.#acknowledge(reports, passwordRefused);
    this.#sending = false;
    if (refusal !== undefined) {
      this.#putOff(refusal);
    } else {
      if (this.#isEmpty) for (const resolve of this.#emptied.splice(0)) resolve();
      if (this.#options.book.heldCount > gather.aboveHeld) this.#rest(gather.distanceMs);
    }
    this.#schedule();
  }

  /** Nobody waits for the journal: what it doesn't keep of this is said once more after a restart (3). */
  #acknowledge(reports: readonly AttemptReport[], passwordRefused: readonly number[]): void {
    const { journal, book, namespace } = this.#options;
    this.#failures = 0;
    this.#takenMs = this.#options.clock.monotonicMs();
    this.#queue.splice(0, reports.length);
    for (const job of passwordRefused) this.#passwordRefused.delete(job);
    const ends = reports.filter(isFinal);
    journal.acknowledged(ends);
    for (const report of ends) book.settle(report, journal.state.termOf(namespace));
  }

  #putOff(refusal: string): void {
    if (this.#links.length === 0) return;
    const { namespace, random, log } = this.#options;
    // Another dispatcher may take what this one can't.
    this.#links.push(this.#links.shift()!);
    const waitMs = backoffDelayMs(backoff, this.#failures++, random());
    log.warn(
      { namespace, reports: this.#queue.length, refusal, waitMs },
      'reports were not taken and will be sent again',
    );
    this.#rest(waitMs);
  }

  #rest(restMs: number): void {
    this.#pause = this.#options.clock.setTimer(restMs, () => {
      this.#pause = undefined;
      this.#schedule();
    });
  }
}
