/** Final reports that the worker itself makes of an attempt, since no rexec can. */
import type { Attempt } from './attempt.js';
import type { FinalReport } from './journal/journal.js';
import type { RexecEnd } from './rexec-process.js';

/** There is no script to send: nothing was dialled. `message` says why. */
export function deniedReport(job: number, { host, attempt }: Attempt, message: string): FinalReport {
  const outcome = { state: 'denied', reason: 'attachment-unavailable', message } as const;
  return { event: 'finished', job, host, attempt, outcome };
}

/** rexec is gone, and nobody else knows what became of the attempt (E1). */
export function unknownReport(job: number, { host, attempt }: Attempt, end: RexecEnd): FinalReport {
  const message = `The process on the worker that ran the command ${end.description}.`;
  const outcome = { state: 'unknown', reason: 'rexec-lost', message } as const;
  return { event: 'finished', job, host, attempt, outcome };
}
