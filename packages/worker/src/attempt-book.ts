/**
 * What became of every attempt that was ordered here.
 *
 * 1. An attempt is taken once, whatever is sent twice (A6): also after its report was acknowledged, and after its job
 *    was closed, until an order of a later term has come (A4).
 * 2. `held` is every attempt between order and acknowledged report; nothing else.
 */
import { type HostSet, toHostSet } from '@pogo/core';
import { type Attempt, attemptNumber, type JobAttempt } from './attempt.js';

interface JobPage {
  held: Map<number, Attempt>;
  /** Acknowledged ones, while the job is open. */
  settled: Set<number>;
  /** Acknowledged ones by attempt, once it is closed: a few bytes a job. */
  closed?: { term: number; hosts: Map<number, HostSet> };
}

export class AttemptBook {
  readonly #pages = new Map<number, JobPage>();
  #heldCount = 0;

  /** Notes the new ones among these as held, and returns them. */
  take(job: number, attempts: readonly Attempt[]): Attempt[] {
    const page = this.#page(job);
    return attempts.filter((attempt) => {
      const number = attemptNumber(attempt);
      if (page.held.has(number) || page.settled.has(number) || isClosed(page, attempt)) return false;
      page.held.set(number, attempt);
      this.#heldCount++;
      return true;
    });
  }

  /** The final report of this attempt is in a dispatcher's log. */
  settle({ job, host, attempt }: JobAttempt): void {
    const page = this.#pages.get(job);
    const number = attemptNumber({ host, attempt });
    if (page === undefined || !page.held.delete(number)) return;
    this.#heldCount--;
    page.settled.add(number);
    if (page.closed !== undefined) this.#fold(page);
  }

  get heldCount(): number {
    return this.#heldCount;
  }

  held(): JobAttempt[] {
    const held: JobAttempt[] = [];
    for (const [job, page] of this.#pages) {
      for (const { host, attempt } of page.held.values()) held.push({ job, host, attempt });
    }
    return held;
  }

  /** The job was closed under this term: its settled attempts shrink to a few ranges. */
  close(job: number, term: number): void {
    const page = this.#pages.get(job);
    if (page === undefined) return;
    page.closed = { term, hosts: page.closed?.hosts ?? new Map() };
    this.#fold(page);
  }

  /** A later term protects from older orders: closed jobs with nothing held are forgotten. */
  forgetBefore(term: number): void {
    for (const [job, page] of this.#pages) {
      if (page.closed !== undefined && page.closed.term < term && page.held.size === 0)
        this.#pages.delete(job);
    }
  }

  #page(job: number): JobPage {
    let page = this.#pages.get(job);
    if (page === undefined) {
      page = { held: new Map(), settled: new Set() };
      this.#pages.set(job, page);
    }
    return page;
  }

  #fold(page: JobPage): void {
    if (page.closed === undefined || page.held.size > 0) return;
    const byAttempt = new Map<number, number[]>();
    for (const number of page.settled) {
      const attempt = Math.floor(number / 2 ** 32);
      const hosts = byAttempt.get(attempt) ?? [];
      hosts.push(number % 2 ** 32);
      byAttempt.set(attempt, hosts);
    }
    for (const [attempt, hosts] of byAttempt) {
      for (const item of page.closed.hosts.get(attempt) ?? []) {
        if (typeof item === 'number') hosts.push(item);
        else for (let host = item[0]; host <= item[1]; host++) hosts.push(host);
      }
      page.closed.hosts.set(attempt, toHostSet(hosts));
    }
    page.settled.clear();
  }
}

function isClosed(page: JobPage, { host, attempt }: Attempt): boolean {
  const set = page.closed?.hosts.get(attempt);
  if (set === undefined) return false;
  return set.some((item) => (typeof item === 'number' ? item === host : item[0] <= host && host <= item[1]));
}
