import { IndexHeap } from '../index-heap.js';

/** What ends when, in a forecast: hosts by the time at which their commands end, the earliest first. */
export class Agenda {
  /** The times that have anything, each once. */
  readonly #times = new IndexHeap();
  readonly #ends = new Map<number, Map<number, number[]>>();
  /** Where the last host was added: the next one, as a rule, is of the same job and ends with it. */
  #last: { atMs: number; job: number; hosts: number[] } | undefined;

  /** Undefined when nothing is under way. */
  get nextMs(): number | undefined {
    return this.#times.least;
  }

  add(atMs: number, job: number, host: number): void {
    if (this.#last?.atMs === atMs && this.#last.job === job) {
      this.#last.hosts.push(host);
      return;
    }
    let jobs = this.#ends.get(atMs);
    if (jobs === undefined) {
      this.#ends.set(atMs, (jobs = new Map<number, number[]>()));
      this.#times.push(atMs);
    }
    let hosts = jobs.get(job);
    if (hosts === undefined) jobs.set(job, (hosts = []));
    hosts.push(host);
    this.#last = { atMs, job, hosts };
  }

  /** Takes what ends at the next time: hosts by job, in the order in which they came. */
  take(): ReadonlyMap<number, readonly number[]> {
    const atMs = this.#times.least!;
    this.#times.trim((time) => time === atMs);
    const jobs = this.#ends.get(atMs)!;
    this.#ends.delete(atMs);
    this.#last = undefined;
    return jobs;
  }
}
