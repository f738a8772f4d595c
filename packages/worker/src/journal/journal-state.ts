/**
 * What a journal's records add up to: pure, the same for every implementation, and small: what is acknowledged shrinks
 * to ranges.
 *
 * 1. The state of the records of {@link JournalState.snapshot} is this state.
 * 2. What was acknowledged is forgotten once a term of its namespace later than the acknowledging one is recorded, and not
 *    before (A4).
 * 3. Evidence takes the place of an `unknown` (E2), never the other way round.
 */
import type { JournalRecord } from '@pogo/protocol';
import { hostIndexes, namespaceNumberOf } from '@pogo/core';
import {
  type Attempt,
  type AttemptGroup,
  attemptNumber,
  attemptOfNumber,
  groupAttempts,
  type JobAttempt,
} from '../attempt.js';
import { HostRanges } from '../host-ranges.js';
import type { ProcessIdentity } from '../process-identity.js';
import type { FinalReport } from './journal.js';

interface HeldAttempt {
  isBegun: boolean;
  end: FinalReport | undefined;
}

interface JobPage {
  /** From order to acknowledged report, by attempt number. */
  held: Map<number, HeldAttempt>;
  /** Acknowledged ones, by attempt. */
  settled: Map<number, HostRanges>;
  /** The term under which the last of them was acknowledged. */
  settledTerm: number;
  /** Evidence that came after `unknown` was acknowledged, and wasn't acknowledged itself. */
  late: Map<number, FinalReport>;
}

/** Reports in one record of a snapshot. */
const snapshotReports = 500;

export class JournalState {
  /** The latest, by the number of the namespace. */
  readonly #terms = new Map<number, number>();
  readonly #pages = new Map<number, JobPage>();
  readonly #rexecs = new Map<number, ProcessIdentity>();

  static of(records: Iterable<JournalRecord>): JournalState {
    const state = new JournalState();
    for (const record of records) state.apply(record);
    return state;
  }

  /** The latest term of a namespace; 0 before the first. */
  termOf(namespace: number): number {
    return this.#terms.get(namespace) ?? 0;
  }

