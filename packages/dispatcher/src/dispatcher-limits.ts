/** What of a dispatcher's behaviour in time and memory can be set, and what it is unless told otherwise. */

import { defaultAttachmentsMaxBytes } from '@pogo/protocol';

/** Durations in milliseconds. */
export interface DispatcherLimits {
  /** How long a request waits for a leader that can be reached, before it is refused. */
  takeoverWaitMs: number;
  /** How long a plan waits for a first worker. */
  workerWaitMs: number;
  /** How long a worker may be away before its hosts are `unknown`. */
  workerLostAfterMs: number;
  /** How long output is waited for whose worker has just gone: one that is started again is back by then. */
  workerReturnMs: number;
  /** How long dispatchers and workers have to bring credentials back to a dispatcher that begins to lead (V2). */
  vaultRefillMs: number;
  /** How long an acceptance waits for another dispatcher to hold the credentials, before it goes on alone (V1). */
  credentialsCopyMs: number;
  /** How long an acceptance waits for another dispatcher to have the job's script, before it goes on alone (L6). */
  scriptCopyMs: number;
  /** How long credentials are held for another dispatcher that the log doesn't speak of. */
  offersKeptMs: number;
  /** How long a worker that refuses work is given none, at first. */
  refusalPauseMs: number;
  /** Time between two rounds of taking the term anew, so that workers may forget what they have settled. */
  renewTermEveryMs: number;
  /** Log entries between two snapshots. */
  snapshotEveryEntries: number;
  /** Log entries kept in memory for followers. */
  recentEntries: number;
  /** Hosts whose names are kept, over all jobs. */
  namedHosts: number;
  /** From a job's end to its archiving. */
  archiveAfterMs: number;
  /** Hosts of ended jobs that stay live at most. */
  endedHosts: number;
  /** Time between two rounds of the archivist. */
  archiveEveryMs: number;
  /** An upload that sends nothing for so long is broken off. */
  uploadIdleMs: number;
  /** Most bytes of all attachments together. */
  attachmentsMaxBytes: number;
  /** How long an attachment that no job refers to stays. */
  attachmentKeptMs: number;
  /** Time between two rounds of removing attachments. */
  sweepEveryMs: number;
  /** Time between two rounds of removing versions of the namespace's file that are kept no longer. */
  versionSweepEveryMs: number;
}

export const defaultLimits: DispatcherLimits = {
  takeoverWaitMs: 8000,
  workerWaitMs: 2000,
  workerLostAfterMs: 60_000,
  // Below what a client waits for the end of the output of a job that has ended.
  workerReturnMs: 15_000,
  vaultRefillMs: 10_000,
  credentialsCopyMs: 3000,
  scriptCopyMs: 10_000,
  offersKeptMs: 600_000,
  refusalPauseMs: 1000,
  renewTermEveryMs: 300_000,
  snapshotEveryEntries: 20_000,
  recentEntries: 10_000,
  namedHosts: 300_000,
  archiveAfterMs: 3_600_000,
  endedHosts: 50_000,
  archiveEveryMs: 60_000,
  uploadIdleMs: 30_000,
  attachmentsMaxBytes: defaultAttachmentsMaxBytes,
  attachmentKeptMs: 86_400_000,
  sweepEveryMs: 3_600_000,
  versionSweepEveryMs: 3_600_000,
};
