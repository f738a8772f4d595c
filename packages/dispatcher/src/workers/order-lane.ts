/**
 * One namespace's orders to one worker, over one connection: they go out here, one after another.
 *
 * 1. A job is opened once per incarnation of the worker, before its first order, and again before the next order after
 *    its credentials were renewed.
 * 2. Orders are sent in the order in which the log has them; each waits for the answer to the one before.
 * 3. An order that finds the connection broken, or the leadership over, isn't repeated here: the next greeting tells what has
 *    to be sent again.
 * 4. An order goes out under the term that its leader had when it was decided, or a later one: none follows one of a later
 *    term, and so none is refused for its term while its dispatcher leads (A2).
 */
import { type CallOutcome, type Peer } from '@pogo/wire';
import {
  type OpenJobParams,
  type OrderedAttempt,
  type OrderResult,
  orderResultSchema,
  type SettleParams,
  workerMethods,
} from '@pogo/protocol';
import type { Logger } from 'pino';
import type { Incarnation } from './worker-session.js';

/** What `job.open` needs. */
export type JobOpening =
  | { kind: 'ready'; params: Omit<OpenJobParams, 'term' | 'job'> }
  /** Nobody holds the job's credentials. */
  | { kind: 'no-credentials' }
  /** The job has ended, or nobody leads. */
  | { kind: 'over' };

/** Why an order can't be handed over: `no-credentials`, or the worker won't know the job. */
export type Undelivered = 'no-credentials' | 'unknown-job';

export interface OrderLaneOptions {
  peer: Peer;
  incarnation: Incarnation;
  /** Under which its orders go out, until the leader takes its term anew. */
  term: number;
  logger: Logger;
  opening: (job: number) => Promise<JobOpening>;
  /** These attempts were not sent, and won't be by this lane of its own accord. */
  undelivered: (job: number, attempts: readonly OrderedAttempt[], why: Undelivered) => void;
  /** These hosts won't be asked. */
  unasked: (job: number, hosts: readonly number[], why: Undelivered) => void;
}

const orderTimeoutMs = 60_000;

export class OrderLane {
  readonly #options: OrderLaneOptions;
  #orders: Promise<void> = Promise.resolve();
  #closed = false;
  #term: number;

  constructor(options: OrderLaneOptions) {
    this.#options = options;
    this.#term = options.term;
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
      if (why !== undefined && !this.#closed) this.#options.undelivered(job, attempts, why);
    });
  }

  /** Has the worker ask these hosts what became of their attempts. */
  settle(job: number, attempts: SettleParams['attempts']): void {
    this.#enqueue(async () => {
      const why = await this.#send(workerMethods.settle, job, { attempts });
      if (why === undefined || this.#closed) return;
      this.#options.unasked(
        job,
        attempts.map(({ host }) => host),
        why,
      );
    });
  }

  halt(job: number, kill: boolean): void {
    this.#enqueue(async () => {
      if (!this.#options.incarnation.opened.has(job)) return;
      this.#check(workerMethods.haltJob, job, await this.#order(workerMethods.haltJob, { job, kill }));
    });
  }

  /** Opens the job if need be, so that its orders that come after this are refused. */
  haltFirst(job: number, kill: boolean): void {
    // Without credentials those don't go out either.
    this.#enqueue(async () => void (await this.#send(workerMethods.haltJob, job, { kill })));
  }

  closeJob(job: number): void {
    this.#enqueue(async () => {
      const { opened, outdated } = this.#options.incarnation;
      outdated.delete(job);
      if (!opened.delete(job)) return;
      await this.#order(workerMethods.closeJob, { job });
    });
  }

  /** The connection or the leadership is over: queued orders do nothing. */
  close(): void {
    this.#closed = true;
  }

  #enqueue(order: () => Promise<void>): void {
    this.#orders = this.#orders.then(async () => {
      if (this.#closed) return;
      try {
        await order();
      } catch (error) {
        this.#options.logger.error(
          { err: error, worker: this.#options.peer.identity.name },
          'an order failed',
        );
        // What the worker has got is open now: the next hello tells.
        this.#options.peer.close(1011, 'an order failed');
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
        this.#options.incarnation.opened.delete(job);
        continue;
      }
      this.#check(method, job, result);
      return result?.kind === 'unknown-job' ? 'unknown-job' : undefined;
    }
  }

  /** `failed`: the job is over, or the next hello decides. */
  async #open(job: number): Promise<'open' | 'no-credentials' | 'failed'> {
    const { opened, outdated } = this.#options.incarnation;
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
    if (this.#closed) return undefined;
    const outcome: CallOutcome<OrderResult> = await this.#options.peer.call(
      method,
      { term: this.#term, ...params },
      orderResultSchema,
      { timeoutMs: orderTimeoutMs },
    );
    if (outcome.kind === 'ok') return outcome.value;
    if (outcome.kind === 'closed') return undefined;
    const { logger } = this.#options;
    logger.error(
      { worker: this.#options.peer.identity.name, method, outcome },
      'a worker did not take an order',
    );
    this.#options.peer.close(1011, `no answer to ${method}`);
    return undefined;
  }

  #check(method: string, job: number, result: OrderResult | undefined): void {
    if (result === undefined || result.kind === 'taken') return;
    this.#options.logger.warn(
      { worker: this.#options.peer.identity.name, method, job, term: this.#term, result },
      'a worker refused an order',
    );
  }
}
