/**
 * One connection of one worker after its hello: orders go out here, one after another, and output comes in.
 *
 * 1. A job is opened once per incarnation of the worker, before its first order, and again before the next order after
 *    its credentials were renewed.
 * 2. Orders are sent in the order in which the log has them; each waits for the answer to the one before.
 * 3. An order that finds the connection broken isn't repeated here: the next hello tells what has to be sent again.
 * 4. An order goes out under the term that its leader had when it was decided, or a later one: none follows one of a later
 *    term, and so none is refused for its term while its dispatcher leads (A2).
 */
import { type CallOutcome, type Peer } from '@pogo/wire';
import {
  decodeOutputFrame,
  type OpenJobParams,
  openOutputResultSchema,
  type OrderedAttempt,
  type OrderResult,
  orderResultSchema,
  type OutputFrame,
  pingResultSchema,
  type SettleParams,
  workerMethods,
} from '@pogo/protocol';
import type { Logger } from 'pino';

/** What is known of a worker's process, over its connections. */
export interface Incarnation {
  readonly id: string;
  /** Jobs that were opened there (1). */
  readonly opened: Set<number>;
  /** Of these, jobs whose credentials were renewed since. */
  readonly outdated: Set<number>;
}

/** What `job.open` needs. */
export type JobOpening =
  | { kind: 'ready'; params: Omit<OpenJobParams, 'term' | 'job'> }
  /** Nobody holds the job's credentials. */
  | { kind: 'no-credentials' }
  /** The job has ended, or nobody leads. */
  | { kind: 'over' };

/** Why an order can't be handed over: `no-credentials`, or the worker won't know the job. */
export type Undelivered = 'no-credentials' | 'unknown-job';

export interface WorkerSessionOptions {
  peer: Peer;
  incarnation: Incarnation;
  /** Under which its orders go out, until the leader takes its term anew. */
  term: number;
  logger: Logger;
  opening: (job: number) => Promise<JobOpening>;
  /** These attempts were not sent, and won't be by this session of its own accord. */
  undelivered: (job: number, attempts: readonly OrderedAttempt[], why: Undelivered) => void;
  /** These hosts won't be asked. */
  unasked: (job: number, hosts: readonly number[], why: Undelivered) => void;
}

/** Who takes the frames of one subscription. */
export type OutputReceiver = (frame: OutputFrame | undefined) => void;

const orderTimeoutMs = 60_000;
const pingTimeoutMs = 5_000;
const outputTimeoutMs = 30_000;

export class WorkerSession {
  readonly #options: WorkerSessionOptions;
  readonly #receivers = new Map<number, OutputReceiver>();
  #nextSubscription = 1;
  #orders: Promise<void> = Promise.resolve();
  #closed = false;
  #term: number;

  constructor(options: WorkerSessionOptions) {
    this.#options = options;
    this.#term = options.term;
  }

  get peer(): Peer {
    return this.#options.peer;
  }

  get incarnation(): Incarnation {
    return this.#options.incarnation;
  }

