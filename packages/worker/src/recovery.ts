/**
 * What a starting worker makes of its journal (A4, A6).
 *
 * 1. Before anything is said about what was begun, every rexec of the earlier process is dead: none of them can begin or
 *    end anything any more. They end by themselves when their pipe closes; one that doesn't is killed, and only if it
 *    is the same process.
 * 2. What was received and not begun never will be: that is journaled, then said (A3).
 * 3. What was begun and has no result is `unknown`. What has one and wasn't acknowledged is said again.
 */
import { type Clock, delay } from '@pogo/lifecycle';
import { groupByJob, type JobAttempt } from './attempt.js';
import type { FinalReport, Journal } from './journal/journal.js';
import type { Log } from './log.js';
import type { Outbox } from './outbox.js';
import { isAlive, type ProcessIdentity } from './process-identity.js';

/** How long a rexec may take to end by itself, and to be gone once it was killed. */
const endLimitMs = 5_000;
const goneLimitMs = 5_000;
const lookEachMs = 20;

export interface RecoveryOptions {
  journal: Journal;
  outbox: Outbox;
  clock: Clock;
  log: Log;
  /** Ends exactly this process, at once. */
  endProcess: (pid: number) => void;
  /** Whether that process is still there; asks the system unless told otherwise. */
  isProcessAlive?: ((process: ProcessIdentity) => boolean) | undefined;
}

export const restartRefusal = 'the worker was restarted before the command began';

/** Resolves once everything is on its way to the dispatchers, or waits for the disk to take it. */
export async function recover(options: RecoveryOptions): Promise<void> {
  const { journal, outbox, log } = options;
  const { state } = journal;
  const rexecs = state.rexecs;
  await Promise.all(rexecs.map((rexec) => ended(rexec, options)));
  for (const rexec of rexecs) journal.rexecEnded(rexec);
  const outgoing = state.outgoing();
  const received = state.received();
  const begun = state.begun();
  if (outgoing.length + received.length + begun.length > 0) {
    const counts = { unacknowledged: outgoing.length, notBegun: received.length, unknown: begun.length };
    log.info(counts, 'the journal was read: what it holds is reported');
  }
  outbox.add(outgoing);
  for (const [, attempts] of groupByJob(received)) void refuse(attempts, options);
  if (begun.length === 0) return;
  const unknown = begun.map(unknownAfterRestart);
  void journal.finished(unknown);
  outbox.add(unknown);
}

async function refuse(attempts: readonly JobAttempt[], { journal, outbox }: RecoveryOptions): Promise<void> {
  if (!(await journal.refused(attempts, restartRefusal))) return;
  outbox.add(attempts.map((attempt) => ({ ...attempt, event: 'refused', reason: restartRefusal })));
}

function unknownAfterRestart(attempt: JobAttempt): FinalReport {
  const message =
    'The worker was restarted while it ran the command, and the process that ran it there is gone.';
  return { event: 'finished', ...attempt, outcome: { state: 'unknown', reason: 'rexec-lost', message } };
}

/** (1) */
async function ended(rexec: ProcessIdentity, options: RecoveryOptions): Promise<void> {
  const { log, endProcess, isProcessAlive = isAlive } = options;
  if (await isGoneWithin(rexec, endLimitMs, options)) return;
  log.warn({ rexec: rexec.pid }, 'a rexec of the earlier worker had not ended, and is killed');
  try {
    if (isProcessAlive(rexec)) endProcess(rexec.pid);
  } catch (error) {
    // It may have ended between the look and the signal.
    log.warn({ rexec: rexec.pid, error: (error as Error).message }, 'the signal did not reach it');
  }
  while (!(await isGoneWithin(rexec, goneLimitMs, options))) {
    log.error({ rexec: rexec.pid }, 'a rexec of the earlier worker cannot be killed: its attempts stay open');
  }
}

async function isGoneWithin(
  rexec: ProcessIdentity,
  limitMs: number,
  { clock, isProcessAlive = isAlive }: RecoveryOptions,
): Promise<boolean> {
  const untilMs = clock.monotonicMs() + limitMs;
  while (isProcessAlive(rexec)) {
    if (clock.monotonicMs() >= untilMs) return false;
    await delay(clock, lookEachMs);
  }
  return true;
}
