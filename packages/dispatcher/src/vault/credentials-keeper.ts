/**
 * Has the log say what a leader's vault lacks: credentials that are gone become an entry, and so do those that are back.
 *
 * 1. A dispatcher that begins to lead has in its vault what it was given as a follower (vault-follower.ts). Where that isn't all,
 *    jobs without credentials start nothing until the other dispatchers, and the workers that the log knows, had the time to bring
 *    theirs (V2). Only then is a job said to need credentials.
 * 2. Credentials that no worker of theirs could open any more are as good as gone (V3).
 * 3. Credentials that a worker brings back are taken for an open job, its digest, and exactly its recipients, from one of
 *    these (V3).
 */
import { type ClusterState, type FoldedBatch, isEnded, type JobRecord, type LogEntry } from '@pogo/core';
import type { Clock, Timer } from '@pogo/lifecycle';
import type { ReturnCredentialsParams } from '@pogo/protocol';
import type { Specs } from '../jobs/specs.js';
import type { Leader, LogObserver } from '../leader/leader.js';
import { isSealedFor } from './recipients.js';
import type { Vault } from './vault.js';
import type { VaultFollower } from './vault-follower.js';

export interface CredentialsKeeperOptions {
  /** Of the whole dispatcher: jobs of other namespaces are in it, too. */
  vault: Vault;
  follower: Pick<VaultFollower, 'beginReign'>;
  leader: Leader;
  specs: Specs;
  clock: Clock;
  /** Whether a worker with one of these keys may still open what is sealed for it. */
  openable: (kids: readonly string[]) => boolean;
  /** How long dispatchers and workers have to bring back what a new leader lacks, in milliseconds. */
  refillMs: number;
}

export class CredentialsKeeper implements LogObserver {
  readonly #options: CredentialsKeeperOptions;
  /** State of the reign that the refill belongs to: a reign has one from its beginning to its end. */
  #reign: ClusterState | undefined;
  /** While it lasts: workers that may still bring something, with the jobs that they were asked for. */
  #expected = new Map<string, Set<number> | undefined>();
  /** While it lasts: the other dispatchers are being asked. */
  #isAsking = false;
  #refill: Timer | undefined;
  /** Jobs without a host to start that need credentials all the same, to hand over orders that were decided. */
  readonly #needed = new Set<number>();

  constructor(options: CredentialsKeeperOptions) {
    this.#options = options;
  }

  /** The refill began with the first decisions of the reign: it may be over before anyone could be woken. */
  taken(): void {
    this.#options.leader.wake();
  }

  appended(batch: FoldedBatch): void {
    for (const entry of batch.entries) {
      if (entry.type === 'job-ended' || entry.type === 'credentials-renewed') this.#needed.delete(entry.job);
    }
  }

  lost(): void {
    this.#reign = undefined;
    this.#refill?.cancel();
    this.#refill = undefined;
    this.#expected.clear();
    this.#isAsking = false;
    this.#needed.clear();
  }

  /** An order of the job waits for credentials that nobody here holds. */
  need(job: number): void {
    this.#needed.add(job);
    this.#options.leader.wake();
  }

