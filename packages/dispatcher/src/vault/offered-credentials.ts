/**
 * Sealed credentials that another dispatcher is about to decide on, held for it (V1): in memory, for a while, and of no use
 * before the log says that they are a job's.
 *
 * 1. An offer becomes what the vault holds once the log has the decision: the job that was accepted under its key, or the
 *    renewal behind those that it was to replace. What the log says otherwise, for another digest or other recipients, voids it.
 * 2. One that the log never speaks of goes when it is withdrawn, or after a time.
 */
import { type ClusterState, isEnded, type JobRecord } from '@pogo/core';
import type { Clock, Timer } from '@pogo/lifecycle';
import type { HoldCredentialsParams } from '@pogo/protocol';
import { isSealedFor } from './recipients.js';
import type { Vault } from './vault.js';

export interface OfferedCredentialsOptions {
  vault: Vault;
  clock: Clock;
  /** How long one is held that the log doesn't speak of, in milliseconds. */
  keptMs: number;
}

interface Offer {
  params: HoldCredentialsParams;
  /** On the monotonic clock: from then on nobody may keep them. */
  endsAtMs: number;
  expiry: Timer;
}

/** Far more than decisions that can be under way at once. */
const mostOffers = 1000;

export class OfferedCredentials {
  readonly #options: OfferedCredentialsOptions;
  /** By id, in the order in which they came. */
  readonly #offers = new Map<string, Offer>();

  constructor(options: OfferedCredentialsOptions) {
    this.#options = options;
  }

  /** Whether there is room for it. */
  take(params: HoldCredentialsParams): boolean {
    if (this.#offers.size >= mostOffers) return false;
    const { clock, keptMs } = this.#options;
    const { id, lifetimeMs } = params;
    this.drop(id);
    const expiry = clock.setTimer(Math.min(keptMs, lifetimeMs), () => this.drop(id));
    this.#offers.set(id, { params, endsAtMs: clock.monotonicMs() + lifetimeMs, expiry });
    return true;
  }

  drop(id: string): void {
    this.#offers.get(id)?.expiry.cancel();
    this.#offers.delete(id);
  }

  /** (1), by what the log of a namespace says so far. */
  settle(namespace: number, state: ClusterState): void {
    const { vault, clock } = this.#options;
    for (const { params, endsAtMs } of [...this.#offers.values()]) {
      if (params.namespace !== namespace) continue;
      const record = decidedOn(state, params);
      if (record === undefined) continue;
      this.drop(params.id);
      const { job, credentialsAtMs, accepted } = record;
      if (isEnded(record.state) || accepted.digest !== params.digest || !isSealedFor(params, record))
        continue;
      const leftMs = endsAtMs - clock.monotonicMs();
      vault.put({ job, digest: params.digest }, params.credentials, leftMs, credentialsAtMs);
    }
  }

  /** Drops everything. */
  close(): void {
    for (const id of [...this.#offers.keys()]) this.drop(id);
  }
}

/** The job, if the log says more about it than the offer's dispatcher knew. */
function decidedOn(state: ClusterState, { for: purpose }: HoldCredentialsParams): JobRecord | undefined {
  if (purpose.kind === 'submission') {
    const job = state.jobByIdempotencyKey.get(purpose.idempotencyKey);
    return job === undefined ? undefined : state.jobs.get(job);
  }
  const record = state.jobs.get(purpose.job);
  return record !== undefined && record.credentialsAtMs > purpose.credentialsAtMs ? record : undefined;
}
