/**
 * What workers and the log have to do with each other: hellos and reports become decisions, and what became durable
 * becomes orders.
 *
 * 1. No order leaves before its entry is in the log (A1): orders are made from appended batches only.
 * 2. An attempt is sent again only to the worker that the log names, in the same incarnation, and only if it says that it
 *    doesn't hold it (A2). What another incarnation doesn't hold is `unknown` (A3).
 * 3. Reports count only from the worker that the certificate names (A6), and are answered once they are durable (L7).
 * 4. A worker that stays away longer than `lostAfterMs` leaves its hosts `unknown`; evidence may still come later (E2).
 */
import {
  assignedAttempts,
  type AssignedAttempt,
  type ClusterState,
  decideWorkerLoss,
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
  productVersion,
  protocolVersion,
  reportParamsSchema,
} from '@pogo/protocol';
import { method, MethodError, type Peer, type PeerHandlers } from '@pogo/wire';
import type { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { Specs } from '../jobs/specs.js';
import type { Leader, LogObserver } from '../leader/leader.js';
import type { Vault } from '../vault/vault.js';
import { ReportDesk } from './report-desk.js';
import { checkSealingCertificate } from './sealing-certificate.js';
import { WorkerLoss } from './worker-loss.js';
import type { WorkerRecord, WorkerRegistry } from './worker-registry.js';
import { type Incarnation, type OrderedAttempt, WorkerSession } from './worker-session.js';

export interface WorkerLinksOptions {
  /** Name of this dispatcher. */
  name: string;
  leader: Leader;
  registry: WorkerRegistry;
  specs: Specs;
  vault: Vault;
  sealingRoot: X509Certificate;
  clock: Clock;
  logger: Logger;
  /** How long a worker may be away before its hosts become `unknown`, in milliseconds. */
  lostAfterMs: number;
}

/** How long a hello waits for leadership, in milliseconds. */
const helloWaitMs = 5000;
const notLeading = new MethodError('not-leading', 'this dispatcher does not lead just now: try again');

export class WorkerLinks implements LogObserver {
  readonly #options: WorkerLinksOptions;
  readonly #peers = new Set<Peer>();
  readonly #reports: ReportDesk;
  readonly #loss: WorkerLoss;
  /** Hellos that wait for leadership. */
  readonly #awaiting = new Set<() => void>();
  #stopped = false;

  constructor(options: WorkerLinksOptions) {
    this.#options = options;
    const { leader, registry, clock, logger, lostAfterMs } = options;
    this.#reports = new ReportDesk({ leader, registry, logger });
    const isConnected = (worker: string) => registry.get(worker)?.session !== undefined;
    this.#loss = new WorkerLoss({ leader, clock, logger, lostAfterMs, isConnected });
  }

  /** What is served to one connected worker. */
  serve(peer: Peer): PeerHandlers {
    let session: WorkerSession | undefined;
    this.#peers.add(peer);
    void peer.closed.then(({ code, reason }) => {
      this.#peers.delete(peer);
      this.#options.logger.info({ worker: peer.identity.name, code, reason }, 'a worker has disconnected');
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
          if (session === undefined) throw new MethodError('hello-first', 'say hello before anything else');
          if ((await this.#reports.take(peer.identity.name, params)) === 'lost') throw notLeading;
          return {};
        }),
      },
      binary: (bytes) => session?.receive(bytes),
      failed: (name, error) => this.#options.logger.error({ err: error, method: name }, 'a handler failed'),
    };
  }

  taken(state: ClusterState): void {
    for (const done of [...this.#awaiting]) done();
    this.#loss.noteAbsent(state);
  }

  appended(batch: FoldedBatch, state: ClusterState): void {
    for (const entry of batch.entries) this.#act(entry, state);
  }

  /** Orders of a term that is over must not go out: workers connect anew, and hear the next term. */
  lost(): void {
    for (const { session } of this.#options.registry.all()) if (session) this.#disconnected(session);
    for (const peer of this.#peers) peer.close(1012, 'leadership has ended');
  }

  stop(): void {
    this.#stopped = true;
    for (const done of [...this.#awaiting]) done();
    this.#loss.stop();
    this.lost();
    this.#options.registry.stop();
  }

  #act(entry: LogEntry, state: ClusterState): void {
    const { registry } = this.#options;
    switch (entry.type) {
      case 'hosts-assigned': {
        const job = state.jobs.get(entry.job);
        if (job === undefined) return;
        const attempts: OrderedAttempt[] = [];
        for (const host of hostIndexes(entry.hosts))
          attempts.push({ host, attempt: job.hosts[host]!.attempt });
        registry.get(entry.worker)?.session?.assign(entry.job, attempts);
        return;
      }
      case 'halt-requested':
        for (const { session } of registry.all()) session?.halt(entry.job, entry.kill);
        return;
      case 'job-ended':
        for (const { session } of registry.all()) session?.closeJob(entry.job);
        return;
      default:
        return;
    }
  }

  async #hello(peer: Peer, hello: HelloParams): Promise<{ session: WorkerSession; result: HelloResult }> {
    const { name } = peer.identity;
    const { leader, registry, clock, logger } = this.#options;
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

    await this.#leading();
    const known = registry.get(name);
    // From here on nothing new is planned for the older connection: what it hasn't delivered, this one resends.
    const replaced = known?.session;
    if (replaced !== undefined) {
      this.#disconnected(replaced);
      replaced.peer.close(4001, 'replaced by a newer connection of the same worker');
    }
    const sameIncarnation = known?.incarnation.id === hello.incarnation;
    const outcome = await leader.command((state) => {
      const missing = notHeld(state, name, hello);
      if (sameIncarnation) return { entries: [], answer: { term: state.term, missing } };
      const entries = decideWorkerLoss(
        missing,
        `worker ${name} was started again, and no longer knows of this attempt`,
      );
      return { entries, answer: { term: state.term, missing: [] } };
    });
    if (outcome.kind === 'lost' || this.#stopped) throw notLeading;
    const record = registry.greet(name, hello, check.recipient);
    // What it holds was opened there, whoever led then.
    for (const { job } of hello.held) record.incarnation.opened.add(job);
    const { term, missing } = outcome.answer;
    const session = this.#session(peer, record.incarnation, term);
    logger.info(
      { worker: name, version: hello.version, capacity: hello.capacity, held: hello.held.length, term },
      'a worker has connected',
    );
    // The worker learns the term from the answer, so that comes first.
    clock.setTimer(0, () => void this.#begin(record, session, missing));
    return {
      session,
      result: { dispatcher: this.#options.name, version: productVersion, term },
    };
  }

  /** A dispatcher that has just started leads in a moment: better than having the worker wait before it dials again. */
  async #leading(): Promise<void> {
    const { leader, clock } = this.#options;
    if (leader.term !== undefined || this.#stopped) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        timer.cancel();
        this.#awaiting.delete(done);
        resolve();
      };
      const timer = clock.setTimer(helloWaitMs, done);
      this.#awaiting.add(done);
    });
  }

  #session(peer: Peer, incarnation: Incarnation, term: number): WorkerSession {
    return new WorkerSession({
      peer,
      incarnation,
      term,
      logger: this.#options.logger,
      opening: (job) => this.#opening(job),
      undeliverable: (job, attempts) => this.#undeliverable(peer.identity.name, job, attempts),
    });
  }

  /** Brings a worker up to date with what happened while it was away, then gives it work. */
  async #begin(
    record: WorkerRecord,
    session: WorkerSession,
    missing: readonly AssignedAttempt[],
  ): Promise<void> {
    const current = await this.#options.leader.read((state) => {
      const over: number[] = [];
      const halted: { job: number; kill: boolean }[] = [];
      for (const number of record.incarnation.opened) {
        const job = state.jobs.get(number);
        if (job === undefined || isEnded(job.state)) over.push(number);
        else if (job.halt !== undefined) halted.push({ job: number, kill: job.halt.kill });
      }
      return { over, halted };
    });
    if (!this.#peers.has(session.peer)) this.#disconnected(session);
    if (current.kind === 'lost' || this.#stopped || !this.#peers.has(session.peer)) return;
    const byJob = new Map<number, OrderedAttempt[]>();
    for (const { job, host, attempt } of missing) {
      const attempts = byJob.get(job);
      if (attempts) attempts.push({ host, attempt });
      else byJob.set(job, [{ host, attempt }]);
    }
    for (const [job, attempts] of byJob) session.assign(job, attempts);
    for (const { job, kill } of current.answer.halted) session.halt(job, kill);
    for (const job of current.answer.over) session.closeJob(job);
    this.#loss.returned(record.name);
    this.#options.registry.connected(record, session);
  }

  #disconnected(session: WorkerSession): void {
    session.closed();
    const record = this.#options.registry.get(session.peer.identity.name);
    // A newer connection may have taken its place; one that ended before it was attached has left none.
    if (record === undefined || (record.session !== undefined && record.session !== session)) return;
    record.session = undefined;
    this.#loss.left(record.name);
  }

  async #opening(job: number) {
    const { leader, vault, specs } = this.#options;
    const accepted = await leader.read((state) => {
      const record = state.jobs.get(job);
      return record === undefined || isEnded(record.state) ? undefined : record.accepted;
    });
    if (accepted.kind === 'lost' || accepted.answer === undefined) return undefined;
    const { digest, specRef } = accepted.answer;
    const spec = await specs.get(specRef);
    const credentials = vault.get({ job, digest });
    return credentials && { digest, spec, credentials };
  }

  #undeliverable(worker: string, job: number, attempts: readonly OrderedAttempt[]): void {
    const { leader, logger } = this.#options;
    const settled = leader.command((state) => {
      const record = state.jobs.get(job);
      const open = attempts.filter(({ host, attempt }) => {
        const at = record?.hosts[host];
        return at?.state === 'assigned' && at.worker === worker && at.attempt === attempt;
      });
      const entries = decideWorkerLoss(
        open.map((attempt) => ({ job, ...attempt })),
        `the order could not be handed to worker ${worker}: nobody holds the job's credentials any more`,
      );
      return { entries, answer: undefined };
    });
    settled.catch((error: unknown) => logger.error({ err: error, worker, job }, 'undelivered orders'));
  }
}

/** What the log assigns to the worker and it doesn't hold. */
function notHeld(state: ClusterState, worker: string, hello: HelloParams): AssignedAttempt[] {
  const held = new Set(hello.held.map(({ job, host, attempt }) => `${job} ${host} ${attempt}`));
  return assignedAttempts(state, worker).filter(
    ({ job, host, attempt }) => !held.has(`${job} ${host} ${attempt}`),
  );
}
