/**
 * What the log holds (L1): every change of a job is one of these entries, and the dispatcher's state is their fold.
 * Hosts are named by their index in the job's expanded targets; attempts count from 1. An entry about hosts speaks
 * of their attempt at that log index, except those that name it, since evidence may come late (E2).
 */
import type { DeadlockCause } from './deadlock-cause.js';
import type { HostSet } from './host-set.js';
import type { Outcome } from './outcome.js';
import type { EndedJobState } from './states.js';

/** What `pogo alter` may change; outside of the sealed digest. */
export interface JobLimits {
  /** Most hosts of this job that may be disturbed at once (S5); null is no cap of its own. */
  concurrent: number | null;
  /** At this many hosts that did not succeed, nothing new starts (S8); null is no budget. */
  maxFailures: number | null;
  /** After this time since acceptance, or since it was opened again, in milliseconds, the job is halted with kill (S10). */
  jobTimeoutMs: number;
  /** A few hosts first (S9); absent is all at once. */
  ramp?: Ramp | undefined;
}

/** Steps of a rollout (S9). */
export interface Ramp {
  /** Most hosts that may have been started at the end of each step, ascending; in one more step all of them may. */
  steps: readonly number[];
  /** From the end of a step in which every host succeeded to the next, in milliseconds; null: until somebody confirms. */
  pauseMs: number | null;
}

export interface JobAccepted {
  type: 'job-accepted';
  /** Job number; shown as `p0000000012`. */
  job: number;
  /** Digest of the resolved spec, `sha256:<hex>`: what the credentials are sealed over. */
  digest: string;
  /** Key of the stored spec document (L6). */
  specRef: string;
  /** Makes a repeated submission find this job (L7). */
  idempotencyKey: string;
  submitter: string;
  namespace: string;
  /** The command, shortened, for lists. */
  title: string;
  hosts: number;
  /** Key ids of the workers that can open the credentials (V3). */
  recipients: readonly string[];
  /**
   * The job may send a password. Until a host of it has started, all its hosts go to one worker, whose rexec then
   * tries one host at a time (security.md, "passwords are tried with care").
   */
  provesPassword: boolean;
  limits: JobLimits;
  /** The namespace's limits don't hold its hosts back; they count for everyone else all the same (S5). */
  unconstrained?: boolean | undefined;
  /** After a host of an earlier app has failed, those of later ones go on (S4); `block` when absent. */
  onPredecessorFailure?: 'block' | 'continue' | undefined;
}

/** Why a job was told to stop. */
export type HaltCause = 'request' | 'job-timeout' | 'password-refused' | 'failure-budget';

export type LogEntry =
  | { type: 'leadership-taken'; dispatcher: string }
  /** The worker has come with a journal that the log doesn't know it by: its first, or after it lost one (A4). */
  | { type: 'worker-joined'; worker: string; journal: string }
  /** The worker of this name gets no further host, until that is lifted. */
  | { type: 'worker-drained'; worker: string; by: string; note?: string | undefined }
  | { type: 'drain-lifted'; worker: string; by: string }
  /** The namespace's file has a new version: its limits hold for what is decided from here on. */
  | { type: 'namespace-applied'; version: number; ref: string; by: string }
  /** Nothing new starts in the slot of this name, or without one in any job of the namespace. */
  | { type: 'frozen'; slot?: string | undefined; by: string; note?: string | undefined }
  | { type: 'thawed'; slot?: string | undefined; by: string }
  | JobAccepted
  | { type: 'hosts-permitted'; job: number; hosts: HostSet }
  | { type: 'hosts-assigned'; job: number; hosts: HostSet; worker: string }
  | { type: 'hosts-begun'; job: number; hosts: HostSet }
  | { type: 'hosts-started'; job: number; hosts: HostSet }
  | { type: 'host-finished'; job: number; host: number; attempt: number; outcome: Outcome }
  | { type: 'hosts-refused'; job: number; hosts: HostSet; reason: string }
  /** The attempt's own worker says that it doesn't know either, and that its rexec is dead: makes it impossible (E3). */
  | { type: 'unknown-confirmed'; job: number; host: number; attempt: number; outcome: Outcome }
  /** An attempt before the current one is over, so it no longer counts; without outcome it never began (E1). */
  | { type: 'earlier-settled'; job: number; host: number; attempt: number; outcome?: Outcome | undefined }
  | { type: 'hosts-halted'; job: number; hosts: HostSet }
  /** They never start, because somebody said so. */
  | { type: 'hosts-skipped'; job: number; hosts: HostSet; by: string }
  /**
   * Another attempt begins. With `keepsPermit` the hosts count already, so that they need no second permit (S3); with
   * `fence` the order makes every earlier attempt impossible on the host (E3).
   */
  | { type: 'hosts-retried'; job: number; hosts: HostSet; by: string; keepsPermit: boolean; fence: boolean }
  /** Their unknown attempts stop counting: a person says that the hosts are well (E1). */
  | { type: 'hosts-released'; job: number; hosts: HostSet; by: string }
  /** The worker asks these hosts what became of their `unknown` attempts; evidence may come from it (E2). */
  | { type: 'hosts-resolving'; job: number; hosts: HostSet; worker: string }
  /** They were asked, and could not tell. */
  | { type: 'hosts-unsettled'; job: number; hosts: HostSet; detail: string }
  /** Nothing of it starts until the hold is lifted; its clock stands still (S10). */
  | { type: 'job-held'; job: number; by: string }
  | { type: 'hold-lifted'; job: number; by: string }
  /** These limits are in force from here on; what runs isn't disturbed. */
  | { type: 'limits-altered'; job: number; by: string; limits: JobLimits }
  /**
   * All hosts of the ramp's step are over, `failed` of the ramp's otherwise than by success and unknown to whoever confirmed
   * an earlier step: the next has to wait (S9).
   */
  | { type: 'ramp-paused'; job: number; step: number; failed: number }
  /** The pause after this step has passed (T2). */
  | { type: 'ramp-advanced'; job: number; step: number }
  /** Somebody says that the step after this one may begin. */
  | { type: 'ramp-confirmed'; job: number; step: number; by: string }
  | { type: 'halt-requested'; job: number; by: string; cause: HaltCause; kill: boolean }
  | { type: 'credentials-lost'; job: number }
  /** There are credentials again, given anew or brought back by a worker, for these key ids (V2, V5). */
  | { type: 'credentials-renewed'; job: number; recipients: readonly string[] }
  /** An ended job goes on; its timeout counts anew from here (S10). */
  | { type: 'job-reopened'; job: number; by: string; cause: 'retry' | 'resolve' }
  /** `deadlock` says what held a deadlocked one up (S7). */
  | {
      type: 'job-ended';
      job: number;
      state: EndedJobState;
      deadlock?: readonly DeadlockCause[] | undefined;
    }
  | { type: 'job-archived'; job: number };

/** A batch as the fold sees it: its index in the log, its log time (T1), its entries. */
export interface FoldedBatch {
  index: number;
  /** Log time in milliseconds since 1970; never goes back (T1). */
  atMs: number;
  entries: readonly LogEntry[];
}
