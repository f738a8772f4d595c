/**
 * Counts again, from the log alone, which hosts counted where and when (S1-S3), over all jobs: what a report says of limits.
 *
 * 1. It shares nothing with what decided: no import from `constraints/`, `plan.ts` or `fold.ts`. Hosts are followed one by
 *    one, and a slot is the set of hosts that count in it; nothing is summed up.
 * 2. It decides nothing and refuses nothing: what the log says happened is what is counted, right or wrong.
 * 3. A host of a constrained job that comes to count where that makes more than may is a violation (I1). More than may
 *    without one is none: hosts of `--unconstrained` jobs, and a limit that was lowered under what ran.
 */
import type { FoldedBatch, LogEntry } from '../entries.js';
import { hostIndexes, type HostSet } from '../host-set.js';
import type { Namespace } from '../namespace/namespace.js';
import type { Outcome } from '../outcome.js';
import { hostStates } from '../states.js';
import { type CountedHost, doesCount, newCountedHost } from './counted-host.js';
import { type CountsBefore, nothingBefore } from './counts-before.js';
import { WrittenLimits, type WrittenSlot } from './written-limits.js';

/** Where in the log something happened. */
export interface LogPosition {
  /** Index of the batch. */
  readonly index: number;
  readonly atMs: number;
}

export interface CountedJob {
  readonly job: number;
  readonly isUnconstrained: boolean;
  /** Undefined where nobody can say any more which hosts they were. */
  readonly names: readonly string[] | undefined;
  readonly hosts: Map<number, CountedHost>;
  isHalted: boolean;
}

/** What entries refer to; whoever applies an entry has it at hand. */
export interface RecountDocuments {
  namespace(ref: string): Namespace;
  hostsOf(specRef: string): readonly string[] | undefined;
}

/** What is told while it counts; `use` are the members that count in the slot, the host's own among them. */
export interface RecountListener {
  /** Another version of the namespace is about to be in force. */
  limitsEnd?(): void;
  /** It is in force, everything that counts was counted into it. */
  limits?(limits: WrittenLimits, version: number, at: LogPosition): void;
  /** More hosts count in the slot than before. `permitted` names the host that a constrained job was permitted. */
  rose?(slot: WrittenSlot, use: ReadonlySet<number>, permitted: string | undefined, at: LogPosition): void;
  /** Fewer will count in the slot in a moment. */
  falls?(slot: WrittenSlot, use: ReadonlySet<number>): void;
  /** A host has changed. */
  moved?(job: CountedJob, index: number, host: CountedHost, entry: LogEntry, at: LogPosition): void;
}

/** Ends after which a host may not be well; where it was the server's key that was refused, nothing was touched. */
const unwell: readonly Outcome['state'][] = ['failed', 'timed-out', 'unreachable', 'killed'];

export class Recount {
  readonly #documents: RecountDocuments;
  readonly #listener: RecountListener;
  readonly #jobs = new Map<number, CountedJob>();
  /** Jobs whose hosts can't be named, so that they count nowhere. */
  readonly nameless = new Set<number>();
  limits: WrittenLimits | undefined;
  version = 0;
  /** By member: who counts on it, as `job:host`. */
  readonly #counting = new Map<number, Set<string>>();
  readonly #use = new Map<string, Set<number>>();
  #at: LogPosition = { index: -1, atMs: 0 };

  /** @param before what counted before the first batch that will be applied. */
  constructor(documents: RecountDocuments, listener: RecountListener, before: CountsBefore = nothingBefore) {
    this.#documents = documents;
    this.#listener = listener;
    this.#at = { index: before.index, atMs: 0 };
    for (const { job, specRef, unconstrained, halted, rows } of before.jobs) {
      const counted = this.#addJob(job, specRef, unconstrained);
      counted.isHalted = halted;
      for (const [index, attempt, state, bits, earlier] of rows) {
        counted.hosts.set(index, {
          attempt,
          state: hostStates[state]!,
          isLive: (bits & 1) !== 0,
          earlier: earlier ?? [],
          isHeld: (bits & 2) !== 0,
        });
      }
    }
    if (before.namespace !== null) this.#limit(before.namespace.version, before.namespace.ref);
  }

