/**
 * What workers and one namespace's log have to do with each other: what workers hold and report becomes decisions, and what
 * became durable becomes orders.
 *
 * 1. No order leaves before its entry is in the log (A1): orders are made from appended batches only.
 * 2. A worker is told of each leadership, and answers with what it holds; only then is it given orders. An attempt is sent
 *    again that the log assigns to it and that it doesn't hold (A2): with the same journal it answers from there, and what it
 *    never journaled is fresh to it. With another journal what was assigned before is `unknown` (A3, A4).
 * 3. Reports count only from the worker that the certificate names (A6), and are answered once they are durable (L7).
 * 4. A worker that stays away longer than `lostAfterMs` leaves its hosts `unknown`; evidence may still come later (E2).
 */
import {
  askedAttempts,
  type AskedAttempt,
  assignedAttempts,
  type AssignedAttempt,
  type ClusterState,
  decideJoin,
  type FoldedBatch,
  hostIndexes,
  isEnded,
  type LogEntry,
  namespaceNumberOf,
  type WorkerCapacity,
} from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import type { LeadResult, OrderedAttempt, ReportParams, ReturnCredentialsParams } from '@pogo/protocol';
import type { Logger } from 'pino';
import type { Specs } from '../jobs/specs.js';
import type { Leader, LogObserver } from '../leader/leader.js';
import type { CredentialsKeeper } from '../vault/credentials-keeper.js';
import type { Vault } from '../vault/vault.js';
import { OrderDelivery } from './order-delivery.js';
import { OrderLane } from './order-lane.js';
import { ReportDesk } from './report-desk.js';
import { WorkerLoss } from './worker-loss.js';
import type { WorkerRecord, WorkerRegistry } from './worker-registry.js';
import type { WorkerSession } from './worker-session.js';

export interface NamespaceOrdersOptions {
  /** Number of the namespace. */
  namespace: number;
  leader: Leader;
  registry: WorkerRegistry;
  specs: Specs;
  vault: Vault;
  keeper: CredentialsKeeper;
  clock: Clock;
  logger: Logger;
  /** How long a worker may be away before its hosts become `unknown`, in milliseconds. */
  lostAfterMs: number;
  /** The namespace is led no longer. */
  lost: () => void;
}

export class NamespaceOrders implements LogObserver {
  readonly #options: NamespaceOrdersOptions;
  readonly #reports: ReportDesk;
  readonly #loss: WorkerLoss;
  readonly #delivery: OrderDelivery;
  /** By worker: of those that have answered that they hear this leader (2). */
  readonly #lanes = new Map<string, OrderLane>();
  /** The latest greeting of each connection that is under way. */
  readonly #greetings = new WeakMap<WorkerSession, object>();
  #stopped = false;

  constructor(options: NamespaceOrdersOptions) {
    this.#options = options;
    const { leader, registry, clock, logger, lostAfterMs } = options;
    this.#reports = new ReportDesk({ leader, registry, logger });
    this.#delivery = new OrderDelivery({ ...options, lane: (worker) => this.#lanes.get(worker) });
    const isConnected = (worker: string) => this.#lanes.has(worker);
    this.#loss = new WorkerLoss({ leader, clock, logger, lostAfterMs, isConnected });
  }

  /** Workers that can be given orders of this namespace, for the planner. */
  capacities(): WorkerCapacity[] {
    return this.#options.registry.capacities().filter(({ name }) => this.#lanes.has(name));
  }

