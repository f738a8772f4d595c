/**
 * What held a job up for good (S7), as it was when that was decided. It stands in the entry itself: what holds a limit may
 * be released a moment later, and whoever asks then still wants to know why the job has ended.
 */

/** Hosts of one job that count in a slot. */
export interface DeadlockHolder<Job> {
  readonly job: Job;
  readonly count: number;
  /** Folded names, of the first ones only where there are very many. */
  readonly hosts: string;
  /** Hosts beyond those. */
  readonly more: number;
}

/** `waiting` is how many hosts of the job it kept from starting. `Job` is how jobs are named: by number in the log. */
export type DeadlockCause<Job = number> =
  /** No room in a slot (S1), because of hosts that no passing of time makes well. */
  | {
      readonly kind: 'slot';
      /** `frontend@coast=east` */
      readonly slot: string;
      readonly use: number;
      readonly limit: number;
      readonly waiting: number;
      readonly holders: readonly DeadlockHolder<Job>[];
    }
  /** Hosts of an earlier app of a sequence (S4) that have ended otherwise than by success, or wait for themselves. */
  | {
      readonly kind: 'stage';
      /** `backend@coast=east` */
      readonly stage: string;
      readonly waiting: number;
      readonly count: number;
      readonly hosts: string;
      readonly more: number;
    }
  /** The job's own cap (S5) is used up by hosts of unknown outcome. */
  | {
      readonly kind: 'own-cap';
      readonly concurrent: number;
      readonly disturbed: number;
      readonly waiting: number;
    };

/** `76 hosts wait for frontend@coast=east 25/25: foo[1-25].east`; jobs are named as people see them. */
export function deadlockText(cause: DeadlockCause<string>, job: string): string {
  const who = cause.waiting === 1 ? '1 host waits' : `${cause.waiting} hosts wait`;
  switch (cause.kind) {
    case 'slot': {
      const holders = cause.holders.map(
        (holder) => `${namesText(holder)}${holder.job === job ? '' : ` of ${holder.job}`}`,
      );
      return `${who} for ${cause.slot} ${cause.use}/${cause.limit}: ${holders.join(', ')}`;
    }
    case 'stage':
      return `${who} for ${cause.stage}, where ${namesText(cause)} did not succeed`;
    case 'own-cap':
      return `${who} for the job's own limit ${cause.disturbed}/${cause.concurrent}: hosts of unknown outcome`;
  }
}

function namesText({ hosts, more }: { readonly hosts: string; readonly more: number }): string {
  return more === 0 ? hosts : hosts === '' ? `${more} hosts` : `${hosts} and ${more} more`;
}
