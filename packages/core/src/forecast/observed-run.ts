/** What a job really did, read from its history: when its hosts started, and how many counted at once. */
import type { FoldedBatch } from '../entries.js';
import { hostIndexes } from '../host-set.js';
import type { Namespace } from '../namespace/namespace.js';
import type { OutcomeState } from '../states.js';

/** Ends after which a host counts no more; after the others it does until somebody or a later attempt says that it is well. */
const over: readonly OutcomeState[] = ['succeeded', 'auth-failed', 'denied'];

/** Built from batches, in order; those of other jobs are passed over. */
export class ObservedRun {
  readonly #job: number;
  readonly #slotsOf: (host: number) => readonly number[];
  readonly #running = new Set<number>();
  readonly #counting = new Set<number>();
  readonly #use = new Map<number, number>();
  readonly #peaks = new Map<number, number>();
  #peak = 0;
  #firstMs: number | undefined;
  #lastMs: number | undefined;

  constructor(job: number, hosts: readonly string[], namespace: Namespace | undefined) {
    this.#job = job;
    this.#slotsOf = (host) => {
      const member = namespace?.memberOf(hosts[host] ?? '');
      return member === undefined ? [] : namespace!.slotsOf(member);
    };
  }

  add({ atMs, entries }: FoldedBatch): void {
    for (const entry of entries) {
      if (!('job' in entry) || entry.job !== this.#job) continue;
      if (entry.type === 'hosts-assigned') {
        this.#firstMs ??= atMs;
        for (const host of hostIndexes(entry.hosts)) this.#begin(host);
      } else if (entry.type === 'host-finished') {
        this.#lastMs = atMs;
        this.#running.delete(entry.host);
        if (over.includes(entry.outcome.state)) this.#leave(entry.host);
      } else if (entry.type === 'hosts-refused' || entry.type === 'hosts-released') {
        for (const host of hostIndexes(entry.hosts)) {
          this.#running.delete(host);
          this.#leave(host);
        }
      }
    }
  }

  /** From the first order to the last end, in milliseconds; undefined when nothing started, or nothing ended. */
  get totalMs(): number | undefined {
    return this.#firstMs === undefined || this.#lastMs === undefined
      ? undefined
      : this.#lastMs - this.#firstMs;
  }

  /** Most hosts with an attempt under way at once. */
  get peak(): number {
    return this.#peak;
  }

  /** Most hosts of the job that counted in a slot at once, by slot. */
  get peaks(): ReadonlyMap<number, number> {
    return this.#peaks;
  }

  #begin(host: number): void {
    this.#running.add(host);
    this.#peak = Math.max(this.#peak, this.#running.size);
    if (this.#counting.has(host)) return;
    this.#counting.add(host);
    for (const slot of this.#slotsOf(host)) {
      const use = (this.#use.get(slot) ?? 0) + 1;
      this.#use.set(slot, use);
      this.#peaks.set(slot, Math.max(use, this.#peaks.get(slot) ?? 0));
    }
  }

  #leave(host: number): void {
    if (!this.#counting.delete(host)) return;
    for (const slot of this.#slotsOf(host)) this.#use.set(slot, this.#use.get(slot)! - 1);
  }
}
