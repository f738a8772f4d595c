import { IndexHeap } from '../index-heap.js';

/** What ends when, in a forecast: hosts by the time at which their commands end, the earliest first. */
export class Agenda {
  /** Times are kept as what has passed since then: small numbers, with which the engine is quickest. */
  readonly #beginMs: number;
  /** The times that have anything, each once. */
  readonly #times = new IndexHeap();
  readonly #ends = new Map<number, Map<number, number[]>>();
  /** Where the last host was added: the next one, as a rule, is of the same job and ends with it. */
  #last: { sinceMs: number; job: number; hosts: number[] } | undefined;

  constructor(beginMs: number) {
    this.#beginMs = beginMs;
  }

  /** Undefined when nothing is under way. */
  get nextMs(): number | undefined {
    const sinceMs = this.#times.least;
    return sinceMs === undefined ? undefined : this.#beginMs + sinceMs;
  }

  add(atMs: number, job: number, host: number): void {
    const sinceMs = atMs - this.#beginMs;
    if (this.#last?.sinceMs === sinceMs && this.#last.job === job) {
      this.#last.hosts.push(host);
      return;
    }
    let jobs = this.#ends.get(sinceMs);
    if (jobs === undefined) {
      this.#ends.set(sinceMs, (jobs = new Map<number, number[]>()));
      this.#times.push(sinceMs);
    }
    let hosts = jobs.get(job);
    if (hosts === undefined) jobs.set(job, (hosts = []));
    hosts.push(host);
    this.#last = { sinceMs, job, hosts };
  }

  /** Takes what ends at the next time: hosts by job, in the order in which they came. */
  take(): ReadonlyMap<number, readonly number[]> {
    const sinceMs = this.#times.least!;
    this.#times.trim((time) => time === sinceMs);
    const jobs = this.#ends.get(sinceMs)!;
    this.#ends.delete(sinceMs);
    this.#last = undefined;
    return jobs;
  }
}
