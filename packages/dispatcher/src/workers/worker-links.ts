/**
 * What workers and the log have to do with each other: hellos and reports become decisions, and what became durable
 * becomes orders.
 *
 * 1. No order leaves before its entry is in the log (A1): orders are made from appended batches only.
 * 2. On every hello an attempt is sent again that the log assigns to the worker and that the worker doesn't hold (A2): with
 *    the same journal it answers from there, and what it never journaled is fresh to it. With another journal what was
 *    assigned before is `unknown` (A3, A4).
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
} from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import {
  dispatcherMethods,
  type HelloParams,
  helloParamsSchema,
  type HelloResult,
  type OrderedAttempt,
  productVersion,
  protocolVersion,
  reportParamsSchema,
  returnCredentialsParamsSchema,
} from '@pogo/protocol';
import { method, MethodError, type Peer, type PeerHandlers } from '@pogo/wire';
import type { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { Specs } from '../jobs/specs.js';
import type { Leader, LogObserver } from '../leader/leader.js';
import type { CredentialsKeeper } from '../vault/credentials-keeper.js';
import type { Vault } from '../vault/vault.js';
import { OrderDelivery } from './order-delivery.js';
import { ReportDesk } from './report-desk.js';
import { checkSealingCertificate } from './sealing-certificate.js';
import { WorkerLoss } from './worker-loss.js';
import type { WorkerRecord, WorkerRegistry } from './worker-registry.js';
import { type Incarnation, WorkerSession } from './worker-session.js';

export interface WorkerLinksOptions {
  /** Name of this dispatcher. */
  name: string;
  leader: Leader;
  registry: WorkerRegistry;
  specs: Specs;
  vault: Vault;
  keeper: CredentialsKeeper;
  sealingRoot: X509Certificate;
  clock: Clock;
  logger: Logger;
  /** How long a worker may be away before its hosts become `unknown`, in milliseconds. */
  lostAfterMs: number;
}

/** How long a hello waits for leadership, in milliseconds. */
const helloWaitMs = 5000;
const notLeading = new MethodError('not-leading', 'this dispatcher does not lead just now: try again');
const helloFirst = new MethodError('hello-first', 'say hello before anything else');

export class WorkerLinks implements LogObserver {
  readonly #options: WorkerLinksOptions;
  readonly #peers = new Set<Peer>();
  readonly #reports: ReportDesk;
  readonly #loss: WorkerLoss;
  readonly #delivery: OrderDelivery;
  readonly #stopping = new AbortController();

  constructor(options: WorkerLinksOptions) {
    this.#options = options;
    const { leader, registry, clock, logger, lostAfterMs } = options;
    this.#reports = new ReportDesk({ leader, registry, logger });
    this.#delivery = new OrderDelivery(options);
    const isConnected = (worker: string) => registry.get(worker)?.session !== undefined;
    this.#loss = new WorkerLoss({ leader, clock, logger, lostAfterMs, isConnected });
  }

