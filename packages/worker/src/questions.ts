/**
 * Attempts whose hosts are asked what became of them: those that a rexec died with, and those that a dispatcher wants
 * settled (E2, E3).
 *
 * 1. Each question is answered: by the host's evidence, by what is known without it, or by that the host can't tell.
 * 2. What a lost rexec held is called `unknown` when the host hasn't answered in time; evidence that
 *    comes later still counts (E2).
 */
import type { Clock, Timer } from '@pogo/lifecycle';
import type { AttemptReport } from '@pogo/protocol';
import { attemptNumber } from './attempt.js';
import type { FinalReport } from './journal/journal.js';
import type { Rexec } from './rexec-process.js';

/** How long a host may take to tell what became of an attempt that a rexec died with. */
export const answerLimitMs = 45_000;

/** An attempt to ask about, with its number at the host's lock. */
export interface SettledAttempt {
  host: number;
  attempt: number;
  index: number;
}

interface Question {
  subject: SettledAttempt;
  /** What is reported if the host can't tell; undefined once that was reported, or when a dispatcher asks. */
  otherwise: FinalReport | undefined;
  /** A dispatcher waits for an answer. */
  isOrdered: boolean;
  state: 'waiting' | 'dialling' | 'authenticated';
  /** Who asks; undefined while it waits. */
  rexec: Rexec | undefined;
}

export interface QuestionsOptions {
  job: number;
  clock: Clock;
  /** How long a host may take; undefined: rexec says when it gives up. */
  answerLimitMs: number | undefined;
  /** What comes of questions, in the order in which it comes. */
  answered: (reports: AttemptReport[], by: Rexec | undefined) => void;
  /** A slot isn't needed any more. */
  release: (slot: { dialling: boolean }) => void;
}

export class Questions {
  readonly #options: QuestionsOptions;
  readonly #questions = new Map<number, Question>();
  readonly #timers = new Set<Timer>();

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#questions.size;
  }

  /** Those that nobody was asked yet. */
  get waiting(): number {
    let count = 0;
    for (const { state } of this.#questions.values()) if (state === 'waiting') count++;
    return count;
  }

  /** (2) */
  askAboutLost(lost: readonly { subject: SettledAttempt; otherwise: FinalReport }[]): void {
    for (const { subject, otherwise } of lost) {
      this.#questions.set(attemptNumber(subject), {
        subject,
        otherwise,
        isOrdered: false,
        state: 'waiting',
        rexec: undefined,
      });
    }
    const { clock, answerLimitMs: limitMs } = this.#options;
    if (limitMs === undefined) return;
    const timer = clock.setTimer(limitMs, () => {
      this.#timers.delete(timer);
      const reports: AttemptReport[] = [];
      for (const { subject } of lost) {
        const question = this.#questions.get(attemptNumber(subject));
        if (question?.otherwise === undefined) continue;
        reports.push(question.otherwise);
        question.otherwise = undefined;
        if (question.state === 'waiting' && !question.isOrdered) this.#forget(question);
      }
      if (reports.length > 0) this.#options.answered(reports, undefined);
    });
    this.#timers.add(timer);
  }

  /** A dispatcher wants to know. */
  ask(subjects: readonly SettledAttempt[]): void {
    for (const subject of subjects) {
      const known = this.#questions.get(attemptNumber(subject));
      if (known !== undefined) known.isOrdered = true;
      else {
        this.#questions.set(attemptNumber(subject), {
          subject,
          otherwise: undefined,
          isOrdered: true,
          state: 'waiting',
          rexec: undefined,
        });
      }
    }
  }

  /** At most so many of those that wait; they hold a slot from now on. */
  take(slots: number, rexec: Rexec): SettledAttempt[] {
    const taken: SettledAttempt[] = [];
    for (const question of this.#questions.values()) {
      if (taken.length === slots) break;
      if (question.state !== 'waiting') continue;
      question.state = 'dialling';
      question.rexec = rexec;
      taken.push(question.subject);
    }
    return taken;
  }

  /** A connection to the host was authenticated. Returns whether it was one of these. */
  authenticated(host: number): boolean {
    for (const question of this.#questions.values()) {
      if (question.subject.host !== host || question.state !== 'dialling') continue;
      question.state = 'authenticated';
      return true;
    }
    return false;
  }

  /** Takes a report, if it answers one of these. */
  takeAnswer(report: AttemptReport): boolean {
    const question = this.#questions.get(attemptNumber(report));
    if (question === undefined || question.state === 'waiting') return false;
    if (report.event === 'begun' || report.event === 'started') return true;
    this.#forget(question);
    const isEvidence = report.event === 'finished' && report.outcome.state !== 'unknown';
    if (isEvidence) this.#options.answered([report], question.rexec);
    else this.#answerWithout(question, detailOf(report));
    return true;
  }

  /** The rexec that asked is gone: another one asks again. */
  askAgain(rexec: Rexec): void {
    for (const question of this.#questions.values()) {
      if (question.rexec !== rexec) continue;
      this.#options.release({ dialling: question.state === 'dialling' });
      question.state = 'waiting';
      question.rexec = undefined;
    }
  }

  /** Nobody can be asked any more: every question is answered without evidence. */
  giveUp(detail: string): void {
    for (const question of [...this.#questions.values()]) {
      this.#forget(question);
      this.#answerWithout(question, detail);
    }
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #answerWithout({ subject, otherwise, isOrdered }: Question, detail: string): void {
    const { job, answered } = this.#options;
    const { host, attempt } = subject;
    const reports: AttemptReport[] = [];
    if (otherwise !== undefined) reports.push(withDetail(otherwise, detail));
    if (isOrdered) reports.push({ event: 'unsettled', job, host, attempt, detail });
    if (reports.length > 0) answered(reports, undefined);
  }

  #forget(question: Question): void {
    this.#questions.delete(attemptNumber(question.subject));
    if (question.state !== 'waiting') this.#options.release({ dialling: question.state === 'dialling' });
  }
}

function detailOf(report: AttemptReport): string {
  if (report.event === 'unsettled') return report.detail;
  if (report.event === 'finished') return report.outcome.message ?? 'the host could not tell';
  return 'the host was not asked';
}

function withDetail(report: FinalReport, detail: string): FinalReport {
  if (report.event !== 'finished') return report;
  const message = `${report.outcome.message ?? ''} Asked afterwards: ${detail}`.trim();
  return { ...report, outcome: { ...report.outcome, message } };
}
