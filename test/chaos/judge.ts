/**
 * Holds a fleet of real processes against the invariants of its design: by the simulator's checker, which shares nothing with
 * the product, given the log as the ensemble committed it and what commands noted on their hosts, in the order of the wall
 * clock that they share; and by the hosts' record alone.
 *
 * 1. A command notes its beginning a moment after the host has said that it began, so such a word may be up to
 *    `noteLateMs` ahead of it. Nothing may be ahead of a command's end.
 * 2. A command that was killed before it could note anything is taken to have begun when the log says so. It can only have
 *    been killed, or be unknown: every other end contradicts that.
 * 3. A command may come to its end while its host is about to end it, which it can't know: the outcome says that it was killed,
 *    and the status that it noted.
 */
import { type AttemptName, Checker, type CommandEnd, type Violation } from '@pogo/simulator';
import { HostChecks } from './host-checks.js';
import type { HostCommand, HostEvent } from './host-record.js';
import type { ChaosJob } from './jobs.js';
import { hostIndexes, type LoggedBatch, type LoggedEntry } from './logged-batches.js';
import { addressOf, type Site } from './site.js';

const noteLateMs = 2000;

export interface JudgeOptions {
  readonly site: Site;
  /** Names of the workers by their addresses. */
  readonly workers: ReadonlyMap<string, string>;
}

export class Judge {
  readonly violations: Violation[] = [];
  readonly #options: JudgeOptions;
  readonly #checker: Checker;
  readonly #hostChecks: HostChecks;
  readonly #jobs = new Map<string, ChaosJob>();
  readonly #keys = new Map<number, string>();
  /** Hosts in the order of their indices, by idempotency key. */
  readonly #orders = new Map<string, readonly number[]>();
  #facts: HostEvent[] = [];
  /** Events that were told to the checker already, ahead of their turn or in it. */
  readonly #told = new Set<HostEvent>();
  readonly #began = new Set<string>();
  readonly #attempts = new Map<string, number>();
  readonly #assigned = new Map<string, string>();
  /** (3): statuses of commands that the log says were killed. */
  readonly #statuses = new Map<string, number>();
  /** Attempts that could not note anything, and have no end yet (2). */
  readonly #silent = new Set<string>();
  #batches = 0;
  #events = 0;
  #nowMs = 0;
  /** Attempts that were killed before they could note anything. */
  silent = 0;

