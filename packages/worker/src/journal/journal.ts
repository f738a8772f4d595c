import type { AttemptReport } from '@pogo/protocol';
import type { JobAttempt } from '../attempt.js';
import type { ProcessIdentity } from '../process-identity.js';
import type { JournalState } from './journal-state.js';

/** A report that ends an attempt. */
export type FinalReport = Extract<AttemptReport, { event: 'finished' | 'refused' }>;

/**
 * The worker's own record (A4): what a restarted worker can still answer for.
 *
 * 1. Facts are kept in the order of the calls, whatever their promises do.
 * 2. A call resolves to true once its fact is durable, and is awaited before anything is done that rests on it. While the
 *    disk takes nothing it doesn't resolve: what can't be journaled isn't answered, begun or refused.
 * 3. It resolves to false when the journal is closed first: then nothing may be done that rests on the fact.
 * 4. Nothing is forgotten before a term later than the acknowledging one is journaled.
 */
export interface Journal {
  /** Random, made with the journal: a worker whose journal was lost has another, and so another identity (A4). */
  readonly id: string;
  /** What is known so far, facts that are still on their way to the disk included. Not to be written to. */
  readonly state: JournalState;
  /**
   * An order of this term was taken: older ones of the namespace of that number are refused from here on, also after a
   * restart (A2).
   */
  term(term: number, namespace: number): Promise<boolean>;
  /** Orders that came; nothing was done about them yet. */
  received(attempts: readonly JobAttempt[]): Promise<boolean>;
  /** About to be handed to rexec: from here on only evidence says how they ended. */
  begun(attempts: readonly JobAttempt[]): Promise<boolean>;
  /** Not begun, and never will be (A3). */
  refused(attempts: readonly JobAttempt[], reason: string): Promise<boolean>;
  /** How attempts ended (A6). Written at once; durable with the next fact that somebody waits for, or a little later. */
  finished(reports: readonly FinalReport[]): Promise<boolean>;
  /** A dispatcher has these in its log (L7): they need not be said again. Nobody waits for this. */
  acknowledged(reports: readonly FinalReport[]): void;
  /** This process may hold attempts. */
  rexecStarted(rexec: ProcessIdentity): Promise<boolean>;
  rexecEnded(rexec: ProcessIdentity): void;
  /** Makes durable what came so far, if the disk takes it, and lets go. */
  close(): Promise<void>;
}
