import type { ClusterState } from '../cluster-state.js';
import type { HaltCause, LogEntry } from '../entries.js';
import { isEnded } from '../states.js';

export type HaltDecision =
  | { kind: 'halted'; entries: LogEntry[] }
  /** Halted before, at least as firmly: nothing to append. */
  | { kind: 'already' }
  | { kind: 'ended' }
  | { kind: 'unknown-job' };

/** Decides a halt: hosts without an order never start, ordered ones go on, or are ended with `kill`. */
export function decideHalt(
  state: ClusterState,
  request: { job: number; by: string; cause: HaltCause; kill: boolean },
): HaltDecision {
  const job = state.jobs.get(request.job);
  if (job === undefined) return { kind: 'unknown-job' };
  if (isEnded(job.state)) return { kind: 'ended' };
  if (job.halt !== undefined && (job.halt.kill || !request.kill)) return { kind: 'already' };
  return { kind: 'halted', entries: [{ type: 'halt-requested', ...request }] };
}