  /** Batches in order, each once. */
  apply(batch: FoldedBatch): void {
    this.#at = { index: batch.index, atMs: batch.atMs };
    for (const entry of batch.entries) this.#apply(entry);
  }

  job(job: number): CountedJob | undefined {
    return this.#jobs.get(job);
  }

  /** Members that count in a slot now. */
  useOf(slot: { readonly name: string }): ReadonlySet<number> {
    return this.#use.get(slot.name) ?? none;
  }

  #apply(entry: LogEntry): void {
    if (entry.type === 'namespace-applied') return this.#limit(entry.version, entry.ref);
    if (entry.type === 'job-accepted') {
      this.#addJob(entry.job, entry.specRef, entry.unconstrained === true);
      return;
    }
    const job = 'job' in entry ? this.#jobs.get(entry.job) : undefined;
    if (job === undefined) return;
    const each = (hosts: HostSet, change: (host: CountedHost) => void) => {
      for (const index of hostIndexes(hosts)) this.#move(job, index, entry, change);
    };
    switch (entry.type) {
      case 'hosts-permitted':
        return each(entry.hosts, (host) => {
          host.state = 'permitted';
          host.isLive = true;
        });
      case 'hosts-assigned':
        return each(entry.hosts, (host) => (host.state = 'assigned'));
      case 'hosts-begun':
        return each(entry.hosts, (host) => (host.state = 'connecting'));
      case 'hosts-started':
        return each(entry.hosts, (host) => (host.state = 'running'));
      case 'host-finished':
        return this.#finish(job, entry);
      case 'hosts-refused':
        return each(entry.hosts, (host) => refuse(job, host));
      case 'hosts-halted':
        return each(entry.hosts, (host) => {
          host.state = 'halted';
          host.isLive = false;
        });
      case 'hosts-skipped':
        return each(entry.hosts, (host) => {
          host.state = 'skipped';
          host.isLive = false;
        });
      case 'hosts-retried':
        return each(entry.hosts, (host) => retry(host, entry.keepsPermit));
      case 'earlier-settled':
        return this.#move(job, entry.host, entry, (host) => {
          host.earlier = host.earlier.filter((attempt) => attempt !== entry.attempt);
          if (this.#isUnwell(job, entry.host, entry.outcome)) host.isHeld = true;
        });
      case 'hosts-released':
        return each(entry.hosts, (host) => {
          if (host.state === 'unknown') host.isLive = false;
          host.earlier = [];
          host.isHeld = false;
        });
      case 'halt-requested':
        job.isHalted = true;
        return;
      case 'job-reopened':
        job.isHalted = false;
        return;
      case 'job-ended':
        if (this.limits?.holdFailures === 'until-job-ends') this.#letGo(job, entry);
        return;
      case 'job-archived':
        for (const [index, host] of job.hosts) {
          if (doesCount(host)) this.#move(job, index, entry, forget);
        }
        this.#jobs.delete(job.job);
        return;
      default:
        return;
    }
  }

  #addJob(job: number, specRef: string, isUnconstrained: boolean): CountedJob {
    const names = this.#documents.hostsOf(specRef);
    if (names === undefined) this.nameless.add(job);
    const counted: CountedJob = { job, isUnconstrained, names, hosts: new Map(), isHalted: false };
    this.#jobs.set(job, counted);
    return counted;
  }

  #finish(job: CountedJob, entry: Extract<LogEntry, { type: 'host-finished' }>): void {
    const { state } = entry.outcome;
    const member = this.memberOf(job, entry.host);
    this.#move(job, entry.host, entry, (host) => {
      host.attempt = entry.attempt;
      host.state = state;
      host.isLive = state === 'unknown';
      if (state === 'succeeded') {
        host.earlier = [];
        host.isHeld = false;
      }
      if (this.#isUnwell(job, entry.host, entry.outcome)) host.isHeld = true;
    });
    if (state !== 'succeeded' || member === undefined) return;
    // S3: one that is well again holds nothing, whatever went wrong there before, in any job.
    for (const who of [...(this.#counting.get(member) ?? [])]) {
      const [number, index] = who.split(':').map(Number) as [number, number];
      const other = this.#jobs.get(number)!;
      if (other.hosts.get(index)!.isHeld) this.#move(other, index, entry, (host) => (host.isHeld = false));
    }
  }

  /** S3: whether the host goes on counting although the attempt is over. */
  #isUnwell(job: CountedJob, index: number, outcome: Outcome | undefined): boolean {
    if (outcome === undefined || job.isUnconstrained || this.memberOf(job, index) === undefined) return false;
    return unwell.includes(outcome.state) && outcome.reason?.startsWith('host-key-') !== true;
  }

  #letGo(job: CountedJob, entry: LogEntry): void {
    for (const [index, { isHeld }] of job.hosts)
      if (isHeld) this.#move(job, index, entry, (host) => (host.isHeld = false));
  }

  #move(job: CountedJob, index: number, entry: LogEntry, change: (host: CountedHost) => void): void {
    let host = job.hosts.get(index);
    if (host === undefined) job.hosts.set(index, (host = newCountedHost()));
    const before = doesCount(host);
    change(host);
    const after = doesCount(host);
    const member = before === after ? undefined : this.memberOf(job, index);
    if (member !== undefined) {
      if (after) this.#count(job, index, member, { isPermit: isPermit(entry) });
      else this.#discount(job, index, member);
    }
    this.#listener.moved?.(job, index, host, entry, this.#at);
  }

  /** The member that a host of a job is; undefined where the namespace doesn't know it. */
  memberOf(job: CountedJob, index: number): number | undefined {
    const name = job.names?.[index];
    return name === undefined ? undefined : this.limits?.memberOf(name);
  }

  /** @param now unset while everything is counted anew */
  #count(job: CountedJob, index: number, member: number, now?: { isPermit: boolean }): void {
    let counting = this.#counting.get(member);
    if (counting === undefined) this.#counting.set(member, (counting = new Set()));
    counting.add(`${job.job}:${index}`);
    // It counts once, however many attempts of however many jobs count on it.
    if (counting.size > 1) return;
    for (const slot of this.limits!.slotsOf(member)) {
      let use = this.#use.get(slot.name);
      if (use === undefined) this.#use.set(slot.name, (use = new Set()));
      use.add(member);
      if (now === undefined) continue;
      const isBound = now.isPermit && !job.isUnconstrained;
      this.#listener.rose?.(slot, use, isBound ? this.limits!.nameOf(member) : undefined, this.#at);
    }
  }

  #discount(job: CountedJob, index: number, member: number): void {
    const counting = this.#counting.get(member);
    if (counting?.delete(`${job.job}:${index}`) !== true || counting.size > 0) return;
    this.#counting.delete(member);
    for (const slot of this.limits!.slotsOf(member)) {
      const use = this.#use.get(slot.name)!;
      this.#listener.falls?.(slot, use);
      use.delete(member);
    }
  }

  /** S2: new limits hold for what is decided from here on. What counts is counted anew, by what this version says of it. */
  #limit(version: number, ref: string): void {
    this.#listener.limitsEnd?.();
    this.version = version;
    this.limits = new WrittenLimits(this.#documents.namespace(ref));
    this.#counting.clear();
    this.#use.clear();
    for (const job of this.#jobs.values()) {
      for (const [index, host] of job.hosts) {
        const member = doesCount(host) ? this.memberOf(job, index) : undefined;
        if (member !== undefined) this.#count(job, index, member);
      }
    }
    this.#listener.limits?.(this.limits, version, this.#at);
  }
}

const none: ReadonlySet<number> = new Set();

function isPermit(entry: LogEntry): boolean {
  return entry.type === 'hosts-permitted' || (entry.type === 'hosts-retried' && entry.keepsPermit);
}

function forget(host: CountedHost): void {
  host.isLive = false;
  host.earlier = [];
  host.isHeld = false;
}

/** The worker says that the attempt never began: its host waits for another worker with its permit, or is over (A3). */
function refuse(job: CountedJob, host: CountedHost): void {
  if (host.state === 'unknown') {
    host.state = 'halted';
    host.isLive = false;
    return;
  }
  host.state = 'permitted';
  if (!job.isHalted) host.attempt++;
}

function retry(host: CountedHost, keepsPermit: boolean): void {
  // Nobody knows whether the attempt is over: it counts on, beside the next one (E1).
  if (host.state === 'unknown' && host.isLive) host.earlier = [...host.earlier, host.attempt];
  host.attempt++;
  host.isLive = keepsPermit;
  host.state = keepsPermit ? 'permitted' : 'waiting';
}