  /** Processes that may still hold attempts. */
  get rexecs(): ProcessIdentity[] {
    return [...this.#rexecs.values()];
  }

  /** From order to acknowledged report. */
  held(): JobAttempt[] {
    return this.#where(() => true);
  }

  /** Ordered, and nothing was done about them. */
  received(): JobAttempt[] {
    return this.#where(({ isBegun, end }) => !isBegun && end === undefined);
  }

  /** Begun, and nobody has said how they ended. */
  begun(): JobAttempt[] {
    return this.#where(({ isBegun, end }) => isBegun && end === undefined);
  }

  /** Ends that no dispatcher has acknowledged. */
  outgoing(): FinalReport[] {
    const reports: FinalReport[] = [];
    for (const { held, late } of this.#pages.values()) {
      for (const { end } of held.values()) if (end !== undefined) reports.push(end);
      reports.push(...late.values());
    }
    return reports;
  }

  /** What was acknowledged and isn't forgotten. */
  *settled(): Generator<{ job: number; groups: AttemptGroup[]; term: number }> {
    for (const [job, page] of this.#pages) {
      if (page.settled.size === 0) continue;
      const groups = [...page.settled].map(([attempt, hosts]) => ({ attempt, hosts: hosts.toHostSet() }));
      yield { job, groups, term: page.settledTerm };
    }
  }

  apply(record: JournalRecord): void {
    switch (record.type) {
      case 'term':
        this.#noteTerm(record);
        return;
      case 'received':
        this.#each(record, (page, number, attempt) => {
          if (!page.held.has(number) && !isSettled(page, attempt)) this.#holding(page, number);
        });
        return;
      case 'begun':
        this.#each(record, (page, number) => (this.#holding(page, number).isBegun = true));
        return;
      case 'refused': {
        const { job, reason } = record;
        this.#each(record, (page, number, attempt) => {
          this.#end(page, number, { job, ...attempt, event: 'refused', reason });
        });
        return;
      }
      case 'finished':
        for (const report of record.reports) {
          if (report.event !== 'finished') continue;
          const page = this.#page(report.job);
          const number = attemptNumber(report);
          if (!isSettled(page, report)) this.#end(page, number, report);
          else if (report.outcome.state !== 'unknown') page.late.set(number, report);
        }
        return;
      case 'acknowledged':
        this.#acknowledged(record);
        return;
      case 'settled': {
        const page = this.#page(record.job);
        page.settledTerm = Math.max(page.settledTerm, record.term);
        for (const { attempt, hosts } of record.attempts) rangesOf(page, attempt).addSet(hosts);
        return;
      }
      case 'rexec-started':
        this.#rexecs.set(record.pid, { pid: record.pid, startTime: record.startTime });
        return;
      case 'rexec-ended':
        this.#rexecs.delete(record.pid);
        return;
    }
  }

  /** Records that add up to this state (1). */
  *snapshot(): Generator<JournalRecord> {
    for (const [namespace, term] of this.#terms) yield { type: 'term', term, namespace };
    for (const rexec of this.#rexecs.values()) yield { type: 'rexec-started', ...rexec };
    for (const { job, groups, term } of this.settled())
      yield { type: 'settled', job, attempts: groups, term };
    for (const [job, { held }] of this.#pages) {
      if (held.size === 0) continue;
      yield { type: 'received', job, attempts: groupAttempts(numbered(held.keys())) };
      const begun = [...held].filter(([, { isBegun }]) => isBegun).map(([number]) => number);
      if (begun.length > 0) yield { type: 'begun', job, attempts: groupAttempts(numbered(begun)) };
    }
    yield* this.#ends();
  }

  *#ends(): Generator<JournalRecord> {
    const finished: FinalReport[] = [];
    const refused = new Map<string, { job: number; reason: string; attempts: Attempt[] }>();
    for (const report of this.outgoing()) {
      if (report.event === 'finished') {
        finished.push(report);
        continue;
      }
      const { job, reason } = report;
      const key = `${job} ${reason}`;
      const alike = refused.get(key);
      if (alike === undefined) refused.set(key, { job, reason, attempts: [report] });
      else alike.attempts.push(report);
    }
    for (const { job, reason, attempts } of refused.values()) {
      yield { type: 'refused', job, attempts: groupAttempts(attempts), reason };
    }
    for (let at = 0; at < finished.length; at += snapshotReports) {
      yield { type: 'finished', reports: finished.slice(at, at + snapshotReports) };
    }
  }

  /** (2) */
  #noteTerm({ namespace, term }: { namespace: number; term: number }): void {
    if (term <= this.termOf(namespace)) return;
    this.#terms.set(namespace, term);
    for (const [job, page] of this.#pages) {
      if (namespaceNumberOf(job) !== namespace) continue;
      // Evidence that is still on its way needs to be known as such.
      if (page.settledTerm < term && page.late.size === 0) page.settled.clear();
      if (isEmpty(page)) this.#pages.delete(job);
    }
  }

  /** (3) */
  #end(page: JobPage, number: number, report: FinalReport): void {
    const held = this.#holding(page, number);
    const isUnknown = report.event === 'finished' && report.outcome.state === 'unknown';
    if (held.end === undefined || !isUnknown) held.end = report;
  }

  #acknowledged(record: JournalRecord & { type: 'acknowledged' }): void {
    const settled = (attempts: readonly AttemptGroup[], isUnknown: boolean) =>
      this.#each({ job: record.job, attempts }, (page, number, attempt) => {
        this.#settle(page, number, attempt, isUnknown);
        page.settledTerm = Math.max(page.settledTerm, this.termOf(namespaceNumberOf(record.job)));
      });
    settled(record.attempts, false);
    settled(record.unknown, true);
  }

  #settle(page: JobPage, number: number, attempt: Attempt, isUnknown: boolean): void {
    const end = page.held.get(number)?.end;
    const isEvidence = end?.event === 'finished' && end.outcome.state !== 'unknown';
    if (isUnknown && isEvidence) page.late.set(number, end);
    else if (!isUnknown) page.late.delete(number);
    page.held.delete(number);
    rangesOf(page, attempt.attempt).add(attempt.host);
  }

  #holding(page: JobPage, number: number): HeldAttempt {
    let held = page.held.get(number);
    if (held === undefined) page.held.set(number, (held = { isBegun: false, end: undefined }));
    return held;
  }

  #page(job: number): JobPage {
    let page = this.#pages.get(job);
    if (page === undefined) {
      page = { held: new Map(), settled: new Map(), settledTerm: 0, late: new Map() };
      this.#pages.set(job, page);
    }
    return page;
  }

  #each(
    { job, attempts }: { job: number; attempts: readonly AttemptGroup[] },
    act: (page: JobPage, number: number, attempt: Attempt) => void,
  ): void {
    const page = this.#page(job);
    for (const { attempt, hosts } of attempts) {
      for (const host of hostIndexes(hosts)) act(page, attemptNumber({ host, attempt }), { host, attempt });
    }
  }

  #where(isWanted: (held: HeldAttempt) => boolean): JobAttempt[] {
    const found: JobAttempt[] = [];
    for (const [job, page] of this.#pages) {
      for (const [number, held] of page.held) {
        if (isWanted(held)) found.push({ job, ...attemptOfNumber(number) });
      }
    }
    return found;
  }
}

function isSettled(page: JobPage, { host, attempt }: Attempt): boolean {
  return page.settled.get(attempt)?.has(host) === true;
}

function isEmpty(page: JobPage): boolean {
  return page.held.size === 0 && page.settled.size === 0 && page.late.size === 0;
}

function rangesOf(page: JobPage, attempt: number): HostRanges {
  let ranges = page.settled.get(attempt);
  if (ranges === undefined) page.settled.set(attempt, (ranges = new HostRanges()));
  return ranges;
}

function* numbered(numbers: Iterable<number>): Generator<Attempt> {
  for (const number of numbers) yield attemptOfNumber(number);
}
