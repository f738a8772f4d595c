/**
 * Keeps what the vault holds in step with one namespace's log, whoever leads it: so a dispatcher that takes over has what
 * the former leader had (V2).
 *
 * 1. What the log has decided on is held: offers of the leader are settled by it, and what is missing is asked of the other
 *    dispatchers: when one is connected, when the log is known, and a moment after an entry that no offer came for.
 * 2. What the log has ended or replaced is dropped.
 * 3. What another dispatcher hands out is taken only where the log says that these are the job's: job, digest, recipients,
 *    and the log time of the entry that brought them.
 * 4. It is refilled once the others were asked for the first time, or could not be: a dispatcher isn't ready before.
 */
import { type ClusterState, type FoldedBatch, isEnded, type JobRecord, namespaceNumberOf } from '@pogo/core';
import type { Clock, Timer } from '@pogo/lifecycle';
import {
  dispatcherPeerMethods,
  type FetchCredentialsParams,
  type FetchCredentialsResult,
  fetchCredentialsResultSchema,
} from '@pogo/protocol';
import type { Peer } from '@pogo/wire';
import type { Logger } from 'pino';
import type { Leader, LogObserver } from '../leader/leader.js';
import type { PeerLinks } from '../peers/dispatcher-links.js';
import type { OfferedCredentials } from './offered-credentials.js';
import { isSealedFor } from './recipients.js';
import type { HeldCredentials, Vault, VaultKey } from './vault.js';

export interface VaultFollowerOptions {
  /** Number of the namespace. */
  namespace: number;
  /** Of the whole dispatcher: jobs of other namespaces are in it, too. */
  vault: Vault;
  offers: OfferedCredentials;
  leader: Leader;
  links: PeerLinks;
  clock: Clock;
  logger: Logger;
  /** Another dispatcher has handed out a job's credentials. */
  refilled: (job: JobRecord) => void;
}

/** (1): an offer may be on its way yet; in milliseconds. */
const missedAfterMs = 200;
const answerWithinMs = 5000;
/** Jobs that one dispatcher is asked for at the same time: each answer may be of a megabyte. */
const askedAtOnce = 8;

export class VaultFollower implements LogObserver {
  readonly #options: VaultFollowerOptions;
  #asking: Promise<void> = Promise.resolve();
  #missing: Timer | undefined;
  #hasBegun = false;
  #isStopped = false;
  #announce: () => void = () => undefined;
  #isRefilled = false;
  readonly #refilled = new Promise<void>((resolve) => (this.#announce = resolve));

  constructor(options: VaultFollowerOptions) {
    this.#options = options;
  }

  /** (4) */
  get isRefilled(): boolean {
    return this.#isRefilled;
  }

  /** Resolves once it {@link isRefilled}, or stops. */
  refilled(): Promise<void> {
    return this.#refilled;
  }

