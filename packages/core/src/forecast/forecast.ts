/**
 * What a job would do: the planner and the fold, run ahead over a state of their own (forecast-state.ts), with a given
 * duration for each command.
 *
 * 1. It decides nothing by rules of its own: what starts when is what {@link plan} answers, and what it means is the fold's.
 * 2. It reads no clock; time goes from one end of a command, or deadline, to the next.
 * 3. Hosts that start at the same time are one wave. Each has what held it back until then (binding.ts).
 * 4. It goes on by pieces, so that whoever runs it can do other things in between; and it stops after a given number of
 *    hosts, and says so.
 */
import type { ClusterState, JobRecord } from '../cluster-state.js';
import { groupOf } from '../constraints/change-host.js';
import { isFull } from '../constraints/constraint-state.js';
import { explainJob, type WaitingHosts } from '../constraints/explain.js';
import type { HostGroup } from '../constraints/host-group.js';
import type { LogEntry } from '../entries.js';
import { applyBatch } from '../fold.js';
import { hostIndexes, type HostSet, toHostSet } from '../host-set.js';
import type { Outcome } from '../outcome.js';
import { nextDeadlineMs, plan, type WorkerCapacity } from '../plan.js';
import { type EndedJobState, isEnded } from '../states.js';
import { Agenda } from './agenda.js';
import { Before, type Binding } from './binding.js';
import { type ForecastState, neverMs } from './forecast-state.js';

/** How a command is taken to end. */
export interface ForecastEnd {
  /** Whole milliseconds, at least 1. */
  durationMs: number;
  outcome: Outcome;
}

export interface ForecastOptions extends ForecastState {
  /** Log time at which it begins, in milliseconds. */
  nowMs: number;
  workers: readonly WorkerCapacity[];
  /** For every job of the state: those that run already are taken to need all of it from now on. */
  endOf: (job: number, host: number) => ForecastEnd;
  /** Most hosts, over all jobs, whose ends are gone through. */
  maxHosts: number;
}

/** Hosts of one wave that the same things held back. */
export interface WaveStart {
  hosts: HostSet;
  count: number;
  /** Empty: nothing did, they start at once. */
  bindings: readonly Binding[];
}

export interface Wave {
  /** Since the beginning, in milliseconds. */
  atMs: number;
  count: number;
  starts: readonly WaveStart[];
  /** Slots of these hosts that have no room from then on. */
  full: readonly { slot: number; use: number }[];
}

export type ForecastEnding =
  /** The job ends; `totalMs` is when, and `clockMs` what of it counts against its timeout. */
  | { kind: 'ended'; state: EndedJobState; totalMs: number; clockMs: number }
  /** Hosts wait for what comes only if a person does something; the last of the others ends at `totalMs`. */
  | { kind: 'stuck'; totalMs: number }
  /** It was stopped after so many hosts; the rest is not known. */
  | { kind: 'cut'; totalMs: number };

export interface ForecastResult {
  waves: readonly Wave[];
  ending: ForecastEnding;
  /** Hosts of the job that started. */
  started: number;
  /** Hosts that never start, and what they wait for then; nothing is listed where it was cut. */
  never: readonly WaitingHosts[];
  /** Most hosts that counted at once in each slot of the job's hosts, of this job and others; by slot. */
  peaks: ReadonlyMap<number, number>;
  /** Most hosts of the job at once. */
  peak: number;
}

export class Forecast {
  readonly #options: ForecastOptions;
  readonly #record: JobRecord;
  readonly #agenda: Agenda;
  readonly #waves: Wave[] = [];
  readonly #peaks = new Map<number, number>();
  #nowMs: number;
  #lastMs: number;
  #before: Before | undefined;
  #begun = false;
  #gone = 0;
  #started = 0;
  #peak = 0;
  #never: readonly WaitingHosts[] = [];
  #ending: ForecastEnding | undefined;

  constructor(options: ForecastOptions) {
    this.#options = options;
    this.#agenda = new Agenda(options.nowMs);
    this.#nowMs = options.nowMs;
    this.#lastMs = options.nowMs;
    this.#record = options.state.jobs.get(options.job)!;
  }

  /** As far as it has come. */
  get state(): ClusterState {
    return this.#options.state;
  }

  /** Goes on by about that many hosts; whether it is done. */
  advance(hosts: number): boolean {
    const until = this.#gone + hosts;
    if (!this.#begun) {
      this.#begun = true;
      this.#findRunning();
      this.#decide();
    }
    while (this.#ending === undefined && this.#gone < until) this.#step();
    return this.#ending !== undefined;
  }

  /** Once it is done. */
  get result(): ForecastResult {
    return {
      waves: this.#waves,
      ending: this.#ending!,
      started: this.#started,
      never: this.#never,
      peaks: this.#peaks,
      peak: this.#peak,
    };
  }

  /** What other jobs have under way. */
  #findRunning(): void {
    const { state, endOf } = this.#options;
    for (const record of state.jobs.values()) {
      if (isEnded(record.state) || record.assignedTo.size === 0) continue;
      record.hosts.forEach((host, index) => {
        if (host.state !== 'assigned' && host.state !== 'connecting' && host.state !== 'running') return;
        this.#agenda.add(this.#nowMs + endOf(record.job, index).durationMs, record.job, index);
      });
    }
  }

