/** What the log leaves for a person to decide: hosts that aren't well, and jobs that want something. */
import { hostIndexes, type LoggedBatch, type LoggedEntry } from './logged-batches.js';

interface JobQuestions {
  isEnded: boolean;
  needsCredentials: boolean;
  /** Indices of hosts that went wrong, and nobody has said that they are well: how they ended. */
  readonly unwell: Map<number, string>;
  /** Hosts that are being asked. */
  readonly asked: Set<number>;
}

export class OpenQuestions {
  readonly #jobs = new Map<number, JobQuestions>();
  #batches = 0;

  take(batches: readonly LoggedBatch[]): void {
    for (const { entries } of batches.slice(this.#batches)) for (const entry of entries) this.#take(entry);
    this.#batches = batches.length;
  }

  /** Jobs that have not ended. */
  get open(): number[] {
    return [...this.#jobs].filter(([, { isEnded }]) => !isEnded).map(([job]) => job);
  }

  /** Jobs that ask for credentials. */
  get needy(): number[] {
    return [...this.#jobs].filter(([, { needsCredentials }]) => needsCredentials).map(([job]) => job);
  }

  /** By job: indices of hosts that aren't well, or only those in that state. */
  unwell(state?: string): [job: number, hosts: number[]][] {
    return [...this.#jobs].flatMap(([job, { unwell }]): [number, number[]][] => {
      const hosts = [...unwell].filter(([, ended]) => state === undefined || ended === state);
      return hosts.length === 0 ? [] : [[job, hosts.map(([index]) => index)]];
    });
  }

  /** Somebody has said that all hosts of the job are well. */
  letGo(job: number): void {
    this.#jobs.get(job)?.unwell.clear();
  }

  get isAsking(): boolean {
    return [...this.#jobs.values()].some(({ asked }) => asked.size > 0);
  }

  #take(entry: LoggedEntry): void {
    const { type, job = -1, host, outcome } = entry;
    if (type === 'job-accepted')
      this.#jobs.set(job, { isEnded: false, needsCredentials: false, unwell: new Map(), asked: new Set() });
    const known = this.#jobs.get(job);
    if (known === undefined) return;
    const indexes = [...hostIndexes(entry.hosts)];
    switch (type) {
      case 'host-finished':
        if (outcome?.state === 'succeeded') known.unwell.delete(host!);
        else known.unwell.set(host!, outcome?.state ?? '');
        known.asked.delete(host!);
        return;
      case 'hosts-released':
        for (const index of indexes) known.unwell.delete(index);
        return;
      case 'hosts-resolving':
        for (const index of indexes) known.asked.add(index);
        return;
      case 'hosts-unsettled':
        for (const index of indexes) known.asked.delete(index);
        return;
      case 'hosts-refused':
        // It never began, which also answers for one of which nobody knew.
        for (const index of indexes) {
          known.asked.delete(index);
          known.unwell.delete(index);
        }
        return;
      case 'credentials-lost':
        known.needsCredentials = true;
        return;
      case 'credentials-renewed':
        known.needsCredentials = false;
        return;
      case 'job-ended':
        known.isEnded = true;
        known.asked.clear();
        return;
      case 'job-reopened':
        known.isEnded = false;
        return;
      default:
        return;
    }
  }
}
