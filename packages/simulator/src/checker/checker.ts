/**
 * Holds a simulation against the invariants of reliability.md, after each event. It sees commands begin and end on the
 * hosts, the raw batches of the log, the calls between processes and what clients were told; of core's code it uses
 * nothing.
 */
import type { AttemptName, CommandEnd, CommandWatcher } from '../hosts/simulated-host.js';
import type { Call, CallWatcher } from '../network/call.js';
import { Facts } from './facts.js';
import { type JobModel, LogModel, type RawEntry, show } from './log-model.js';
import type { NamespaceModel } from './namespace-model.js';
import { PermitModel } from './permit-model.js';

export interface Violation {
  /** Number of the invariant or rule, as reliability.md and consistency.md have them. */
  rule: string;
  what: string;
  atMs: number;
}

export interface CheckerOptions {
  nowMs: () => number;
  /** For the census. */
  noted: (what: string) => void;
  /** Numbers of a submission's hosts. */
  hostsOf: (key: string) => readonly number[];
  /** What a namespace document that the log names asks for; undefined when it isn't stored. */
  namespaceOf: (ref: string) => NamespaceModel | undefined;
}

interface Reported extends AttemptName {
  event: string;
}

export class Checker implements CallWatcher, CommandWatcher {
  readonly violations: Violation[] = [];
  readonly #facts = new Facts();
  readonly #log: LogModel;
  readonly #permits: PermitModel;
  readonly #nowMs: () => number;
  /** Highest term that each worker has heard of, by worker and namespace (A2). */
  readonly #terms = new Map<string, number>();
  /** That term when an order arrived, by the order. */
  readonly #arrivals = new WeakMap<Call, number>();
  #batches = 0;
  readonly #refusedForGood = new Set<string>();