  /** Entries that are due: for jobs that nobody holds the credentials of, and for those that have them again (V3, V5). */
  due(state: ClusterState): LogEntry[] {
    if (state !== this.#reign) this.#beginRefill(state);
    const entries: LogEntry[] = [];
    for (const number of state.open) {
      const job = state.jobs.get(number)!;
      if (job.halt !== undefined) continue;
      const held = this.#holds(job) && this.#options.openable(job.recipients);
      if (job.state === 'needs-credentials') {
        if (held) entries.push({ type: 'credentials-renewed', job: number, recipients: job.recipients });
      } else if (!held && this.#refill === undefined && this.#needs(job)) {
        entries.push({ type: 'credentials-lost', job: number });
      }
    }
    return entries;
  }

  /** Jobs that start nothing yet, because their credentials may come back (1). */
  paused(state: ClusterState): ReadonlySet<number> {
    const jobs = new Set<number>();
    if (this.#refill === undefined) return jobs;
    for (const number of state.open) if (!this.#holds(state.jobs.get(number)!)) jobs.add(number);
    return jobs;
  }

  /** The jobs among `held` whose credentials are wanted from the worker with this sealing key. */
  wanted(state: ClusterState, worker: string, kid: string, held: readonly number[]): number[] {
    const jobs = [...new Set(held)].filter((number) => {
      const job = state.jobs.get(number);
      return job !== undefined && !isEnded(job.state) && job.recipients.includes(kid) && !this.#holds(job);
    });
    if (this.#expected.has(worker)) this.#expect(worker, jobs.length > 0 ? new Set(jobs) : 'nothing');
    return jobs;
  }

  /** Takes what a worker brings back (3); `refused` says that it isn't what is looked for. */
  async take(
    worker: string,
    kid: string,
    { job, digest, credentials }: ReturnCredentialsParams,
  ): Promise<'taken' | 'refused' | 'lost'> {
    const { leader, specs, vault } = this.#options;
    const wantedFrom = (state: ClusterState): JobRecord | undefined => {
      const record = state.jobs.get(job);
      if (record === undefined || isEnded(record.state) || record.accepted.digest !== digest)
        return undefined;
      return record.recipients.includes(kid) && isSealedFor({ credentials }, record) ? record : undefined;
    };
    const found = await leader.read((state) => wantedFrom(state)?.accepted.specRef);
    if (found.kind === 'lost') return 'lost';
    let taken = false;
    if (found.answer !== undefined) {
      const { lifetimeMs } = await specs.get(found.answer);
      // The spec may have taken longer to come than the job to end, which dropped what the vault had then.
      const put = await leader.read((state) => {
        const record = wantedFrom(state);
        if (record === undefined) return false;
        const leftMs = record.credentialsAtMs + lifetimeMs - (leader.nowMs() ?? Infinity);
        if (leftMs > 0 && !this.#holds(record))
          vault.put({ job, digest }, credentials, leftMs, record.credentialsAtMs);
        return leftMs > 0;
      });
      if (put.kind === 'lost') return 'lost';
      taken = put.answer;
    }
    const asked = this.#expected.get(worker);
    asked?.delete(job);
    if (asked?.size === 0) this.#expect(worker, 'nothing');
    leader.wake();
    return taken ? 'taken' : 'refused';
  }

  /** The worker is gone before it has brought everything; it may come back. */
  left(worker: string): void {
    if (this.#expected.has(worker)) this.#expected.set(worker, undefined);
  }

  #needs(job: JobRecord): boolean {
    return job.counts.waiting + job.counts.permitted > 0 || this.#needed.has(job.job);
  }

  #holds(job: JobRecord): boolean {
    return this.#options.vault.get({ job: job.job, digest: job.accepted.digest }) !== undefined;
  }

  #beginRefill(state: ClusterState): void {
    const { clock, follower, leader, refillMs } = this.#options;
    this.#reign = state;
    this.#refill?.cancel();
    this.#refill = undefined;
    const asking = follower.beginReign(state);
    this.#isAsking = asking !== undefined;
    this.#expected = new Map([...state.workers.keys()].map((worker) => [worker, undefined]));
    if (this.#expected.size === 0 && asking === undefined) return;
    this.#refill = clock.setTimer(refillMs, () => {
      this.#endRefill();
      leader.wake();
    });
    void asking?.then(() => {
      if (this.#reign !== state) return;
      this.#isAsking = false;
      this.#endIfAllHaveAnswered();
    });
  }

  #expect(worker: string, jobs: Set<number> | 'nothing'): void {
    if (jobs === 'nothing') this.#expected.delete(worker);
    else this.#expected.set(worker, jobs);
    this.#endIfAllHaveAnswered();
  }

  #endIfAllHaveAnswered(): void {
    if (this.#expected.size > 0 || this.#isAsking) return;
    this.#endRefill();
    this.#options.leader.wake();
  }

  #endRefill(): void {
    this.#refill?.cancel();
    this.#refill = undefined;
    this.#expected.clear();
    this.#isAsking = false;
  }
}