  taken(state: ClusterState): void {
    this.#loss.noteAbsent(state);
    for (const record of this.#options.registry.all()) this.greet(record);
  }

  appended(batch: FoldedBatch, state: ClusterState): void {
    for (const entry of batch.entries) this.#act(entry, state);
  }

  /** Orders of a term that is over must not go out: workers hear the next one first. */
  lost(): void {
    for (const lane of this.#lanes.values()) lane.close();
    this.#lanes.clear();
    this.#delivery.clear();
    const { registry, namespace, lost } = this.#options;
    for (const { pauses } of registry.all()) pauses.clear((job) => namespaceNumberOf(job) === namespace);
    lost();
  }

  stop(): void {
    this.#stopped = true;
    this.#loss.stop();
    for (const lane of this.#lanes.values()) lane.close();
    this.#lanes.clear();
    this.#delivery.clear();
  }

  /** A worker is connected, or a leadership begins: it is told so, brought up to date, and given work. */
  greet(record: WorkerRecord): void {
    const { session } = record;
    if (session === undefined || this.#options.leader.term === undefined) return;
    this.#greet(record, session).catch((error: unknown) => {
      this.#options.logger.error(
        { err: error, worker: record.name },
        'a worker could not be brought up to date',
      );
      // It says hello again, and everything from the beginning.
      session.peer.close(1011, 'it could not be brought up to date');
    });
  }

  /** The worker's connection is over. */
  left(worker: string): void {
    const { keeper } = this.#options;
    this.#lanes.get(worker)?.close();
    this.#lanes.delete(worker);
    keeper.left(worker);
    this.#delivery.forget(worker);
    this.#loss.left(worker);
  }

  /** `lost`: nobody leads here; the worker has to say it again. */
  report(worker: string, params: ReportParams): Promise<'taken' | 'lost'> {
    return this.#reports.take(worker, params);
  }

  /** Credentials that a worker brings back. */
  async bringCredentials(
    worker: string,
    kid: string,
    params: ReturnCredentialsParams,
  ): Promise<'taken' | 'refused' | 'lost'> {
    const taken = await this.#options.keeper.take(worker, kid, params);
    if (taken === 'taken') this.credentialsBack(params.job);
    return taken;
  }

  /** The credentials of the job are here again: orders that waited for them go out. */
  credentialsBack(job: number): void {
    this.#delivery.credentialsBack(job);
  }

  /** (2) */
  async #greet(record: WorkerRecord, session: WorkerSession): Promise<void> {
    const { namespace, leader, keeper, logger } = this.#options;
    const { name, incarnation } = record;
    const greeting = {};
    this.#greetings.set(session, greeting);
    const isOver = () =>
      this.#stopped || this.#greetings.get(session) !== greeting || record.session !== session;
    const answer = await session.lead({ namespace, term: leader.term! });
    if (answer === undefined || isOver()) return;
    if (answer.kind === 'stale-term') {
      logger.warn({ worker: name, namespace, ...answer }, 'a worker has heard of a later leader');
      return;
    }
    const { held } = answer;
    const joined = await leader.command((state) => ({
      entries: decideJoin(state, name, record.journal),
      answer: keeper.wanted(state, name, record.recipient.kid, answer.credentials),
    }));
    if (joined.kind === 'lost' || isOver()) return;
    // What it holds was opened there, whoever led then.
    for (const { job } of held) incarnation.opened.add(job);
    for (const job of answer.credentials) incarnation.opened.add(job);
    session.wantCredentials(joined.answer);
    const current = await leader.read((state) => catchUp(state, record, { held, namespace }));
    if (current.kind === 'lost' || isOver()) return;
    const { term, missing, asked, haltedFirst, halted, over } = current.answer;
    this.#delivery.forget(name);
    this.#lanes.get(name)?.close();
    const lane = this.#lane(name, session, term);
    for (const { job, kill } of haltedFirst) lane.haltFirst(job, kill);
    for (const [job, attempts] of byJob(missing)) lane.assign(job, attempts);
    for (const [job, attempts] of byJob(asked)) lane.settle(job, attempts);
    for (const { job, kill } of halted) lane.halt(job, kill);
    for (const job of over) lane.closeJob(job);
    this.#loss.returned(name);
    this.#lanes.set(name, lane);
    logger.info(
      { worker: name, namespace, held: held.length, wanted: joined.answer.length, term },
      'a worker hears this leader',
    );
    leader.wake();
  }

