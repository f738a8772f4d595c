/** What ends when, in a forecast: hosts by the time at which their commands end, the earliest first. */
export class Agenda {
  /** A binary heap of the times that have anything. */
  readonly #times: number[] = [];
  readonly #ends = new Map<number, Map<number, number[]>>();

  /** Undefined when nothing is under way. */
  get nextMs(): number | undefined {
    return this.#times[0];
  }

  add(atMs: number, job: number, host: number): void {
    let jobs = this.#ends.get(atMs);
    if (jobs === undefined) {
      this.#ends.set(atMs, (jobs = new Map<number, number[]>()));
      this.#push(atMs);
    }
    const hosts = jobs.get(job);
    if (hosts === undefined) jobs.set(job, [host]);
    else hosts.push(host);
  }

  /** Takes what ends at the next time: hosts by job, in the order in which they came. */
  take(): ReadonlyMap<number, readonly number[]> {
    const atMs = this.#pop();
    const jobs = this.#ends.get(atMs)!;
    this.#ends.delete(atMs);
    return jobs;
  }

  #push(atMs: number): void {
    const times = this.#times;
    let at = times.push(atMs) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (times[parent]! <= atMs) break;
      times[at] = times[parent]!;
      at = parent;
    }
    times[at] = atMs;
  }

  #pop(): number {
    const times = this.#times;
    const first = times[0]!;
    const last = times.pop()!;
    if (times.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= times.length) break;
      if (child + 1 < times.length && times[child + 1]! < times[child]!) child++;
      if (times[child]! >= last) break;
      times[at] = times[child]!;
      at = child;
    }
    times[at] = last;
    return first;
  }
}
