import { type DeadlockCause, formatJobId } from '@pogo/core';
import type { DeadlockDocument } from '@pogo/protocol';

/** What held a job up, its jobs named as people name them. */
export function deadlockDocument(causes: readonly DeadlockCause[]): DeadlockDocument {
  return causes.map((cause) =>
    cause.kind === 'slot'
      ? { ...cause, holders: cause.holders.map((holder) => ({ ...holder, job: formatJobId(holder.job) })) }
      : { ...cause },
  );
}