  #lane(worker: string, { peer, incarnation }: WorkerSession, term: number): OrderLane {
    return new OrderLane({
      peer,
      incarnation,
      term,
      logger: this.#options.logger,
      opening: (job) => this.#delivery.opening(job),
      undelivered: (job, attempts, why) => this.#delivery.undelivered(worker, job, attempts, why),
      unasked: (job, hosts, why) => this.#delivery.unasked(worker, job, hosts, why),
    });
  }

  #act(entry: LogEntry, state: ClusterState): void {
    switch (entry.type) {
      case 'leadership-taken':
        for (const lane of this.#lanes.values()) lane.renewTerm(state.term);
        return;
      case 'hosts-assigned': {
        const job = state.jobs.get(entry.job);
        if (job === undefined) return;
        const attempts: OrderedAttempt[] = [];
        for (const host of hostIndexes(entry.hosts)) {
          const { attempt, index, fence } = job.hosts[host]!;
          attempts.push({ host, attempt, index, fence });
        }
        this.#lanes.get(entry.worker)?.assign(entry.job, attempts);
        return;
      }
      case 'hosts-resolving': {
        const job = state.jobs.get(entry.job);
        if (job === undefined) return;
        const attempts = [...hostIndexes(entry.hosts)].map((host) => {
          const { attempt, index } = job.hosts[host]!;
          return { host, attempt, index };
        });
        this.#lanes.get(entry.worker)?.settle(entry.job, attempts);
        return;
      }
      case 'credentials-renewed':
        for (const { incarnation } of this.#options.registry.all()) {
          if (incarnation.opened.has(entry.job)) incarnation.outdated.add(entry.job);
        }
        this.#delivery.credentialsBack(entry.job);
        return;
      case 'halt-requested':
        for (const lane of this.#lanes.values()) lane.halt(entry.job, entry.kill);
        this.#delivery.halted(entry.job);
        return;
      case 'job-ended':
        for (const lane of this.#lanes.values()) lane.closeJob(entry.job);
        this.#options.registry.forgetJob(entry.job);
        return;
      default:
        return;
    }
  }
}

/** What a worker has to hear that was away, or whose leader was. */
function catchUp(
  state: ClusterState,
  { name, incarnation }: WorkerRecord,
  present: { held: (LeadResult & { kind: 'taken' })['held']; namespace: number },
) {
  const held = new Set(present.held.map(({ job, host, attempt }) => `${job} ${host} ${attempt}`));
  const missing = assignedAttempts(state, name).filter(
    ({ job, host, attempt }) => !held.has(`${job} ${host} ${attempt}`),
  );
  const over: number[] = [];
  const halted: { job: number; kill: boolean }[] = [];
  // An order that was lost goes out even so: only the worker can say that it never began (A3), and is to refuse it.
  const haltedFirst: { job: number; kill: boolean }[] = [];
  const ordered = new Set(missing.map(({ job }) => job));
  for (const number of ordered) {
    const { halt } = state.jobs.get(number)!;
    if (halt !== undefined) haltedFirst.push({ job: number, kill: halt.kill });
  }
  for (const number of incarnation.opened) {
    if (namespaceNumberOf(number) !== present.namespace) continue;
    const job = state.jobs.get(number);
    if (job === undefined || isEnded(job.state)) over.push(number);
    else if (job.halt !== undefined && !ordered.has(number)) {
      halted.push({ job: number, kill: job.halt.kill });
    }
  }
  return { term: state.term, missing, asked: askedAttempts(state, name), over, haltedFirst, halted };
}

function byJob<T extends AssignedAttempt | AskedAttempt>(
  attempts: readonly T[],
): Map<number, Omit<T, 'job'>[]> {
  const jobs = new Map<number, Omit<T, 'job'>[]>();
  for (const { job, ...attempt } of attempts) {
    const some = jobs.get(job);
    if (some) some.push(attempt);
    else jobs.set(job, [attempt]);
  }
  return jobs;
}
