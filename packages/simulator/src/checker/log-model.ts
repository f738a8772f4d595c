/**
 * The checker's own reading of the log: a few lines of model, written from consistency.md and not from core.
 *
 * 1. An attempt is out from its assignment until it is refused or ends; only then may another one follow (A3).
 * 2. What has ended stays as it is, except that an `unknown` may give way to evidence once (E2, I4).
 * 3. A host counts against the job's own cap from its order until there is evidence that each of its attempts is over, or
 *    somebody releases it (I1, E1).
 * 4. Every end, refusal and halt is held against what the hosts have seen (E1).
 */
import type { AttemptName } from '../hosts/simulated-host.js';
import { contradiction, type LoggedOutcome } from './evidence.js';
import type { Facts } from './facts.js';

/** Entries as they stand in the log; only what the checker reads. */
export interface RawEntry {
  type: string;
  job?: number;
  hosts?: (number | [number, number])[] | number;
  host?: number;
  attempt?: number;
  worker?: string;
  outcome?: LoggedOutcome;
  idempotencyKey?: string;
  limits?: { concurrent: number | null };
  state?: string;
  unconstrained?: boolean;
  onPredecessorFailure?: string;
  keepsPermit?: boolean;
  /** Of a namespace, and the key of its document. */
  version?: number;
  ref?: string;
}

export type HostPhase = 'free' | 'out' | 'refused' | 'ended' | 'never';

export interface HostModel {
  attempt: number;
  phase: HostPhase;
  worker: string | undefined;
  outcome: LoggedOutcome | undefined;
  hasBegun: boolean;
  hasStarted: boolean;
  isReplaced: boolean;
  isReleased: boolean;
  /** Somebody has decided that it never starts. */
  isSkipped: boolean;
  /** Attempts before the present one of which nobody knows how they ended. */
  earlier: readonly number[];
}

export interface JobModel {
  job: number;
  key: string;
  concurrent: number | null;
  isUnconstrained: boolean;
  goesOnAfterFailure: boolean;
  hosts: HostModel[];
  isHalted: boolean;
  needsCredentials: boolean;
  ended: string | undefined;
  isArchived: boolean;
}

/** What an attempt was called in the log: assigned to whom, and whether it is said never to begin. */
interface AttemptModel {
  worker: string;
  never: string | undefined;
}

export class LogModel {
  readonly jobs = new Map<number, JobModel>();
  readonly keys = new Map<string, number>();
  /** Jobs of which somebody has asked to try hosts again (I7). */
  readonly retriesAsked = new Set<number>();
  readonly #attempts = new Map<string, AttemptModel>();
  readonly #facts: Facts;
  readonly #violated: (rule: string, what: string) => void;
  readonly #noted: (what: string) => void;
  readonly #taking: (entry: RawEntry) => void;
  #atMs = 0;

  constructor(options: {
    facts: Facts;
    violated: (rule: string, what: string) => void;
    noted: (what: string) => void;
    /** Called before each entry is taken. */
    taking: (entry: RawEntry) => void;
  }) {
    this.#facts = options.facts;
    this.#violated = options.violated;
    this.#noted = options.noted;
    this.#taking = options.taking;
  }

  /** Who the log says runs it, if it does. */
  attempt({ job, host, attempt }: AttemptName): AttemptModel | undefined {
    return this.#attempts.get(`${job}/${host}/${attempt}`);
  }

  append(index: number, body: { atMs: number; entries: RawEntry[] }): void {
    if (body.atMs < this.#atMs)
      this.#violated('T1', `log time goes back from ${this.#atMs} to ${body.atMs} at index ${index}`);
    this.#atMs = Math.max(this.#atMs, body.atMs);
    for (const entry of body.entries) this.#take(entry);
  }

  #take(entry: RawEntry): void {
    this.#taking(entry);
    if (entry.type === 'job-accepted') return this.#accept(entry);
    const job = this.jobs.get(entry.job ?? -1);
    if (job === undefined) return;
    switch (entry.type) {
      case 'halt-requested':
        job.isHalted = true;
        return;
      case 'credentials-lost':
        job.needsCredentials = true;
        return;
      case 'credentials-renewed':
        job.needsCredentials = false;
        return;
      case 'job-ended':
        return this.#end(job, entry);
      case 'job-archived':
        if (job.ended === undefined) this.#violated('I4', `job ${job.job} is archived, and has not ended`);
        job.isArchived = true;
        return;
      case 'job-reopened':
        job.ended = undefined;
        job.isHalted = false;
        job.needsCredentials = false;
        return;
      case 'earlier-settled':
        return this.#settleEarlier(job, entry);
      case 'host-finished':
        return this.#finish(job, entry.host ?? -1, entry);
      default:
        if (typeof entry.hosts !== 'object') return;
        for (const host of indexes(entry.hosts)) this.#move(job, host, entry);
        if (entry.type === 'hosts-assigned') this.#checkCap(job);
    }
  }