  taken(state: ClusterState): void {
    this.#bringInStep(state);
    if (this.#hasBegun) return this.#askSoon();
    this.#hasBegun = true;
    void this.#refill();
  }

  appended(batch: FoldedBatch, state: ClusterState): void {
    const { offers, namespace, vault } = this.#options;
    const given = batch.entries.flatMap((entry) =>
      entry.type === 'job-accepted' || entry.type === 'credentials-renewed' ? [entry.job] : [],
    );
    if (given.length > 0) {
      offers.settle(namespace, state);
      for (const number of given) this.#given(state.jobs.get(number));
    }
    for (const entry of batch.entries) if (entry.type === 'job-ended') vault.drop(entry.job);
  }

  /**
   * This dispatcher is about to lead, and the log is known to its end. What the others hold that this one lacks is asked for:
   * resolves when they have answered. Undefined when nothing lacks, or nobody is there.
   */
  beginReign(state: ClusterState): Promise<void> | undefined {
    const { links } = this.#options;
    this.#bringInStep(state, true);
    if (this.#lacking(state).length === 0) return undefined;
    if (links.hasLooked && links.connected.length === 0) return undefined;
    return links.firstLook().then(() => this.#ask());
  }

  /** Another dispatcher is connected. */
  joined(): void {
    if (this.#hasBegun) void this.#ask();
  }

  /** An offer has come: the log may speak of it already. */
  async offered(): Promise<void> {
    const { leader, offers, namespace } = this.#options;
    await leader.view((state) => offers.settle(namespace, state));
  }

  /** What another dispatcher asks for (3). */
  async give({ job, digest, credentialsAtMs }: FetchCredentialsParams): Promise<FetchCredentialsResult> {
    const { leader, vault } = this.#options;
    // Not before the leader knows what the asking one has read in the log.
    const found = await leader.view(() => vault.find({ job, digest }));
    const held = found.kind === 'ok' ? found.answer : undefined;
    if (held === undefined || held.atMs !== credentialsAtMs) return { kind: 'not-held' };
    const { credentials, leftMs } = held;
    return { kind: 'held', credentials, leftMs };
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#missing?.cancel();
    this.#announce();
    await this.#asking;
  }

  /** (4) */
  async #refill(): Promise<void> {
    await this.#options.links.firstLook();
    await this.#ask();
    this.#isRefilled = true;
    this.#announce();
  }

  /** The log has brought credentials for this job: these are here, or an offer of them was, or they are missed. */
  #given(record: JobRecord | undefined): void {
    if (record === undefined) return;
    const { vault, leader } = this.#options;
    const key = keyOf(record);
    const held = vault.find(key);
    // What a leader decides on is in its vault before.
    if (leader.term !== undefined) return vault.mark(key, record.credentialsAtMs);
    if (held?.atMs === record.credentialsAtMs) return;
    vault.drop(record.job);
    this.#askSoon();
  }

  /** (1) as far as offers go, and (2). */
  #bringInStep(state: ClusterState, isWholeLog = false): void {
    const { vault, offers, namespace } = this.#options;
    offers.settle(namespace, state);
    vault.retain((key, held) => this.#isWanted(state, isWholeLog, key, held));
    for (const number of state.open) {
      const record = state.jobs.get(number)!;
      // From an earlier reign, whose last decisions may not have come to its notice.
      if (vault.find(keyOf(record))?.atMs === undefined) vault.mark(keyOf(record), record.credentialsAtMs);
    }
  }

  #isWanted(
    state: ClusterState,
    isWholeLog: boolean,
    { job, digest }: VaultKey,
    held: HeldCredentials,
  ): boolean {
    if (namespaceNumberOf(job) !== this.#options.namespace) return true;
    const record = state.jobs.get(job);
    // As long as there may be more in the log than is known here, it may speak of the job.
    if (record === undefined) return !isWholeLog && job >= state.nextJob;
    if (isEnded(record.state) || record.accepted.digest !== digest) return false;
    return held.atMs === undefined ? isSealedFor(held, record) : held.atMs >= record.credentialsAtMs;
  }

  #lacking(state: ClusterState): FetchCredentialsParams[] {
    const lacking: FetchCredentialsParams[] = [];
    for (const number of state.open) {
      const record = state.jobs.get(number)!;
      if (record.halt !== undefined || this.#options.vault.get(keyOf(record)) !== undefined) continue;
      lacking.push({ ...keyOf(record), credentialsAtMs: record.credentialsAtMs });
    }
    return lacking;
  }

  #askSoon(): void {
    const { clock, links } = this.#options;
    if (this.#missing !== undefined || this.#isStopped || links.connected.length === 0) return;
    this.#missing = clock.setTimer(missedAfterMs, () => {
      this.#missing = undefined;
      void this.#ask();
    });
  }

  /** Asks every other dispatcher for what is still missing by then; one round at a time. */
  #ask(): Promise<void> {
    const { logger } = this.#options;
    this.#asking = this.#asking
      .then(() => this.#askAll())
      .catch((error: unknown) => logger.error({ err: error }, 'the vault could not be refilled'));
    return this.#asking;
  }

  async #askAll(): Promise<void> {
    const { leader, links } = this.#options;
    const first = leader.takenBy;
    const ranked = [...links.connected].sort(
      (one, other) => Number(other.identity.name === first) - Number(one.identity.name === first),
    );
    for (const peer of ranked) {
      if (this.#isStopped) return;
      const lacking = await leader.view((state) => this.#lacking(state));
      if (lacking.kind === 'lost' || lacking.answer.length === 0) return;
      await this.#askOne(peer, lacking.answer);
    }
  }

  async #askOne(peer: Peer, lacking: readonly FetchCredentialsParams[]): Promise<void> {
    const jobs = lacking.values();
    let taken = 0;
    let isThere = true;
    const asking = async () => {
      for (const wanted of jobs) {
        if (!isThere || this.#isStopped) return;
        const outcome = await peer.call(
          dispatcherPeerMethods.fetchCredentials,
          wanted,
          fetchCredentialsResultSchema,
          { timeoutMs: answerWithinMs },
        );
        if (outcome.kind !== 'ok') isThere = false;
        else if (outcome.value.kind === 'held' && (await this.#take(wanted, outcome.value))) taken++;
      }
    };
    await Promise.all(Array.from({ length: askedAtOnce }, asking));
    const { logger, namespace } = this.#options;
    logger.info(
      { dispatcher: peer.identity.name, namespace, asked: lacking.length, taken },
      'credentials were asked of another dispatcher',
    );
  }

  /** (3): what the log says may have changed since they were asked for. */
  async #take(
    { job, digest, credentialsAtMs }: FetchCredentialsParams,
    { credentials, leftMs }: Extract<FetchCredentialsResult, { kind: 'held' }>,
  ): Promise<boolean> {
    const { leader, vault, refilled } = this.#options;
    const put = await leader.view((state) => {
      const record = state.jobs.get(job);
      if (record === undefined || isEnded(record.state) || record.accepted.digest !== digest) return false;
      if (record.credentialsAtMs !== credentialsAtMs || !isSealedFor({ credentials }, record)) return false;
      if (leftMs <= 0 || vault.get({ job, digest }) !== undefined) return false;
      vault.put({ job, digest }, credentials, leftMs, credentialsAtMs);
      refilled(record);
      return true;
    });
    return put.kind === 'ok' && put.answer;
  }
}

function keyOf({ job, accepted }: JobRecord): VaultKey {
  return { job, digest: accepted.digest };
}
