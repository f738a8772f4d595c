/**
 * Where sealed credentials wait while their job runs: in memory, for a limited time, never in the store, a log or a file.
 * To a dispatcher they are opaque: it has no key that opens them.
 *
 * 1. What was put is dropped when its job ends, and when its lifetime is over, whichever comes first.
 * 2. They are found only by job *and* digest: a job number that a lost append gave up finds nothing of its predecessor.
 * 3. What a decision has put there is marked once the log has it, with the log time of the entry that brought it: by that another
 *    dispatcher asks for it, and gets nothing that the log doesn't speak of.
 */
import type { SealedCredentials } from '@pogo/protocol';

export interface VaultKey {
  job: number;
  /** Digest of the resolved spec that they were sealed over. */
  digest: string;
}

/** What is held for a job. */
export interface HeldCredentials {
  credentials: SealedCredentials;
  /** Log time of the entry that brought them, in milliseconds; undefined while it isn't known that there is one (3). */
  atMs: number | undefined;
  /** How much longer they may be kept, in milliseconds. */
  leftMs: number;
}

export interface Vault {
  /** Jobs whose credentials are here. */
  readonly size: number;
  /** Replaces what was there for the job. `atMs` as in {@link HeldCredentials}. */
  put(key: VaultKey, credentials: SealedCredentials, lifetimeMs: number, atMs?: number): void;
  get(key: VaultKey): SealedCredentials | undefined;
  find(key: VaultKey): HeldCredentials | undefined;
  /** (3); nothing happens when nothing is held for it. */
  mark(key: VaultKey, atMs: number): void;
  drop(job: number): void;
  /** Drops what isn't wanted any more. */
  retain(isWanted: (key: VaultKey, held: HeldCredentials) => boolean): void;
  /** Drops everything. */
  close(): void;
}
