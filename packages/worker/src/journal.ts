import type { AttemptReport } from '@pogo/protocol';
import type { JobAttempt } from './attempt.js';

/**
 * The worker's own record (A4): every call resolves once the fact is durable, and is awaited before anything is done
 * that rests on it. What it holds is what a restarted worker can still answer for.
 */
export interface Journal {
  /** An order of this term was taken: older ones are refused from here on, also after a restart (A2). */
  term(term: number): Promise<void>;
  /** Orders that came; nothing was done about them yet. */
  received(attempts: readonly JobAttempt[]): Promise<void>;
  /** About to be handed to rexec: from here on only evidence says how they ended. */
  begun(attempts: readonly JobAttempt[]): Promise<void>;
  /** Not begun, and never will be (A3). */
  refused(attempts: readonly JobAttempt[], reason: string): Promise<void>;
  /** How attempts ended, before it is reported (A6). */
  result(reports: readonly AttemptReport[]): Promise<void>;
  /** A dispatcher has these in its log (L7): they need not be said again. */
  acknowledged(reports: readonly AttemptReport[]): Promise<void>;
}

/** Keeps nothing beyond the process: a restarted worker says so by an empty `held` list under a new incarnation. */
export class MemoryJournal implements Journal {
  async term(_term: number): Promise<void> {}
  async received(_attempts: readonly JobAttempt[]): Promise<void> {}
  async begun(_attempts: readonly JobAttempt[]): Promise<void> {}
  async refused(_attempts: readonly JobAttempt[], _reason: string): Promise<void> {}
  async result(_reports: readonly AttemptReport[]): Promise<void> {}
  async acknowledged(_reports: readonly AttemptReport[]): Promise<void> {}
}
