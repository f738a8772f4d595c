/**
 * Takes what workers say of their attempts into the log. A report counts only from the worker that its certificate names
 * (A6); the answer comes once it is durable, or void (L7).
 */
import { type ClusterState, decideHalt, decideReports, type LogEntry, type ReportedEvent } from '@pogo/core';
import type { AttemptReport, ReportParams } from '@pogo/protocol';
import type { Logger } from 'pino';
import type { Leader } from '../leader/leader.js';
import type { WorkerRegistry } from './worker-registry.js';

/** Characters of a text from outside that the log keeps. */
const maxTextLength = 2000;

export class ReportDesk {
  readonly #leader: Leader;
  readonly #registry: WorkerRegistry;
  readonly #logger: Logger;

  constructor(options: { leader: Leader; registry: WorkerRegistry; logger: Logger }) {
    this.#leader = options.leader;
    this.#registry = options.registry;
    this.#logger = options.logger;
  }

  /** `lost`: nobody leads; the worker has to say it again. */
  async take(worker: string, { reports, passwordRefused }: ReportParams): Promise<'taken' | 'lost'> {
    const bounded = reports.map(boundedReport);
    const outcome = await this.#leader.command((state) => {
      const { entries, voidCount } = decideReports(state, worker, bounded);
      const halts = passwordRefused.flatMap((job) => {
        const decision = decideHalt(state, { job, by: worker, cause: 'password-refused', kill: false });
        return decision.kind === 'halted' ? decision.entries : [];
      });
      // At once, or this same cycle's plan would give the host back to the worker that refused it.
      this.#notePauses(worker, entries, state);
      return { entries: [...entries, ...halts], answer: voidCount };
    });
    if (outcome.kind === 'lost') return 'lost';
    if (outcome.answer > 0) {
      this.#logger.debug({ worker, void: outcome.answer }, 'reports that changed nothing');
    }
    return 'taken';
  }

  #notePauses(worker: string, entries: readonly LogEntry[], state: ClusterState): void {
    const pauses = this.#registry.get(worker)?.pauses;
    const refused = new Set<number>();
    const begun = new Set<number>();
    for (const entry of entries) {
      if (entry.type === 'hosts-begun' || entry.type === 'hosts-started') begun.add(entry.job);
      if (entry.type === 'hosts-refused' && state.jobs.get(entry.job)?.halt === undefined)
        refused.add(entry.job);
    }
    for (const job of refused) pauses?.refused(job);
    for (const job of begun) if (!refused.has(job)) pauses?.begun(job);
  }
}

function boundedReport(report: AttemptReport): ReportedEvent {
  switch (report.event) {
    case 'begun':
    case 'started':
      return report;
    case 'refused':
      return { ...report, reason: report.reason.slice(0, maxTextLength) };
    case 'unsettled':
      return { ...report, detail: report.detail.slice(0, maxTextLength) };
    case 'finished': {
      const { message } = report.outcome;
      if (message === undefined || message.length <= maxTextLength) return report;
      return { ...report, outcome: { ...report.outcome, message: message.slice(0, maxTextLength) } };
    }
  }
}
