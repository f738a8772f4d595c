/**
 * Keeps log and vault in step: a job's end drops its credentials, credentials that are gone become an entry, and so do
 * those that are back.
 *
 * 1. A dispatcher that begins to lead has in its vault what it had of jobs that are still open, as a rule nothing: jobs
 *    without credentials start nothing until the workers that the log knows had the time to bring theirs back (V2). Only then
 *    is a job said to need credentials.
 * 2. Credentials that no worker of theirs could open any more are as good as gone (V3).
 * 3. Credentials that a worker brings back are taken for an open job, its digest, and exactly its recipients, from one of
 *    these (V3).
 */
import {
  type ClusterState,
  type FoldedBatch,
  isEnded,
  type JobRecord,
  type LogEntry,
  namespaceNumberOf,
} from '@pogo/core';
import type { Clock, Timer } from '@pogo/lifecycle';
import type { ReturnCredentialsParams } from '@pogo/protocol';
import type { Specs } from '../jobs/specs.js';
import type { Leader, LogObserver } from '../leader/leader.js';
import type { Vault } from './vault.js';

export interface CredentialsKeeperOptions {
  /** Number of the namespace whose jobs it looks after. */
  namespace: number;
  /** Of the whole dispatcher: jobs of other namespaces are in it, too. */
  vault: Vault;
  leader: Leader;
  specs: Specs;
  clock: Clock;
  /** Whether a worker with one of these keys may still open what is sealed for it. */
  openable: (kids: readonly string[]) => boolean;
  /** How long workers have to bring back what a new leader lacks, in milliseconds. */
  refillMs: number;
}

export class CredentialsKeeper implements LogObserver {
  readonly #options: CredentialsKeeperOptions;
  /** State of the reign that the refill belongs to: a reign has one from its beginning to its end. */
  #reign: ClusterState | undefined;
  /** While it lasts: workers that may still bring something, with the jobs that they were asked for. */
  #expected = new Map<string, Set<number> | undefined>();
  #refill: Timer | undefined;
  /** Jobs without a host to start that need credentials all the same, to hand over orders that were decided. */
  readonly #needed = new Set<number>();

  constructor(options: CredentialsKeeperOptions) {
    this.#options = options;
  }

  /**
   * The log is known to its end. What an earlier reign of this dispatcher has left for jobs that ended elsewhere, for other
   * recipients, or for a submission that never came into the log goes. The refill began with the first decisions of the
   * reign: it may be over before anyone could be woken.
   */
  taken(state: ClusterState): void {
    const { namespace, vault, leader } = this.#options;
    vault.retain(({ job, digest }, credentials) => {
      if (namespaceNumberOf(job) !== namespace) return true;
      const record = state.jobs.get(job);
      if (record === undefined || isEnded(record.state) || record.accepted.digest !== digest) return false;
      return sameSet(
        credentials.recipients.map(({ header }) => header.kid),
        record.recipients,
      );
    });
    leader.wake();
  }

  appended(batch: FoldedBatch): void {
    for (const entry of batch.entries) {
      if (entry.type === 'job-ended') {
        this.#options.vault.drop(entry.job);
        this.#needed.delete(entry.job);
      } else if (entry.type === 'credentials-renewed') {
        this.#needed.delete(entry.job);
      }
    }
  }

  lost(): void {
    this.#reign = undefined;
    this.#refill?.cancel();
    this.#refill = undefined;
    this.#expected.clear();
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
    const kids = credentials.recipients.map(({ header }) => header.kid);
    const wantedFrom = (state: ClusterState): JobRecord | undefined => {
      const record = state.jobs.get(job);
      if (record === undefined || isEnded(record.state) || record.accepted.digest !== digest)
        return undefined;
      return record.recipients.includes(kid) && sameSet(kids, record.recipients) ? record : undefined;
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
        if (leftMs > 0 && !this.#holds(record)) vault.put({ job, digest }, credentials, leftMs);
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
    const { clock, leader, refillMs } = this.#options;
    this.#reign = state;
    this.#refill?.cancel();
    this.#refill = undefined;
    this.#expected = new Map([...state.workers.keys()].map((worker) => [worker, undefined]));
    if (this.#expected.size === 0) return;
    this.#refill = clock.setTimer(refillMs, () => {
      this.#endRefill();
      leader.wake();
    });
  }

  #expect(worker: string, jobs: Set<number> | 'nothing'): void {
    if (jobs === 'nothing') this.#expected.delete(worker);
    else this.#expected.set(worker, jobs);
    if (this.#expected.size > 0) return;
    this.#endRefill();
    this.#options.leader.wake();
  }

  #endRefill(): void {
    this.#refill?.cancel();
    this.#refill = undefined;
    this.#expected.clear();
  }
}

function sameSet(one: readonly string[], other: readonly string[]): boolean {
  const members = new Set(one);
  return members.size === new Set(other).size && other.every((member) => members.has(member));
}
