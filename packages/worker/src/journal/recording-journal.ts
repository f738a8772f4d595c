import type { JournalRecord } from '@pogo/protocol';
import { type AttemptGroup, groupAttempts, groupByJob, type JobAttempt } from '../attempt.js';
import type { ProcessIdentity } from '../process-identity.js';
import type { FinalReport, Journal } from './journal.js';
import type { JournalState } from './journal-state.js';

/**
 * How much a record is wanted on the disk: `now` somebody waits before acting on it, `soon` somebody would like to know,
 * `whenever` with whatever comes next.
 */
export type Urgency = 'now' | 'soon' | 'whenever';

/** The contract in terms of records, for implementations that differ in where these go. */
export abstract class RecordingJournal implements Journal {
  abstract readonly id: string;
  abstract readonly state: JournalState;
  abstract close(): Promise<void>;

  /** Resolves to whether it is durable (Journal, 2 and 3). Called in the order of the facts. */
  protected abstract append(records: readonly JournalRecord[], urgency: Urgency): Promise<boolean>;

  term(term: number, namespace: number): Promise<boolean> {
    return this.append([{ type: 'term', term, namespace }], 'now');
  }

  received(attempts: readonly JobAttempt[]): Promise<boolean> {
    return this.append(
      grouped(attempts).map((group): JournalRecord => ({ type: 'received', ...group })),
      'now',
    );
  }

  begun(attempts: readonly JobAttempt[]): Promise<boolean> {
    return this.append(
      grouped(attempts).map((group): JournalRecord => ({ type: 'begun', ...group })),
      'now',
    );
  }

  refused(attempts: readonly JobAttempt[], reason: string): Promise<boolean> {
    const records = [...groupByJob(attempts)].map(([job, ofJob]): JournalRecord => ({
      type: 'refused',
      job,
      attempts: groupAttempts(ofJob),
      reason,
    }));
    return this.append(records, 'now');
  }

  finished(reports: readonly FinalReport[]): Promise<boolean> {
    return this.append([{ type: 'finished', reports: [...reports] }], 'soon');
  }

  acknowledged(reports: readonly FinalReport[]): void {
    const records = [...groupByJob(reports)].map(([job, ofJob]): JournalRecord => {
      const unknown = ofJob.filter(isUnknown);
      const settled = ofJob.filter((report) => !isUnknown(report));
      return {
        type: 'acknowledged',
        job,
        attempts: groupAttempts(settled),
        unknown: groupAttempts(unknown),
      };
    });
    if (records.length > 0) void this.append(records, 'whenever');
  }

  rexecStarted(rexec: ProcessIdentity): Promise<boolean> {
    return this.append([{ type: 'rexec-started', ...rexec }], 'now');
  }

  rexecEnded({ pid }: ProcessIdentity): void {
    void this.append([{ type: 'rexec-ended', pid }], 'whenever');
  }
}

function isUnknown(report: FinalReport): boolean {
  return report.event === 'finished' && report.outcome.state === 'unknown';
}

function grouped(attempts: readonly JobAttempt[]): { job: number; attempts: AttemptGroup[] }[] {
  return [...groupByJob(attempts)].map(([job, ofJob]) => ({ job, attempts: groupAttempts(ofJob) }));
}
