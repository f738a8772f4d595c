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
  decideHalt,
  decideReports,
  decideWorkerLoss,
  type FoldedBatch,
  hostIndexes,
  isEnded,
  type LogEntry,
  type ReportedEvent,
} from '@pogo/core';
import type { Clock, Timer } from '@pogo/lifecycle';
import {
  type AttemptReport,
  dispatcherMethods,
  type HelloParams,
  helloParamsSchema,
  type HelloResult,
  productVersion,
  protocolVersion,
  reportParamsSchema,
  type ReportParams,
} from '@pogo/protocol';
import { method, MethodError, type Peer, type PeerHandlers } from '@pogo/wire';
import type { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { Specs } from '../jobs/specs.js';
import type { Leader, LogObserver } from '../leader/leader.js';
import type { Vault } from '../vault/vault.js';
import { checkSealingCertificate } from './sealing-certificate.js';
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

/** Attempts given up in one decision. */
const lossChunk = 1000;
/** Characters of a message that the log keeps. */
const maxMessageLength = 2000;
/** How long a hello waits for leadership, in milliseconds. */
const helloWaitMs = 5000;
const notLeading = new MethodError('not-leading', 'this dispatcher does not lead just now: try again');

export class WorkerLinks implements LogObserver {
  readonly #options: WorkerLinksOptions;
  readonly #peers = new Set<Peer>();
  /** Workers that the log names and that were never seen here. */
  readonly #strangers = new Map<string, Timer>();
  /** Hellos that wait for leadership. */
  readonly #awaiting = new Set<() => void>();
  #stopped = false;

  constructor(options: WorkerLinksOptions) {
    this.#options = options;
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
          await this.#report(peer.identity.name, params);
          return {};
        }),
      },
      binary: (bytes) => session?.receive(bytes),
      failed: (name, error) => this.#options.logger.error({ err: error, method: name }, 'a handler failed'),
    };
  }

  taken(state: ClusterState): void {
    for (const done of [...this.#awaiting]) done();
    for (const worker of state.assignedTo.keys()) {
      if (this.#options.registry.get(worker) !== undefined) continue;
      const timer = this.#options.clock.setTimer(this.#options.lostAfterMs, () => this.#lose(worker));
      this.#strangers.set(worker, timer);
    }
    for (const record of this.#options.registry.all()) if (record.session === undefined) this.#expect(record);
  }

  appended(batch: FoldedBatch, state: ClusterState): void {
    for (const entry of batch.entries) this.#act(entry, state);
  }

  /** Orders of a term that is over must not go out: workers connect anew, and hear the next term. */
  lost(): void {
    for (const timer of this.#strangers.values()) timer.cancel();
    this.#strangers.clear();
    for (const peer of this.#peers) peer.close(1012, 'leadership has ended');
  }

  stop(): void {
    this.#stopped = true;
    for (const done of [...this.#awaiting]) done();
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
        this.#assign(entry.worker, entry.job, attempts);
        return;
      }
      case 'halt-requested':
        for (const { session } of registry.all()) session?.halt(entry.job, entry.kill);
        return;
      case 'job-ended':
        for (const { session, incarnation } of registry.all()) {
          incarnation.refused.delete(entry.job);
          session?.closeJob(entry.job);
        }
        return;
      default:
        return;
    }
  }

  /** What the worker has refused for good isn't sent again: its answer is known (A3). */
  #assign(worker: string, job: number, attempts: readonly OrderedAttempt[]): void {
    const record = this.#options.registry.get(worker);
    const refused = record?.incarnation.refused.get(job);
    if (record === undefined || refused === undefined) {
      record?.session?.assign(job, attempts);
      return;
    }
    const isRefused = ({ host, attempt }: OrderedAttempt) => refused.has(`${host}.${attempt}`);
    const fresh = attempts.filter((attempt) => !isRefused(attempt));
    if (fresh.length > 0) record.session?.assign(job, fresh);
    const reports = attempts
      .filter(isRefused)
      .map((attempt) => ({ job, ...attempt, event: 'refused' as const, reason: 'refused before' }));
    if (reports.length === 0) return;
    this.#report(worker, { reports, passwordRefused: [] }).catch((error: unknown) => {
      if (error !== notLeading)
        this.#options.logger.error({ err: error, worker, job }, 'a refusal was not settled');
    });
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
    this.#strangers.get(name)?.cancel();
    this.#strangers.delete(name);

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
    this.#options.registry.connected(record, session);
  }

  #disconnected(session: WorkerSession): void {
    session.closed();
    const record = this.#options.registry.get(session.peer.identity.name);
    if (record?.session !== session) return;
    record.session = undefined;
    this.#expect(record);
  }

  #expect(record: WorkerRecord): void {
    if (this.#stopped) return;
    record.lossTimer?.cancel();
    record.lossTimer = this.#options.clock.setTimer(this.#options.lostAfterMs, () => this.#lose(record.name));
  }

  /** Rule 4, in pieces, so that nobody waits for long behind it. */
  #lose(worker: string): void {
    const { leader, logger, lostAfterMs } = this.#options;
    const message = `worker ${worker} has been away for ${Math.round(lostAfterMs / 1000)} s`;
    const giveUp = async (): Promise<void> => {
      for (let more = true; more;) {
        const outcome = await leader.command((state) => {
          if (this.#options.registry.get(worker)?.session !== undefined) return { entries: [], answer: 0 };
          const attempts = assignedAttempts(state, worker).slice(0, lossChunk);
          return { entries: decideWorkerLoss(attempts, message), answer: attempts.length };
        });
        more = outcome.kind === 'ok' && outcome.answer === lossChunk;
        if (outcome.kind === 'ok' && outcome.answer > 0) {
          logger.warn({ worker, attempts: outcome.answer }, 'a worker is lost: its hosts are unknown');
        }
      }
    };
    giveUp().catch((error: unknown) => logger.error({ err: error, worker }, 'a lost worker was not settled'));
  }

  async #report(worker: string, { reports, passwordRefused }: ReportParams): Promise<void> {
    const bounded = reports.map(boundedReport);
    const outcome = await this.#options.leader.command((state) => {
      const { entries, voidCount } = decideReports(state, worker, bounded);
      const halts = passwordRefused.flatMap((job) => {
        const decision = decideHalt(state, { job, by: worker, cause: 'password-refused', kill: false });
        return decision.kind === 'halted' ? decision.entries : [];
      });
      const unwilling = entries.some(
        (entry) => entry.type === 'hosts-refused' && state.jobs.get(entry.job)?.halt === undefined,
      );
      const willing = entries.some(({ type }) => type === 'hosts-begun' || type === 'hosts-started');
      const record = this.#options.registry.get(worker);
      if (record !== undefined) noteRefusals(record.incarnation, bounded, state.open);
      // At once, or this same cycle's plan would give the host back to the worker that refused it.
      if (record !== undefined && unwilling) this.#options.registry.refused(record);
      else if (record !== undefined && willing) this.#options.registry.obliged(record);
      return { entries: [...entries, ...halts], answer: voidCount };
    });
    if (outcome.kind === 'lost') throw notLeading;
    if (outcome.answer > 0) {
      this.#options.logger.debug({ worker, void: outcome.answer }, 'reports that changed nothing');
    }
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