  constructor(options: JudgeOptions) {
    this.#options = options;
    this.#checker = new Checker({
      nowMs: () => this.#nowMs,
      noted: () => undefined,
      hostsOf: (key) => this.#orders.get(key) ?? [],
      // The only version there is.
      namespaceOf: () => options.site.model,
    });
    this.#hostChecks = new HostChecks({
      site: options.site,
      jobOf: (job) => this.jobOf(job),
      violated: (rule, what) => this.#violated(rule, what),
    });
  }

  get peak(): number {
    return this.#hostChecks.peak;
  }

  /** It may be submitted from now on. */
  expect(job: ChaosJob): void {
    this.#jobs.set(job.key, job);
  }

  jobOf(job: number): ChaosJob | undefined {
    return this.#jobs.get(this.#keys.get(job) ?? '');
  }

  /** Which job's hosts stand in which order in the log. */
  ordered(key: string, hosts: readonly number[]): void {
    this.#orders.set(key, hosts);
  }

  /** All that there is so far; what was taken before is passed over. */
  take(batches: readonly LoggedBatch[], events: readonly HostEvent[]): void {
    for (const { entries } of batches.slice(this.#batches)) this.#learn(entries);
    const news = events.slice(this.#events);
    this.#events = events.length;
    for (const event of news) this.#hostChecks.take(event);
    this.#facts = [...this.#facts, ...news].sort((one, other) => timeOf(one) - timeOf(other));
    for (const batch of batches.slice(this.#batches)) {
      this.#tellUntil(batch.atMs);
      this.#nowMs = batch.atMs;
      for (const entry of batch.entries) this.#tellAhead(entry);
      this.#checker.batchAppended(batch.index, batch.body);
    }
    this.#batches = batches.length;
    this.#tellUntil(Infinity);
    this.#facts = [];
    this.#collect();
  }

  /** (I6) Everything works, and nothing has happened for a while. */
  checkIdle(): void {
    this.#checker.checkIdle();
    this.#collect();
  }

  /** (I6) Faults are over: everything has ended, or says what it needs. */
  checkEnd(): void {
    this.#checker.checkEnd();
    this.#collect();
  }

  /** What the log says of a job's hosts, by their numbers: states, `never` for those that never began. */
  statesOf(key: string): ReadonlyMap<number, string> {
    const hosts = this.#checker.job(key)?.hosts ?? [];
    const order = this.#orders.get(key) ?? [];
    return new Map(hosts.map(({ outcome, phase }, at) => [order[at]!, outcome?.state ?? phase]));
  }

  #learn(entries: readonly LoggedEntry[]): void {
    for (const { type, job = -1, host, attempt, outcome, idempotencyKey } of entries) {
      if (outcome?.state === 'killed' && outcome.exitCode !== undefined)
        this.#statuses.set(`${job}/${host}/${attempt}`, outcome.exitCode);
      if (type === 'job-accepted') this.#keys.set(job, idempotencyKey ?? '');
      if (type === 'credentials-lost')
        this.#violated('V1', `job ${job} asks for credentials again, and never were all dispatchers gone`);
    }
  }

  #violated(rule: string, what: string): void {
    this.violations.push({ rule, what, atMs: this.#nowMs });
  }

  #collect(): void {
    this.violations.push(...this.#checker.violations.splice(0));
  }

  #tellUntil(atMs: number): void {
    let at = 0;
    for (; at < this.#facts.length && timeOf(this.#facts[at]!) <= atMs; at++) this.#tell(this.#facts[at]!);
    this.#facts = this.#facts.slice(at);
  }

  /** (1, 2) */
  #tellAhead(entry: LoggedEntry): void {
    const { type, job = -1, host, outcome } = entry;
    for (const index of hostIndexes(entry.hosts)) {
      const place = `${job}/${index}`;
      if (type === 'hosts-assigned') this.#assigned.set(place, entry.worker ?? '');
      if (type === 'hosts-refused' || type === 'hosts-retried')
        this.#attempts.set(place, this.#attemptAt(place) + 1);
      if (type === 'hosts-started') this.#mustHaveBegun(job, index, place);
    }
    if (type !== 'host-finished' || host === undefined || outcome === undefined) return;
    const place = `${job}/${host}`;
    if (!['succeeded', 'failed', 'timed-out', 'killed'].includes(outcome.state)) return;
    const late = this.#factOf('begin', job, host);
    if (late !== undefined) this.#tell(late);
    // Killed before it could note its end, or anything (2).
    const name = { job, host, attempt: this.#attemptAt(place) };
    if (outcome.state === 'killed' && this.#silent.delete(place))
      this.#checker.commandEnded(name, { kind: 'killed', by: 'connection' });
  }

  #mustHaveBegun(job: number, index: number, place: string): void {
    if (this.#began.has(place)) return;
    const late = this.#factOf('begin', job, index);
    if (late !== undefined) return this.#tell(late);
    this.silent++;
    this.#silent.add(place);
    this.#began.add(place);
    const worker = this.#assigned.get(place) ?? '';
    const name = { job, host: index, attempt: this.#attemptAt(place) };
    this.#checker.commandBegan(name, { host: this.#addressAt(job, index), worker });
  }

  #attemptAt(place: string): number {
    return this.#attempts.get(place) ?? 1;
  }

  #factOf(kind: HostEvent['kind'], job: number, index: number): HostEvent | undefined {
    const host = this.#addressAt(job, index);
    return this.#facts.find(
      (fact) =>
        fact.kind === kind &&
        !this.#told.has(fact) &&
        fact.command.job === job &&
        fact.command.host === host &&
        timeOf(fact) <= this.#nowMs + noteLateMs,
    );
  }

  #addressAt(job: number, index: number): string {
    return addressOf(this.#orders.get(this.#keys.get(job) ?? '')?.[index] ?? 0);
  }

  #tell(fact: HostEvent): void {
    if (this.#told.has(fact)) return;
    this.#told.add(fact);
    const { kind, command } = fact;
    const { job, host, attempt, from } = command;
    const order = this.#orders.get(this.#keys.get(job) ?? '') ?? [];
    const index = order.findIndex((number) => addressOf(number) === host);
    const name: AttemptName = { job, host: index, attempt };
    this.#nowMs = Math.max(this.#nowMs, timeOf(fact));
    if (kind === 'end') {
      const status = this.#statuses.get(`${job}/${index}/${attempt}`);
      const wasEnding = status !== undefined && status === command.exitCode;
      return this.#checker.commandEnded(name, wasEnding ? killed : endOf(command));
    }
    this.#began.add(`${job}/${index}`);
    this.#checker.commandBegan(name, { host, worker: this.#options.workers.get(from) ?? from });
  }
}

function timeOf({ kind, command }: HostEvent): number {
  return kind === 'begin' ? command.beganAtMs : (command.endedAtMs ?? Infinity);
}

const killed: CommandEnd = { kind: 'killed', by: 'connection' };

/** 143: it was told to end. */
function endOf({ exitCode }: HostCommand): CommandEnd {
  if (exitCode === undefined || exitCode === 143) return killed;
  return { kind: 'exit', code: exitCode };
}
