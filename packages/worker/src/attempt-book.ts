/**
 * What became of every attempt that was ordered here.
 *
 * 1. An attempt is taken once, whatever is sent twice (A6): also after its report was acknowledged, also after a restart,
 *    until an order of a later term of its namespace than the acknowledging one has come (A4).
 * 2. `held` is every attempt between order and acknowledged report; nothing else.
 */
import { namespaceNumberOf } from '@pogo/core';
import { type Attempt, attemptNumber, attemptOfNumber, type JobAttempt } from './attempt.js';
import { HostRanges } from './host-ranges.js';
import type { JournalState } from './journal/journal-state.js';

interface JobPage {
  held: Set<number>;
  /** Acknowledged ones, by attempt: a few bytes a job. */
  settled: Map<number, HostRanges>;
  /** The term under which the last of them was acknowledged. */
  settledTerm: number;
}

export class AttemptBook {
  readonly #pages = new Map<number, JobPage>();
  #heldCount = 0;

  /** As the journal has it at the start of a worker. */
  static from(journal: JournalState): AttemptBook {
    const book = new AttemptBook();
    for (const attempt of journal.held()) book.take(attempt.job, [attempt]);
    for (const { job, groups, term } of journal.settled()) {
      const page = book.#page(job);
      page.settledTerm = term;
      for (const { attempt, hosts } of groups) page.settled.set(attempt, HostRanges.of(hosts));
    }
    return book;
  }

  /** Notes the new ones among these as held, and returns them. */
  take<A extends Attempt>(job: number, attempts: readonly A[]): A[] {
    const page = this.#page(job);
    return attempts.filter((attempt) => {
      const number = attemptNumber(attempt);
      if (page.held.has(number) || page.settled.get(attempt.attempt)?.has(attempt.host)) return false;
      page.held.add(number);
      this.#heldCount++;
      return true;
    });
  }

  /** The final report of this attempt is in a dispatcher's log, under this term or an older one. */
  settle({ job, host, attempt }: JobAttempt, term: number): void {
    const page = this.#pages.get(job);
    if (page === undefined || !page.held.delete(attemptNumber({ host, attempt }))) return;
    this.#heldCount--;
    let settled = page.settled.get(attempt);
    if (settled === undefined) page.settled.set(attempt, (settled = new HostRanges()));
    settled.add(host);
    page.settledTerm = Math.max(page.settledTerm, term);
  }

  get heldCount(): number {
    return this.#heldCount;
  }

  /** Those of the namespace of that number. */
  heldIn(namespace: number): JobAttempt[] {
    const held: JobAttempt[] = [];
    for (const [job, page] of this.#pages) {
      if (namespaceNumberOf(job) !== namespace) continue;
      for (const number of page.held) held.push({ job, ...attemptOfNumber(number) });
    }
    return held;
  }

  /** A later term of the namespace protects from its older orders: what was acknowledged under an earlier one is forgotten (1). */
  forgetBefore(term: number, namespace: number): void {
    for (const [job, page] of this.#pages) {
      if (namespaceNumberOf(job) !== namespace) continue;
      if (page.settledTerm < term) page.settled.clear();
      if (page.held.size === 0 && page.settled.size === 0) this.#pages.delete(job);
    }
  }

  #page(job: number): JobPage {
    let page = this.#pages.get(job);
    if (page === undefined) {
      page = { held: new Set(), settled: new Map(), settledTerm: 0 };
      this.#pages.set(job, page);
    }
    return page;
  }
}
