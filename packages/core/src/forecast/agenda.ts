import { IndexHeap } from '../index-heap.js';

/** What ends when, in a forecast: hosts by the time at which their commands end, the earliest first. */
export class Agenda {
  /** The times that have anything, each once. */
  readonly #times = new IndexHeap();
  readonly #ends = new Map<number, Map<number, number[]>>();

  /** Undefined when nothing is under way. */
  get nextMs(): number | undefined {
    return this.#times.least;
  }

  add(atMs: number, job: number, host: number): void {
    let jobs = this.#ends.get(atMs);
    if (jobs === undefined) {
      this.#ends.set(atMs, (jobs = new Map<number, number[]>()));
      this.#times.push(atMs);
    }
    const hosts = jobs.get(job);
    if (hosts === undefined) jobs.set(job, [host]);
    else hosts.push(host);
  }

  /** Takes what ends at the next time: hosts by job, in the order in which they came. */
  take(): ReadonlyMap<number, readonly number[]> {
    const atMs = this.#times.least!;
    this.#times.trim((time) => time === atMs);
    const jobs = this.#ends.get(atMs)!;
    this.#ends.delete(atMs);
    return jobs;
  }
}
