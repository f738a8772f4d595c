/**
 * Orders that the log has and a connected worker hasn't, because nobody holds the job's credentials: they go out when
 * there are credentials again. A worker that connects anew is sent all of its orders anyway, so each connection begins
 * with none.
 */
import type { OrderedAttempt } from '@pogo/protocol';

export class UndeliveredOrders {
  readonly #byWorker = new Map<string, Map<number, OrderedAttempt[]>>();

  add(worker: string, job: number, attempts: readonly OrderedAttempt[]): void {
    const jobs = this.#byWorker.get(worker) ?? new Map<number, OrderedAttempt[]>();
    jobs.set(job, [...(jobs.get(job) ?? []), ...attempts]);
    this.#byWorker.set(worker, jobs);
  }

  /** Takes what waits for the job, by worker. */
  take(job: number): Map<string, OrderedAttempt[]> {
    const taken = new Map<string, OrderedAttempt[]>();
    for (const [worker, jobs] of this.#byWorker) {
      const attempts = jobs.get(job);
      if (attempts === undefined) continue;
      taken.set(worker, attempts);
      jobs.delete(job);
      if (jobs.size === 0) this.#byWorker.delete(worker);
    }
    return taken;
  }

  forget(worker: string): void {
    this.#byWorker.delete(worker);
  }

  clear(): void {
    this.#byWorker.clear();
  }
}
