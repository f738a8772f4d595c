/**
 * Where sealed credentials wait while their job runs: in memory, for a limited time, never in the store, a log or a file.
 * To a dispatcher they are opaque: it has no key that opens them.
 *
 * 1. What was put is dropped when its job ends, and when its lifetime is over, whichever comes first.
 * 2. They are found only by job *and* digest: a job number that a lost append gave up finds nothing of its predecessor.
 */
import type { SealedCredentials } from '@pogo/protocol';

export interface VaultKey {
  job: number;
  /** Digest of the resolved spec that they were sealed over. */
  digest: string;
}

export interface Vault {
  /** Jobs whose credentials are here. */
  readonly size: number;
  /** Replaces what was there for the job. */
  put(key: VaultKey, credentials: SealedCredentials, lifetimeMs: number): void;
  get(key: VaultKey): SealedCredentials | undefined;
  drop(job: number): void;
  /** Drops what isn't wanted any more. */
  retain(isWanted: (key: VaultKey, credentials: SealedCredentials) => boolean): void;
  /** Drops everything. */
  close(): void;
}