function noteRefusals(
  incarnation: Incarnation,
  reports: readonly ReportedEvent[],
  openJobs: ReadonlySet<number>,
): void {
  for (const { job, host, attempt, event } of reports) {
    if (event !== 'refused' || !openJobs.has(job)) continue;
    const refused = incarnation.refused.get(job) ?? new Set();
    refused.add(`${host}.${attempt}`);
    incarnation.refused.set(job, refused);
  }
}

/** What the log assigns to the worker and it doesn't hold. */
function notHeld(state: ClusterState, worker: string, hello: HelloParams): AssignedAttempt[] {
  const held = new Set(hello.held.map(({ job, host, attempt }) => `${job} ${host} ${attempt}`));
  return assignedAttempts(state, worker).filter(
    ({ job, host, attempt }) => !held.has(`${job} ${host} ${attempt}`),
  );
}

/** Texts from outside that the log keeps have a limit. */
function boundedReport(report: AttemptReport): ReportedEvent {
  switch (report.event) {
    case 'begun':
    case 'started':
      return report;
    case 'refused':
      return { ...report, reason: report.reason.slice(0, maxMessageLength) };
    case 'finished': {
      const { message } = report.outcome;
      if (message === undefined || message.length <= maxMessageLength) return report;
      return { ...report, outcome: { ...report.outcome, message: message.slice(0, maxMessageLength) } };
    }
  }
}