  #accept(entry: RawEntry): void {
    const { job = -1, idempotencyKey: key = '', hosts, limits } = entry;
    if (this.jobs.has(job)) this.#violated('L1', `job ${job} is accepted twice`);
    // The key is remembered until the job is archived.
    const known = this.jobs.get(this.keys.get(key) ?? -1);
    if (known?.isArchived === false) this.#violated('L7', `key ${key} is accepted twice`);
    this.keys.set(key, job);
    this.jobs.set(job, {
      job,
      key,
      concurrent: limits?.concurrent ?? null,
      isUnconstrained: entry.unconstrained === true,
      goesOnAfterFailure: entry.onPredecessorFailure === 'continue',
      hosts: Array.from({ length: typeof hosts === 'number' ? hosts : 0 }, () => ({
        attempt: 1,
        phase: 'free',
        worker: undefined,
        outcome: undefined,
        hasBegun: false,
        hasStarted: false,
        isReplaced: false,
        isReleased: false,
        isSkipped: false,
        earlier: [],
      })),
      isHalted: false,
      needsCredentials: false,
      ended: undefined,
      isArchived: false,
    });
  }

  #move(job: JobModel, index: number, entry: RawEntry): void {
    const host = job.hosts[index];
    if (host === undefined)
      return this.#violated('L1', `${entry.type} names host ${index} of job ${job.job}`);
    const name = { job: job.job, host: index, attempt: host.attempt };
    switch (entry.type) {
      case 'hosts-assigned':
        return this.#assign(host, name, entry.worker ?? '');
      case 'hosts-begun':
      case 'hosts-started':
        if (host.phase !== 'out')
          this.#violated('I4', `${entry.type} for ${show(name)}, which is ${host.phase}`);
        host.hasBegun = true;
        if (entry.type === 'hosts-begun') return;
        host.hasStarted = true;
        if (this.#facts.of(name) === undefined)
          this.#violated('E1', `${show(name)} is said to have started, but its command never began`);
        return;
      case 'hosts-refused':
        return this.#refuse(job, host, name);
      case 'hosts-halted':
      case 'hosts-skipped':
        if (host.phase !== 'free' && host.phase !== 'refused')
          this.#violated('A3', `${show(name)} counts as never started while it is ${host.phase}`);
        this.#never(name, entry.type);
        host.phase = 'never';
        host.isSkipped = entry.type === 'hosts-skipped';
        return;
      case 'hosts-retried':
        if (host.phase !== 'ended' && host.phase !== 'never')
          this.#violated('I4', `${show(name)} is retried while it is ${host.phase}`);
        if (!this.retriesAsked.has(job.job))
          this.#violated('I7', `${show(name)} is retried, and nobody asked`);
        job.hosts[index] = {
          ...host,
          ...anew,
          earlier: isOpenUnknown(host) ? [...host.earlier, host.attempt] : host.earlier,
          attempt: host.attempt + 1,
        };
        return;
      case 'hosts-released':
        host.isReleased = true;
        host.earlier = [];
        return;
      default:
        return;
    }
  }

  #assign(host: HostModel, name: AttemptName, worker: string): void {
    if (host.phase !== 'free') this.#violated('A3', `${show(name)} is assigned while it is ${host.phase}`);
    host.phase = 'out';
    host.worker = worker;
    this.#attempts.set(`${name.job}/${name.host}/${name.attempt}`, { worker, never: undefined });
  }

  /** (3) */
  #checkCap({ job, concurrent, hosts }: JobModel): void {
    const counting = hosts.filter(
      (host) => host.phase === 'out' || isOpenUnknown(host) || host.earlier.length > 0,
    ).length;
    if (concurrent !== null && counting > concurrent)
      this.#violated('I1', `${counting} hosts of job ${job} count; its cap is ${concurrent}`);
  }

  #refuse(job: JobModel, host: HostModel, name: AttemptName): void {
    this.#never(name, 'refused');
    if (host.phase === 'ended' && host.outcome?.state === 'unknown' && !host.isReplaced) {
      host.phase = 'never';
      host.isReplaced = true;
      this.#noted('a refusal replaces unknown');
    } else if (host.phase !== 'out') {
      this.#violated('I4', `${show(name)} is refused while it is ${host.phase}`);
    } else if (job.isHalted) {
      host.phase = 'refused';
    } else {
      Object.assign(host, anew);
      host.attempt++;
    }
  }

  #finish(job: JobModel, index: number, { attempt = -1, outcome = { state: '' } }: RawEntry): void {
    const host = job.hosts[index];
    const name = { job: job.job, host: index, attempt };
    if (host?.attempt !== attempt)
      return this.#violated('I4', `${show(name)} ends, but it is not the present attempt`);
    const isEvidence =
      host.phase === 'ended' && host.outcome?.state === 'unknown' && outcome.state !== 'unknown';
    if (host.phase !== 'out' && !(isEvidence && !host.isReplaced))
      this.#violated(
        'I4',
        `${show(name)} ends as ${outcome.state} while it is ${host.phase} ${host.outcome?.state ?? ''}`,
      );
    const against = contradiction(outcome, this.#facts.of(name));
    if (against !== undefined)
      this.#violated('E1', `${show(name)} is said to be ${outcome.state}, but ${against}`);
    if (isEvidence) {
      host.isReplaced = true;
      this.#noted('evidence replaces unknown');
    }
    host.phase = 'ended';
    host.outcome = outcome;
    if (outcome.state === 'succeeded') host.earlier = [];
    const model = this.attempt(name);
    if (model !== undefined && outcome.state !== 'unknown') model.never = outcome.state;
  }

  /** Evidence for an attempt before the present one. */
  #settleEarlier(job: JobModel, { host = -1, attempt = -1, outcome }: RawEntry): void {
    const name = { job: job.job, host, attempt };
    const present = job.hosts[host];
    if (present !== undefined) present.earlier = present.earlier.filter((other) => other !== attempt);
    const model = this.attempt(name);
    if (model === undefined || attempt >= (job.hosts[host]?.attempt ?? 0))
      return this.#violated('I4', `${show(name)} is settled as an earlier one`);
    if (model.never !== undefined)
      this.#violated('I4', `${show(name)} is settled after it was ${model.never}`);
    if (outcome === undefined) return this.#never(name, 'settled as never begun');
    const against = contradiction(outcome, this.#facts.of(name));
    if (against !== undefined)
      this.#violated('E1', `${show(name)} is said to be ${outcome.state}, but ${against}`);
    model.never = outcome.state;
  }

  #end(job: JobModel, { state = '' }: RawEntry): void {
    if (job.ended !== undefined) this.#violated('I4', `job ${job.job} ends twice`);
    job.ended = state;
    const open = job.hosts.filter(({ phase }) => phase !== 'ended' && phase !== 'never');
    if (open.length > 0)
      this.#violated('I6', `job ${job.job} ends as ${state} with ${open.length} hosts unfinished`);
    const allSucceeded = job.hosts.every(({ outcome }) => outcome?.state === 'succeeded');
    if ((state === 'succeeded') !== allSucceeded) this.#violated('E1', `job ${job.job} ends as ${state}`);
  }

  /** The attempt must not have begun, and must not begin any more. */
  #never(name: AttemptName, why: string): void {
    if (this.#facts.of(name) !== undefined)
      this.#violated('A3', `${show(name)} is ${why}, but its command began`);
    const model = this.attempt(name);
    if (model !== undefined) model.never = why;
  }
}

const anew = {
  phase: 'free',
  worker: undefined,
  outcome: undefined,
  hasBegun: false,
  hasStarted: false,
  isReplaced: false,
  isReleased: false,
  isSkipped: false,
} satisfies Partial<HostModel>;

/** Nobody knows how its attempt ended, and nobody has said that this doesn't matter. */
export function isOpenUnknown({ phase, outcome, isReleased }: HostModel): boolean {
  return phase === 'ended' && outcome?.state === 'unknown' && !isReleased;
}

export function show({ job, host, attempt }: AttemptName): string {
  return `attempt ${attempt} of host ${host} of job ${job}`;
}

export function* indexes(set: readonly (number | [number, number])[]): Generator<number> {
  for (const item of set) {
    if (typeof item === 'number') yield item;
    else for (let at = item[0]; at <= item[1]; at++) yield at;
  }
}