  /** The leader has taken its term anew: what is ordered from here on goes out under it (4). */
  renewTerm(term: number): void {
    this.#enqueue(() => {
      this.#term = term;
      return Promise.resolve();
    });
  }

  assign(job: number, attempts: readonly OrderedAttempt[]): void {
    this.#enqueue(async () => {
      const why = await this.#send(workerMethods.assign, job, { attempts });
      if (why !== undefined) this.#options.undelivered(job, attempts, why);
    });
  }

  /** Has the worker ask these hosts what became of their attempts. */
  settle(job: number, attempts: SettleParams['attempts']): void {
    this.#enqueue(async () => {
      const why = await this.#send(workerMethods.settle, job, { attempts });
      if (why === undefined) return;
      this.#options.unasked(
        job,
        attempts.map(({ host }) => host),
        why,
      );
    });
  }

  halt(job: number, kill: boolean): void {
    this.#enqueue(async () => {
      if (!this.incarnation.opened.has(job)) return;
      this.#check(workerMethods.haltJob, job, await this.#order(workerMethods.haltJob, { job, kill }));
    });
  }

  closeJob(job: number): void {
    this.#enqueue(async () => {
      this.incarnation.outdated.delete(job);
      if (!this.incarnation.opened.delete(job)) return;
      await this.#order(workerMethods.closeJob, { job });
    });
  }

  /** Round trip in milliseconds, and the worker's version; undefined when it doesn't answer. */
  async ping(monotonicMs: () => number): Promise<{ roundTripMs: number; version: string } | undefined> {
    const startMs = monotonicMs();
    const outcome = await this.peer.call(workerMethods.ping, {}, pingResultSchema, {
      timeoutMs: pingTimeoutMs,
    });
    if (outcome.kind !== 'ok') return undefined;
    return { roundTripMs: monotonicMs() - startMs, version: outcome.value.version };
  }

  /**
   * Opens a subscription; `receive` gets its frames, and undefined when the connection ended first.
   * Resolves to its number; undefined when the worker has no such output, or is gone.
   */
  async openOutput(
    params: {
      job: number;
      host?: { index: number; attempt: number; stream: 'stdout' | 'stderr' };
      from: number;
      until?: number;
      follow: boolean;
      creditBytes: number;
    },
    receive: OutputReceiver,
  ): Promise<{ kind: 'open'; subscription: number } | { kind: 'not-found' } | { kind: 'gone' }> {
    if (this.#closed) return { kind: 'gone' };
    const subscription = this.#nextSubscription++;
    this.#receivers.set(subscription, receive);
    const outcome = await this.peer.call(
      workerMethods.openOutput,
      { subscription, ...params },
      openOutputResultSchema,
      { timeoutMs: outputTimeoutMs },
    );
    if (outcome.kind === 'ok' && outcome.value.found) return { kind: 'open', subscription };
    this.#receivers.delete(subscription);
    if (outcome.kind === 'ok') return { kind: 'not-found' };
    if (outcome.kind === 'timeout') this.peer.notify(workerMethods.closeOutput, { subscription });
    return { kind: 'gone' };
  }

  creditOutput(subscription: number, bytes: number): void {
    if (!this.#closed) this.peer.notify(workerMethods.outputCredit, { subscription, bytes });
  }

  closeOutput(subscription: number): void {
    if (this.#receivers.delete(subscription) && !this.#closed) {
      this.peer.notify(workerMethods.closeOutput, { subscription });
    }
  }

  /** A binary frame has come. */
  receive(bytes: Uint8Array): void {
    const frame = decodeOutputFrame(bytes);
    if (frame === undefined) {
      this.peer.close(1002, 'a binary frame that is not an output frame');
      return;
    }
    const receiver = this.#receivers.get(frame.subscription);
    if (frame.kind === 'end') this.#receivers.delete(frame.subscription);
    // Frames of a subscription that was just closed may still arrive.
    receiver?.(frame);
  }

  /** The connection is over: subscriptions end, queued orders do nothing. */
  closed(): void {
    this.#closed = true;
    const receivers = [...this.#receivers.values()];
    this.#receivers.clear();
    for (const receiver of receivers) receiver(undefined);
  }

  #enqueue(order: () => Promise<void>): void {
    this.#orders = this.#orders.then(async () => {
      if (this.#closed) return;
      try {
        await order();
      } catch (error) {
        this.#options.logger.error({ err: error, worker: this.peer.identity.name }, 'an order failed');
        // What the worker has got is open now: the next hello tells.
        this.peer.close(1011, 'an order failed');
      }
    });
  }

  /** Sends an order of an opened job; the answer is why it can't be. A broken connection is left to the next hello (3). */
  async #send(method: string, job: number, params: object): Promise<Undelivered | undefined> {
    for (let again = false; ; again = true) {
      const opened = await this.#open(job);
      if (opened === 'no-credentials') return opened;
      if (opened === 'failed') return undefined;
      const result = await this.#order(method, { job, ...params });
      if (result?.kind === 'unknown-job' && !again) {
        // The worker doesn't know the job after all.
        this.incarnation.opened.delete(job);
        continue;
      }
      this.#check(method, job, result);
      return result?.kind === 'unknown-job' ? 'unknown-job' : undefined;
    }
  }

  /** `failed`: the job is over, or the next hello decides. */
  async #open(job: number): Promise<'open' | 'no-credentials' | 'failed'> {
    const { opened, outdated } = this.incarnation;
    if (opened.has(job) && !outdated.has(job)) return 'open';
    const opening = await this.#options.opening(job);
    if (opening.kind === 'over') return 'failed';
    if (opening.kind === 'no-credentials') return opening.kind;
    const result = await this.#order(workerMethods.openJob, { job, ...opening.params });
    this.#check(workerMethods.openJob, job, result);
    if (result?.kind !== 'taken') return 'failed';
    opened.add(job);
    outdated.delete(job);
    return 'open';
  }

  async #order(method: string, params: object): Promise<OrderResult | undefined> {
    const outcome: CallOutcome<OrderResult> = await this.peer.call(
      method,
      { term: this.#term, ...params },
      orderResultSchema,
      { timeoutMs: orderTimeoutMs },
    );
    if (outcome.kind === 'ok') return outcome.value;
    if (outcome.kind === 'closed') return undefined;
    const { logger } = this.#options;
    logger.error({ worker: this.peer.identity.name, method, outcome }, 'a worker did not take an order');
    this.peer.close(1011, `no answer to ${method}`);
    return undefined;
  }

  #check(method: string, job: number, result: OrderResult | undefined): void {
    if (result === undefined || result.kind === 'taken') return;
    this.#options.logger.warn(
      { worker: this.peer.identity.name, method, job, term: this.#term, result },
      'a worker refused an order',
    );
  }
}