  constructor(options: CheckerOptions) {
    this.#nowMs = options.nowMs;
    const violated = (rule: string, what: string) => this.violated(rule, what);
    const { noted, hostsOf, namespaceOf } = options;
    this.#log = new LogModel({
      facts: this.#facts,
      violated,
      noted,
      taking: (entry) => this.#permits.take(entry),
    });
    this.#permits = new PermitModel({ jobs: this.#log.jobs, hostsOf, namespaceOf, violated, noted });
  }

  violated(rule: string, what: string): void {
    this.violations.push({ rule, what, atMs: this.#nowMs() });
  }

  /** How many batches the log has come to. */
  get batches(): number {
    return this.#batches;
  }

  get begunCount(): number {
    return this.#facts.begunCount;
  }

  get jobs(): Iterable<JobModel> {
    return this.#log.jobs.values();
  }

  job(key: string): JobModel | undefined {
    const job = this.#log.keys.get(key);
    return job === undefined ? undefined : this.#log.jobs.get(job);
  }

  /** A batch has come to stand in the log. */
  batchAppended(index: number, body: Uint8Array): void {
    const text = Buffer.from(body).toString('utf8');
    this.#batches++;
    this.#permits.batchBegins();
    this.#log.append(index, JSON.parse(text) as { atMs: number; entries: RawEntry[] });
    for (const key of this.#refusedForGood) {
      if (this.#log.keys.has(key)) this.violated('L2', `submission ${key} was told no, and is in the log`);
    }
  }

  /** A client was told that its job is accepted (L7). */
  submissionAcknowledged(key: string, job: number): void {
    if (this.#log.keys.get(key) !== job)
      this.violated('L7', `submission ${key} was acknowledged as job ${job}, which is not in the log`);
  }

  /** A client was told for certain that nothing came of its submission. */
  submissionRefused(key: string): void {
    this.#refusedForGood.add(key);
    if (this.#log.keys.has(key)) this.violated('L2', `submission ${key} was told no, and is in the log`);
  }

  /** Somebody asks for another attempt on hosts of the job (I7). */
  retryRequested(job: number): void {
    this.#log.retriesAsked.add(job);
  }

  /** A client was told that its job is being halted (L7). */
  haltAcknowledged(job: number): void {
    const model = this.#log.jobs.get(job);
    if (model !== undefined && !model.isHalted && model.ended === undefined)
      this.violated('L7', `the halt of job ${job} was acknowledged, and is not in the log`);
  }

  /**
   * Somebody was told which version of the namespace is in force (L7).
   * @param number which of the scenario's versions that was said to be.
   */
  namespaceToldInForce(version: number, number: number | undefined): void {
    const { versions } = this.#permits;
    const told = versions[version - 1]?.number;
    if (version > versions.length || (number !== undefined && number !== told))
      this.violated('L7', `version ${version} of the namespace was told, and is not in the log`);
  }

  commandBegan(name: AttemptName, on: { host: string; worker: string }): void {
    if (this.#facts.of(name) !== undefined) this.violated('I7', `${show(name)} begins again`);
    if (this.#facts.newestAttempt(name.job, name.host) > name.attempt)
      this.violated('E3', `${show(name)} begins after a later attempt did`);
    const others = this.#facts.live(name.job).filter(({ host }) => host === name.host);
    if (others.length > 0) this.violated('I3', `${show(name)} begins while ${show(others[0]!)} is live`);
    for (const other of this.#facts.liveOn(on.host)) {
      if (other.job !== name.job && this.#permits.isSecond(name, other))
        this.violated('I3', `${show(name)} begins on ${on.host} while ${show(other)} is live`);
    }
    const attempt = this.#log.attempt(name);
    if (attempt?.worker !== on.worker)
      this.violated(
        'A1',
        `${show(name)} begins through ${on.worker}; the log names ${attempt?.worker ?? 'nobody'}`,
      );
    if (attempt?.never !== undefined)
      this.violated('E1', `${show(name)} begins after the log had it as ${attempt.never}`);
    this.#facts.began(name, on);
    this.#checkCap(name.job);
  }

  commandEnded(name: AttemptName, end: CommandEnd): void {
    this.#facts.ended(name, end);
  }

  sent(call: Call): void {
    if (call.method !== 'job.assign') return;
    const { job, attempts } = call.params as { job: number; attempts: { host: number; attempt: number }[] };
    for (const attempt of attempts) {
      const name = { job, host: attempt.host, attempt: attempt.attempt };
      const worker = this.#log.attempt(name)?.worker;
      if (worker !== call.callee)
        this.violated(
          'A1',
          `${show(name)} is ordered from ${call.callee}; the log names ${worker ?? 'nobody'}`,
        );
    }
  }

  arrived(call: Call): void {
    if (call.method.startsWith('job.')) this.#arrivals.set(call, this.#terms.get(listenerOf(call)) ?? -1);
  }

  answered(call: Call, { failed, result }: { failed: boolean; result: unknown }): void {
    if (failed) return;
    if (call.method === 'worker.report') this.#reportsAcknowledged(call);
    else if (call.method === 'namespace.lead') this.#leadAnswered(call, result as { kind: string });
    else if (call.method.startsWith('job.')) this.#orderAnswered(call, result as { kind: string });
  }

  /** (I6) Faults have ceased and time has passed: everything has ended, or says what it needs. */
  checkEnd(): void {
    for (const job of this.#log.jobs.values()) {
      if (isSettled(job)) continue;
      const open = job.hosts.map(({ phase, attempt, worker }) => `${phase} ${attempt} ${worker ?? '-'}`);
      this.violated(
        'I6',
        `job ${job.job} neither ends nor names what it needs; its hosts: ${open.join(', ')}`,
      );
    }
  }

  /** (I6) Everything works, and for a while nothing has happened in the log: nobody may wait for nothing. */
  checkIdle(): void {
    const idle = this.#permits.idleHost();
    if (idle !== undefined) this.violated('I6', `${idle} waits for nothing`);
  }

  /** (I1, for the job's own cap) */
  #checkCap(job: number): void {
    const model = this.#log.jobs.get(job);
    if (model === undefined || model.concurrent === null) return;
    const hosts = new Set<number>();
    for (const { host } of this.#facts.live(job)) if (model.hosts[host]?.isReleased !== true) hosts.add(host);
    if (hosts.size > model.concurrent)
      this.violated('I1', `job ${job} runs on ${hosts.size} hosts at once; its cap is ${model.concurrent}`);
  }

  /** (A2) */
  #orderAnswered(call: Call, result: { kind: string }): void {
    if (result.kind !== 'taken') return;
    const { callee, method } = call;
    const { term } = call.params as { term: number };
    const highest = this.#arrivals.get(call) ?? -1;
    if (term < highest)
      this.violated(
        'A2',
        `${callee} obeys a ${method} of term ${term} after it has heard of term ${highest}`,
      );
    this.#heardTerm(call, term);
  }

  #leadAnswered(call: Call, { kind }: { kind: string }): void {
    if (kind === 'taken') this.#heardTerm(call, (call.params as { term: number }).term);
  }

  #heardTerm(call: Call, term: number): void {
    const listener = listenerOf(call);
    this.#terms.set(listener, Math.max(term, this.#terms.get(listener) ?? -1));
  }

  /** (L7) */
  #reportsAcknowledged({ caller, params }: Call): void {
    for (const report of (params as { reports: Reported[] }).reports) {
      const host = this.#log.jobs.get(report.job)?.hosts[report.host];
      if (host === undefined || host.attempt !== report.attempt || host.worker !== caller) continue;
      const isHeld =
        report.event === 'begun'
          ? host.hasBegun || host.hasStarted || host.phase !== 'out'
          : report.event === 'started'
            ? host.hasStarted || host.phase !== 'out'
            : host.phase !== 'out';
      if (!isHeld)
        this.violated(
          'L7',
          `the report that ${show(report)} ${report.event} is acknowledged, and not in the log`,
        );
    }
  }
}

/** It has ended, or waits for what a person has to give. */
export function isSettled(job: JobModel): boolean {
  return job.ended !== undefined || job.needsCredentials;
}

/** Numbers of a namespace's jobs begin with its own. */
const jobsPerNamespace = 100_000_000;

/** Who hears a term: a worker, of the namespace that the call is about. */
function listenerOf({ callee, params }: Call): string {
  const { namespace, job } = params as { namespace?: number; job?: number };
  return `${callee} ${namespace ?? Math.floor((job ?? 0) / jobsPerNamespace)}`;
}
