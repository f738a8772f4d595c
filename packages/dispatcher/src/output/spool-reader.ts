import type { JobView } from '../jobs/job-view.js';
import type { WorkerRegistry } from '../workers/worker-registry.js';
import type { JobWorkers } from './job-workers.js';
import { frameLines, outputLine } from './output-lines.js';
import { OutputSubscription } from './output-subscription.js';

export interface SpoolReaderOptions {
  registry: WorkerRegistry;
  view: JobView;
  worker: string;
  follow: boolean;
  /** Position in the worker's spool of the job. */
  from: number;
  /** What the log said of the job when the reader was made. */
  now: JobWorkers;
  signal: AbortSignal;
}

export interface SpoolStep {
  reader: SpoolReader;
  done: boolean;
  /** None, or whole lines. */
  lines: string;
}

/**
 * Reads what one worker spooled of a job, over as many connections as it takes.
 *
 * A worker that ends what it sends says that nothing more will come of what it has open; one that is started again may be given
 * further hosts of the job. So only what was asked for after the job had ended is all there is.
 */
export class SpoolReader {
  readonly #options: SpoolReaderOptions;
  #position: number;
  #subscription: OutputSubscription | undefined;
  /** What the log said when it was opened. */
  #openedAt: JobWorkers | undefined;
  #job: JobWorkers;
  #changed: (() => void) | undefined;
  #closed = false;

  constructor(options: SpoolReaderOptions) {
    this.#options = options;
    this.#position = options.from;
    this.#job = options.now;
  }

  /** The log says something new of the job: what wasn't there may be there now. */
  jobChanged(job: JobWorkers): void {
    this.#job = job;
    this.#changed?.();
  }

  close(): void {
    this.#closed = true;
    this.#subscription?.close();
    this.#changed?.();
  }

  /** The next lines; asking again says that those before were taken. */
  async next(): Promise<SpoolStep> {
    const { view } = this.#options;
    while (!this.#closed) {
      if (this.#subscription === undefined) {
        const last = await this.#open();
        if (last !== undefined) return { reader: this, done: true, lines: last };
        continue;
      }
      const step = await this.#subscription.next();
      if (step.kind === 'frames') {
        this.#position = step.frames.at(-1)!.position;
        return { reader: this, done: false, lines: frameLines(step.frames, view.hosts) };
      }
      if (step.kind === 'closed' || (step.kind === 'ended' && this.#isAll)) break;
      this.#subscription = undefined;
      if (step.kind === 'ended') await this.#more();
    }
    return { reader: this, done: true, lines: '' };
  }

  /** Opens a subscription, or waits for a chance to; the last lines when there will be none. */
  async #open(): Promise<string | undefined> {
    const { registry, view, worker, follow, signal } = this.#options;
    const session = registry.get(worker)?.session;
    if (session === undefined) {
      if (this.#mayChange) return this.#wait(true);
      if (await registry.returning(worker, signal)) return undefined;
      return outputLine({
        type: 'gap',
        detail: `worker ${worker} is not connected, so the output of its hosts can't be had just now`,
      });
    }
    const request = { job: view.job, from: this.#position, follow };
    // Decided before asking: what happens meanwhile is worth another try.
    const job = this.#job;
    const opened = await OutputSubscription.open(session, request);
    if (opened.kind === 'open') {
      this.#subscription = opened.subscription;
      this.#openedAt = job;
      if (this.#closed) this.#subscription.close();
      return undefined;
    }
    if (opened.kind === 'gone' || job !== this.#job) return undefined;
    if (this.#mayChange) return this.#wait(false);
    if (!job.withOutput.has(worker)) return '';
    return outputLine({
      type: 'gap',
      detail: `worker ${worker} no longer has the output of its hosts: it is past its retention`,
    });
  }

  get #isAll(): boolean {
    return !this.#options.follow || this.#openedAt?.ended === true;
  }

  /** Until the job has ended, or this worker has hosts of it again. */
  async #more(): Promise<void> {
    const { worker } = this.#options;
    while (this.#mayChange && (this.#job === this.#openedAt || !this.#job.workers.has(worker)))
      await this.#wait(false);
  }

  get #mayChange(): boolean {
    return this.#options.follow && !this.#job.ended && !this.#closed;
  }

  /** Until the log says more of the job, or the worker connects. */
  async #wait(forWorker: boolean): Promise<undefined> {
    const { registry, worker, signal } = this.#options;
    const over = new AbortController();
    await Promise.race([
      new Promise<void>((resolve) => (this.#changed = resolve)),
      ...(forWorker ? [registry.arrival(AbortSignal.any([signal, over.signal]), worker)] : []),
    ]);
    over.abort();
    return undefined;
  }
}
