import type { HostState, JobState } from '@pogo/core';
import { type ExitCode, exitCodes } from '../failure.js';

export interface JobEnd {
  readonly state: JobState;
  readonly counts: Readonly<Partial<Record<HostState, number>>>;
}

/** What a job's end means to the shell: the first that applies of 9, 7, 8, 6, 4, 3, 5, or 0 when every host succeeded. */
export function exitCodeOf({ state, counts }: JobEnd): ExitCode {
  const some = (...states: HostState[]) => states.some((one) => (counts[one] ?? 0) > 0);
  if (some('unknown')) return exitCodes.unknown;
  if (some('denied')) return exitCodes.denied;
  if (state === 'needs-credentials') return exitCodes.credentialsNeeded;
  const stopped =
    state === 'halted' || state === 'deadlocked' || state === 'expired' || some('halted', 'skipped');
  if (stopped) return exitCodes.halted;
  if (some('unreachable', 'auth-failed')) return exitCodes.unreachable;
  if (some('timed-out', 'killed')) return exitCodes.timedOut;
  if (some('failed')) return exitCodes.commandFailed;
  return state === 'succeeded' ? exitCodes.success : exitCodes.error;
}
