/**
 * The invariants as the hosts themselves saw them, without the log: what ran where at the same moment, how often, and in which
 * order.
 */
import type { HostCommand, HostEvent } from './host-record.js';
import type { ChaosJob } from './jobs.js';
import { addressOf, type Site } from './site.js';

export interface HostChecksOptions {
  readonly site: Site;
  /** By its number. */
  readonly jobOf: (job: number) => ChaosJob | undefined;
  readonly violated: (rule: string, what: string) => void;
}

export class HostChecks {
  readonly #options: HostChecksOptions;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #live = new Set<HostCommand>();
  /** Hosts on which it has begun, by job. */
  readonly #begun = new Map<number, Set<string>>();
  /** Hosts on which it ended with 0, by job. */
  readonly #well = new Map<number, Set<number>>();
  /** Most hosts that ran at once. */
  peak = 0;

  constructor(options: HostChecksOptions) {
    this.#options = options;
    this.#numbers = new Map(
      Array.from({ length: options.site.hosts }, (_, at) => [addressOf(at + 1), at + 1]),
    );
  }

  take({ kind, command }: HostEvent): void {
    if (kind === 'begin') return this.#begins(command);
    this.#live.delete(command);
    if (command.exitCode === 0) setOf(this.#well, command.job).add(this.#numberOf(command));
  }

  #begins(command: HostCommand): void {
    const { violated, jobOf } = this.#options;
    const { host } = command;
    const what = `job ${command.job} on ${host}`;
    const job = jobOf(command.job);
    if (job === undefined) return violated('I7', `${what} begins, and nobody asked for that`);
    const begun = setOf(this.#begun, command.job);
    if (begun.has(host) || command.isRepeated) violated('I7', `${what} begins twice`);
    begun.add(host);
    const number = this.#numberOf(command);
    if (!job.hosts.includes(number)) violated('I7', `${what} begins, and that host is none of its hosts`);
    // One that couldn't note its end was gone at some moment since it was seen last.
    for (const other of this.#live) {
      const { exitCode, endedAtMs = Infinity } = other;
      if (exitCode === undefined && endedAtMs <= command.beganAtMs) this.#live.delete(other);
    }
    for (const other of this.#live) {
      if (other.host === host) violated('I3', `${what} begins while job ${other.job} runs there`);
    }
    this.#live.add(command);
    this.peak = Math.max(this.peak, this.#live.size);
    this.#checkLimits(job, command, number);
    this.#checkSequence(job, command, number);
  }

  /** (I1) */
  #checkLimits(job: ChaosJob, command: HostCommand, number: number): void {
    const { site, jobOf, violated } = this.#options;
    const own = [...this.#live].filter((other) => other.job === command.job).length;
    if (job.concurrent !== null && own > job.concurrent)
      violated('I1', `job ${command.job} runs on ${own} hosts at once; its cap is ${job.concurrent}`);
    if (job.isUnconstrained) return;
    // One that isn't held back by limits may have come to a full slot.
    const constrained = [...this.#live].filter((other) => jobOf(other.job)?.isUnconstrained === false);
    const busy = new Set(constrained.map((other) => this.#numberOf(other)));
    for (const { name, members, limit } of site.model.slotsOf(number)) {
      const count = [...members].filter((member) => busy.has(member)).length;
      if (count > limit) violated('I1', `${count} hosts of ${name} are busy at once, limit ${limit}`);
    }
  }

  /** (I2) */
  #checkSequence(job: ChaosJob, command: HostCommand, number: number): void {
    const { site, violated } = this.#options;
    if (job.isUnconstrained) return;
    const well = setOf(this.#well, command.job);
    const before = site.model.predecessorsOf(number);
    const open = job.hosts.filter((host) => before.has(host) && !well.has(host));
    if (open.length > 0)
      violated(
        'I2',
        `job ${command.job} begins on ${command.host} before it is done on ${open.map(addressOf).join(', ')}`,
      );
  }

  #numberOf({ host }: HostCommand): number {
    return this.#numbers.get(host) ?? 0;
  }
}

function setOf<Key, Value>(sets: Map<Key, Set<Value>>, key: Key): Set<Value> {
  let set = sets.get(key);
  if (set === undefined) sets.set(key, (set = new Set()));
  return set;
}
