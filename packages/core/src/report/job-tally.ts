/** What became of one job's hosts, counted from the log: states, attempts, failures by reason, its own cap. */
import type { LogEntry } from '../entries.js';
import { type HostSet, toHostSet } from '../host-set.js';
import type { Outcome } from '../outcome.js';
import { type HostState, hostStates } from '../states.js';
import { type CountedHost, isUnderWay } from './counted-host.js';
import type { CountedJob, LogPosition } from './recount.js';

/** Hosts whose last attempt ended alike, otherwise than by success. */
export interface TalliedFailure {
  readonly state: HostState;
  readonly reason: Outcome['reason'];
  readonly hosts: HostSet;
  readonly count: number;
}

export interface AttemptTally {
  /** Attempts that a worker was given and did not refuse. */
  readonly total: number;
  /** Hosts with more than one. */
  readonly retriedHosts: number;
  /** Of the host with most of them. */
  readonly most: number;
  /** Attempts that ended otherwise than by success, those that a later one made good included. */
  readonly failed: number;
}

/** The job's own cap (S5): most hosts of it that were disturbed at once, by what it was limited to then. */
export interface OwnPeak {
  /** Undefined: no cap. */
  readonly limit: number | undefined;
  readonly peak: number;
  readonly at: LogPosition | undefined;
  /** Hosts that were permitted although the cap was reached. */
  readonly violated: number;
}

export class JobTally {
  readonly #attempts = new Map<number, number>();
  readonly #outcomes = new Map<number, Outcome>();
  readonly #underWay = new Set<number>();
  readonly #own: OwnPeak[] = [];
  #failed = 0;

  /** The job is limited so from here on; null is no cap. */
  limit(concurrent: number | null): void {
    const last = this.#own.at(-1);
    if (last !== undefined && last.limit === (concurrent ?? undefined)) return;
    this.#own.push({ limit: concurrent ?? undefined, peak: this.#underWay.size, at: undefined, violated: 0 });
  }

  /** @param began whether the host was permitted just now */
  moved(index: number, host: CountedHost, entry: LogEntry, began: boolean, at: LogPosition): void {
    if (entry.type === 'hosts-assigned') this.#attempts.set(index, (this.#attempts.get(index) ?? 0) + 1);
    if (entry.type === 'hosts-refused') this.#attempts.set(index, (this.#attempts.get(index) ?? 1) - 1);
    if (entry.type === 'host-finished' && entry.host === index) {
      this.#outcomes.set(index, entry.outcome);
      if (entry.outcome.state !== 'succeeded') this.#failed++;
    }
    if (entry.type === 'hosts-retried') this.#outcomes.delete(index);
    const was = this.#underWay.size;
    if (isUnderWay(host)) this.#underWay.add(index);
    else this.#underWay.delete(index);
    if (this.#underWay.size > was) this.#rises(began, at);
  }

  #rises(began: boolean, at: LogPosition): void {
    const place = this.#own.length - 1;
    const own = this.#own[place];
    if (own === undefined) return;
    const use = this.#underWay.size;
    this.#own[place] = {
      limit: own.limit,
      ...(use > own.peak ? { peak: use, at } : { peak: own.peak, at: own.at }),
      violated: own.violated + Number(began && own.limit !== undefined && use > own.limit),
    };
  }

  /** Of `hosts` hosts, those that nothing happened to are waiting. */
  counts({ hosts }: CountedJob, total: number): Partial<Record<HostState, number>> {
    const counts = new Map<HostState, number>([['waiting', total - hosts.size]]);
    for (const { state } of hosts.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
    return Object.fromEntries(
      hostStates.flatMap((state) => ((counts.get(state) ?? 0) > 0 ? [[state, counts.get(state)!]] : [])),
    );
  }

  /** Most hosts first. */
  get failures(): TalliedFailure[] {
    const alike = new Map<string, { state: HostState; reason: Outcome['reason']; hosts: number[] }>();
    for (const [index, { state, reason }] of this.#outcomes) {
      if (state === 'succeeded') continue;
      const key = `${state} ${reason ?? ''}`;
      const group = alike.get(key);
      if (group === undefined) alike.set(key, { state, reason, hosts: [index] });
      else group.hosts.push(index);
    }
    return [...alike.values()]
      .map(({ state, reason, hosts }) => ({ state, reason, hosts: toHostSet(hosts), count: hosts.length }))
      .sort((one, other) => other.count - one.count);
  }

  get attempts(): AttemptTally {
    const numbers = [...this.#attempts.values()];
    return {
      total: numbers.reduce((sum, number) => sum + number, 0),
      retriedHosts: numbers.filter((number) => number > 1).length,
      most: numbers.reduce((most, number) => Math.max(most, number), 0),
      failed: this.#failed,
    };
  }

  /** One for each limit that was in force. */
  get own(): readonly OwnPeak[] {
    return this.#own;
  }
}
