/**
 * Ends of one job's attempts on their way to journal and outbox.
 *
 * 1. A report of the end leaves only after the output before it is in the spool: who hears of the end can read it all.
 * 2. A refusal is said only when it is journaled (A3). Results are said at once: what the journal misses after a crash is
 *    reported as `unknown`, and the host keeps its outcome until rexec hears that it is recorded (E4).
 */
import type { Attempt } from './attempt.js';
import type { JobSpool } from './job-spool.js';
import type { FinalReport, Journal } from './journal/journal.js';
import type { Outbox } from './outbox.js';
import { RecordedResults } from './recorded-results.js';
import type { Rexec } from './rexec-process.js';

export interface AttemptEndsOptions {
  job: number;
  journal: Journal;
  outbox: Outbox;
  spool: JobSpool;
  /** Something has reached the outbox, or never will. */
  settled: () => void;
}

export class AttemptEnds {
  readonly #options: AttemptEndsOptions;
  readonly #recorded = new RecordedResults();
  #underWay = 0;

  constructor(options: AttemptEndsOptions) {
    this.#options = options;
  }

  /** How many calls are on their way to the outbox. */
  get underWay(): number {
    return this.#underWay;
  }

  /**
   * Takes what a rexec has said; it hears what is recorded.
   *
   * @param options.hurry output doesn't wait for more to be written with it.
   */
  async take(
    ends: readonly FinalReport[],
    options: { hurry: boolean; rexec?: Rexec | undefined },
  ): Promise<void> {
    const { journal, outbox, spool } = this.#options;
    this.#underWay++;
    // Of these rexec says that it never dialled: as good as never handed over.
    const refused = ends.filter(({ event }) => event === 'refused');
    const results = ends.filter(({ event }) => event === 'finished');
    if (results.length > 0) {
      void journal.finished(results).then((isDurable) => {
        if (isDurable && options.rexec !== undefined) this.#recorded.add(options.rexec, results);
      });
    }
    const [isRefusalDurable] = await Promise.all([
      refused.length === 0 || journal.refused(refused, 'refused by rexec'),
      spool.flushed(options),
    ]);
    outbox.add(isRefusalDurable ? ends : results);
    this.#settled();
  }

  /** Not begun, and never will be. */
  async refuse(attempts: readonly Attempt[], reason: string): Promise<void> {
    const { job, journal, outbox } = this.#options;
    this.#underWay++;
    const refused = attempts.map(({ host, attempt }) => ({ job, host, attempt }));
    if (await journal.refused(refused, reason)) {
      outbox.add(refused.map((attempt) => ({ ...attempt, event: 'refused', reason })));
    }
    this.#settled();
  }

  #settled(): void {
    this.#underWay--;
    this.#options.settled();
  }
}