  /** On to the next time at which anything changes, and to what is decided then. */
  #step(): void {
    const { state, workers, maxHosts } = this.#options;
    const deadlineMs = nextDeadlineMs(state) ?? neverMs;
    const nextMs = Math.min(this.#agenda.nextMs ?? neverMs, deadlineMs);
    if (nextMs >= neverMs) return this.#stop('stuck');
    if (this.#gone >= maxHosts) return this.#stop('cut');
    this.#nowMs = Math.max(this.#nowMs, nextMs);
    this.#before = new Before(state, this.#record, workers);
    if (this.#agenda.nextMs === nextMs) this.#end(this.#agenda.take());
    this.#decide();
  }

  #end(ended: ReadonlyMap<number, readonly number[]>): void {
    const { state, endOf, job } = this.#options;
    const entries: LogEntry[] = [];
    for (const [number, hosts] of ended) {
      const record = state.jobs.get(number)!;
      this.#before!.end(record, hosts);
      for (const host of hosts) {
        const { attempt } = record.hosts[host]!;
        const { outcome } = endOf(number, host);
        entries.push({ type: 'host-finished', job: number, host, attempt, outcome });
      }
      if (number === job) this.#lastMs = this.#nowMs;
      this.#gone += hosts.length;
    }
    this.#fold(entries);
  }

  /** Folds what the planner decides until it has nothing more to say. */
  #decide(): void {
    const { state, workers } = this.#options;
    const started: number[] = [];
    while (this.#ending === undefined) {
      const entries = plan(state, { nowMs: this.#nowMs, workers });
      if (entries.length === 0) break;
      let more = false;
      for (const entry of entries) {
        if (entry.type === 'hosts-assigned') this.#start(entry.job, entry.hosts, started);
        else if (entry.type !== 'hosts-permitted') more = true;
      }
      if (more) {
        this.#before?.changesAll();
        this.#foresee(entries);
      }
      this.#fold(entries);
      // Permits are all given at once: only where something else was decided may more be due.
      if (!more) break;
    }
    if (started.length > 0) this.#addWave(started);
  }

  #start(job: number, hosts: HostSet, started: number[]): void {
    const { endOf } = this.#options;
    for (const host of hostIndexes(hosts)) {
      this.#agenda.add(this.#nowMs + endOf(job, host).durationMs, job, host);
      if (job === this.#options.job) started.push(host);
    }
  }

  /** What is said of the job's end, before it is folded: what waits is known only until then. */
  #foresee(entries: readonly LogEntry[]): void {
    const { state, job } = this.#options;
    for (const entry of entries) {
      if (!('job' in entry) || entry.job !== job) continue;
      if (entry.type === 'hosts-halted' && this.#never.length === 0)
        this.#never = explainJob(state, this.#record);
      if (entry.type === 'job-ended')
        this.#ending = {
          kind: 'ended',
          state: entry.state,
          totalMs: this.#lastMs - this.#options.nowMs,
          clockMs: this.#clockMs(),
        };
    }
  }

  /** How far the job's clock has come (S10). */
  #clockMs(): number {
    const { usedMs, clockSinceMs } = this.#record;
    return usedMs + (clockSinceMs === undefined ? 0 : this.#nowMs - clockSinceMs);
  }

  #stop(kind: 'stuck' | 'cut'): void {
    if (kind === 'stuck') this.#never = explainJob(this.#options.state, this.#record);
    this.#ending = { kind, totalMs: this.#lastMs - this.#options.nowMs };
  }

  #fold(entries: readonly LogEntry[]): void {
    const { state } = this.#options;
    applyBatch(state, { index: state.nextIndex, atMs: this.#nowMs, entries });
  }

  #addWave(hosts: readonly number[]): void {
    this.#started += hosts.length;
    this.#peak = Math.max(this.#peak, this.#record.disturbed);
    const byBinding = new Map<string, Start>();
    const known = new Map<readonly Binding[], Start>();
    const groups = new Set<HostGroup>();
    let group: HostGroup | undefined;
    let bindings: readonly Binding[] | undefined;
    let start: Start | undefined;
    for (const host of hosts) {
      const own = groupOf(this.#record, host);
      if (own !== group) groups.add((group = own));
      const its = this.#before === undefined ? none : this.#before.bindingOf(host, own);
      if (start === undefined || its !== bindings) start = startOf((bindings = its), known, byBinding);
      start.hosts.push(host);
    }
    this.#waves.push({
      atMs: this.#nowMs - this.#options.nowMs,
      count: hosts.length,
      starts: Array.from(byBinding.values(), (one) => ({
        hosts: toHostSet(one.hosts),
        count: one.hosts.length,
        bindings: one.bindings,
      })),
      full: this.#measure(groups),
    });
  }

  /** Notes how much of each slot is in use now that hosts of these groups have started, and gives those that are full. */
  #measure(groups: ReadonlySet<HostGroup>): { slot: number; use: number }[] {
    const { constraints } = this.#options.state;
    const full: { slot: number; use: number }[] = [];
    for (const slot of new Set([...groups].flatMap(({ within }) => within))) {
      const use = constraints.use[slot]!;
      this.#peaks.set(slot, Math.max(use, this.#peaks.get(slot) ?? 0));
      if (isFull(constraints, slot)) full.push({ slot, use });
    }
    return full;
  }
}

interface Start {
  readonly hosts: number[];
  readonly bindings: readonly Binding[];
}

/** The hosts of a wave that the same things held back; these are told by different lists, too. */
function startOf(
  bindings: readonly Binding[],
  known: Map<readonly Binding[], Start>,
  byBinding: Map<string, Start>,
): Start {
  let start = known.get(bindings);
  if (start !== undefined) return start;
  const key = JSON.stringify(bindings);
  start = byBinding.get(key);
  if (start === undefined) byBinding.set(key, (start = { hosts: [], bindings }));
  known.set(bindings, start);
  return start;
}

const none: readonly Binding[] = [];