  /** What is served to one connected worker. */
  serve(peer: Peer): PeerHandlers {
    const { name } = peer.identity;
    let session: WorkerSession | undefined;
    this.#peers.add(peer);
    void peer.closed.then(({ code, reason }) => {
      this.#peers.delete(peer);
      this.#options.logger.info({ worker: name, code, reason }, 'a worker has disconnected');
      if (session !== undefined) this.#disconnected(session);
    });
    return {
      methods: {
        [dispatcherMethods.hello]: method(helloParamsSchema, async (hello) => {
          if (session !== undefined) throw new MethodError('hello-twice', 'say hello once per connection');
          const greeted = await this.#hello(peer, hello);
          session = greeted.session;
          return greeted.result;
        }),
        [dispatcherMethods.report]: method(reportParamsSchema, async (params) => {
          if (session === undefined) throw helloFirst;
          if ((await this.#reports.take(name, params)) === 'lost') throw notLeading;
          return {};
        }),
        [dispatcherMethods.returnCredentials]: method(returnCredentialsParamsSchema, async (params) => {
          const kid = this.#options.registry.get(name)?.recipient.kid;
          if (session === undefined || kid === undefined) throw helloFirst;
          const taken = await this.#options.keeper.take(name, kid, params);
          if (taken === 'lost') throw notLeading;
          if (taken === 'refused') {
            throw new MethodError(
              'not-wanted',
              `credentials for job ${params.job} are not wanted from ${name}`,
            );
          }
          this.#delivery.credentialsBack(params.job);
          return {};
        }),
      },
      binary: (bytes) => session?.receive(bytes),
      failed: (failed, error) =>
        this.#options.logger.error({ err: error, method: failed }, 'a handler failed'),
    };
  }

  taken(state: ClusterState): void {
    this.#loss.noteAbsent(state);
  }

  appended(batch: FoldedBatch, state: ClusterState): void {
    for (const entry of batch.entries) this.#act(entry, state);
  }

  /** Orders of a term that is over must not go out: workers connect anew, and hear the next term. */
  lost(): void {
    for (const { session, pauses } of this.#options.registry.all()) {
      if (session) this.#disconnected(session);
      pauses.clear();
    }
    for (const peer of this.#peers) peer.close(1012, 'leadership has ended');
    this.#delivery.clear();
  }

  stop(): void {
    this.#stopping.abort();
    this.#loss.stop();
    this.lost();
    this.#options.registry.stop();
  }

  #act(entry: LogEntry, state: ClusterState): void {
    const { registry } = this.#options;
    switch (entry.type) {
      case 'leadership-taken':
        for (const { session } of registry.all()) session?.renewTerm(state.term);
        return;
      case 'hosts-assigned': {
        const job = state.jobs.get(entry.job);
        if (job === undefined) return;
        const attempts: OrderedAttempt[] = [];
        for (const host of hostIndexes(entry.hosts)) {
          const { attempt, index, fence } = job.hosts[host]!;
          attempts.push({ host, attempt, index, fence });
        }
        registry.get(entry.worker)?.session?.assign(entry.job, attempts);
        return;
      }
      case 'hosts-resolving': {
        const job = state.jobs.get(entry.job);
        if (job === undefined) return;
        const attempts = [...hostIndexes(entry.hosts)].map((host) => {
          const { attempt, index } = job.hosts[host]!;
          return { host, attempt, index };
        });
        registry.get(entry.worker)?.session?.settle(entry.job, attempts);
        return;
      }
      case 'credentials-renewed':
        for (const { incarnation } of registry.all()) {
          if (incarnation.opened.has(entry.job)) incarnation.outdated.add(entry.job);
        }
        this.#delivery.credentialsBack(entry.job);
        return;
      case 'halt-requested':
        for (const { session } of registry.all()) session?.halt(entry.job, entry.kill);
        this.#delivery.halted(entry.job);
        return;
      case 'job-ended':
        for (const { session } of registry.all()) session?.closeJob(entry.job);
        registry.forgetJob(entry.job);
        return;
      default:
        return;
    }
  }

  async #hello(peer: Peer, hello: HelloParams): Promise<{ session: WorkerSession; result: HelloResult }> {
    const { name } = peer.identity;
    const { leader, registry, keeper, clock, logger } = this.#options;
    if (hello.protocol !== protocolVersion) {
      throw new MethodError(
        'protocol-mismatch',
        `worker ${name} speaks version ${hello.protocol} of the link, this dispatcher (${productVersion}) version ${protocolVersion}: install the same release on both`,
      );
    }
    const check = checkSealingCertificate(hello.recipient, {
      worker: name,
      sealingRoot: this.#options.sealingRoot,
      nowMs: clock.wallMs(),
    });
    if (!check.ok) throw new MethodError('sealing-certificate', check.message);

    await leader.soon(helloWaitMs, this.#stopping.signal);
    const present = registry.get(name);
    if (present?.session !== undefined && present.journal !== hello.journal) {
      // To take it in would give up every attempt of the one that works.
      throw new MethodError(
        'name-taken',
        `a worker ${name} with another journal is connected: give each worker a name and certificates of its own, or wait until that one is gone`,
      );
    }
    // From here on nothing new is planned for the older connection: what it hasn't delivered, this one resends.
    const replaced = present?.session;
    if (replaced !== undefined) {
      this.#disconnected(replaced);
      replaced.peer.close(4001, 'replaced by a newer connection of the same worker');
    }
    const outcome = await leader.command((state) => ({
      entries: decideJoin(state, name, hello.journal),
      answer: {
        term: state.term,
        wanted: keeper.wanted(state, name, check.recipient.kid, hello.credentials),
      },
    }));
    if (outcome.kind === 'lost' || this.#stopping.signal.aborted) throw notLeading;
    const record = registry.greet(name, hello, check.recipient);
    // What it holds was opened there, whoever led then.
    for (const { job } of hello.held) record.incarnation.opened.add(job);
    for (const job of hello.credentials) record.incarnation.opened.add(job);
    const { term, wanted } = outcome.answer;
    const session = this.#session(peer, record.incarnation, term);
    const { version, capacity } = hello;
    logger.info(
      { worker: name, version, capacity, held: hello.held.length, wanted: wanted.length, term },
      'a worker has connected',
    );
    // The worker learns the term from the answer, so that comes first.
    clock.setTimer(0, () => void this.#begin(record, session, hello));
    return { session, result: { dispatcher: this.#options.name, version: productVersion, term, wanted } };
  }

  #session(peer: Peer, incarnation: Incarnation, term: number): WorkerSession {
    const { name } = peer.identity;
    return new WorkerSession({
      peer,
      incarnation,
      term,
      logger: this.#options.logger,
      opening: (job) => this.#delivery.opening(job),
      undelivered: (job, attempts, why) => this.#delivery.undelivered(name, job, attempts, why),
      unasked: (job, hosts, why) => this.#delivery.unasked(name, job, hosts, why),
    });
  }

  /** Brings a worker up to date with what happened while it was away, then gives it work. */
  async #begin(record: WorkerRecord, session: WorkerSession, hello: HelloParams): Promise<void> {
    const { leader, registry } = this.#options;
    const current = await leader.read((state) => catchUp(state, record, hello));
    if (!this.#peers.has(session.peer)) this.#disconnected(session);
    if (current.kind === 'lost' || this.#stopping.signal.aborted || !this.#peers.has(session.peer)) return;
    const { term, missing, asked, halted, over } = current.answer;
    this.#delivery.forget(record.name);
    // It may have been taken anew since the greeting was answered.
    session.renewTerm(term);
    for (const [job, attempts] of byJob(missing)) session.assign(job, attempts);
    for (const [job, attempts] of byJob(asked)) session.settle(job, attempts);
    for (const { job, kill } of halted) session.halt(job, kill);
    for (const job of over) session.closeJob(job);
    this.#loss.returned(record.name);
    registry.connected(record, session);
  }

  #disconnected(session: WorkerSession): void {
    session.closed();
    const { registry, keeper } = this.#options;
    const record = registry.get(session.peer.identity.name);
    // A newer connection may have taken its place; one that ended before it was attached has left none.
    if (record === undefined || (record.session !== undefined && record.session !== session)) return;
    record.session = undefined;
    keeper.left(record.name);
    this.#delivery.forget(record.name);
    this.#loss.left(record.name);
  }
}

/** What a worker that says hello has to hear. */
function catchUp(state: ClusterState, { name, incarnation }: WorkerRecord, hello: HelloParams) {
  const held = new Set(hello.held.map(({ job, host, attempt }) => `${job} ${host} ${attempt}`));
  const missing = assignedAttempts(state, name).filter(
    ({ job, host, attempt }) => !held.has(`${job} ${host} ${attempt}`),
  );
  const over: number[] = [];
  const halted: { job: number; kill: boolean }[] = [];
  for (const number of incarnation.opened) {
    const job = state.jobs.get(number);
    if (job === undefined || isEnded(job.state)) over.push(number);
    else if (job.halt !== undefined) halted.push({ job: number, kill: job.halt.kill });
  }
  return { term: state.term, missing, asked: askedAttempts(state, name), over, halted };
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
