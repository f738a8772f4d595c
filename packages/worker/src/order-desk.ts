/**
 * Takes orders from dispatchers.
 *
 * 1. An order of an older term than the highest seen is refused, and that says nothing about its attempts (A2).
 * 2. Orders are worked off one by one, in the order in which they came: an assignment never overtakes the opening of
 *    its job.
 * 3. Orders are idempotent: what was taken before is answered as taken, and done once (A6).
 */
import type { AssignParams, CloseJobParams, HaltJobParams, OpenJobParams, OrderResult } from '@pogo/protocol';
import type { AttemptBook } from './attempt-book.js';
import { JobRunner, type JobRunnerOptions } from './job-runner.js';
import type { Log } from './log.js';
import type { Spool, SpoolUse } from './spool.js';

export type OrderDeskOptions = Omit<JobRunnerOptions, 'order' | 'spool'> & {
  book: AttemptBook;
  spool: Spool;
  log: Log;
};

export class OrderDesk {
  readonly #options: OrderDeskOptions;
  readonly #open = new Map<number, JobRunner>();
  /** Jobs that were closed and aren't over yet, until they are. */
  readonly #closing = new Map<number, { runner: JobRunner; closed: Promise<void> }>();
  readonly #uses = new Map<JobRunner, SpoolUse>();
  #term = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #refusal: string | undefined;

  constructor(options: OrderDeskOptions) {
    this.#options = options;
  }

  get term(): number {
    return this.#term;
  }

  openJob(order: OpenJobParams): Promise<OrderResult> {
    return this.#inTurn(order.term, async () => {
      if (this.#open.has(order.job)) return { kind: 'taken' };
      await this.#closing.get(order.job)?.closed;
      const use = this.#options.spool.write(order.job);
      const runner = new JobRunner({ ...this.#options, order, spool: use.spool });
      this.#uses.set(runner, use);
      this.#open.set(order.job, runner);
      if (this.#refusal === undefined) runner.open();
      else runner.refuseFurther(this.#refusal);
      return { kind: 'taken' };
    });
  }

  assign(order: AssignParams): Promise<OrderResult> {
    return this.#inTurn(order.term, async () => {
      const runner = this.#open.get(order.job);
      if (runner === undefined) return { kind: 'unknown-job' };
      const fresh = this.#options.book.take(order.job, order.attempts);
      if (fresh.length > 0) {
        await this.#options.journal.received(fresh.map((attempt) => ({ job: order.job, ...attempt })));
        runner.enqueue(fresh);
      }
      return { kind: 'taken' };
    });
  }

  haltJob(order: HaltJobParams): Promise<OrderResult> {
    return this.#inTurn(order.term, async () => {
      const runner = this.#open.get(order.job);
      if (runner === undefined) return { kind: 'unknown-job' };
      runner.halt(order.kill);
      return { kind: 'taken' };
    });
  }

  closeJob(order: CloseJobParams): Promise<OrderResult> {
    return this.#inTurn(order.term, async () => {
      const runner = this.#open.get(order.job);
      if (runner === undefined) return { kind: 'unknown-job' };
      this.#open.delete(order.job);
      this.#options.book.close(order.job, order.term);
      const closed = this.#end(runner).finally(() => this.#closing.delete(order.job));
      this.#closing.set(order.job, { runner, closed });
      return { kind: 'taken' };
    });
  }

  /** The term that a dispatcher names in its greeting (A2). */
  noteTerm(term: number): Promise<void> {
    return this.#inTurn(term, async () => ({ kind: 'taken' })).then(() => undefined);
  }

  /** Resolves once the orders that came so far are worked off. */
  async upToDate(): Promise<void> {
    await this.#turn;
  }

  /** Refuses whatever hasn't begun, and from now on every order to begin something. */
  refuseFurther(reason: string): void {
    this.#refusal ??= reason;
    for (const runner of this.#open.values()) runner.refuseFurther(reason);
  }

  /** Resolves once nothing runs. */
  async idle(): Promise<void> {
    await Promise.all(this.#runners().map((runner) => runner.idle()));
  }

  kill(): void {
    for (const runner of this.#runners()) runner.kill();
  }

  killRexecs(): void {
    for (const runner of this.#runners()) runner.killRexec();
  }

  /** Closes every job as it stands. */
  async stop(): Promise<void> {
    await this.#turn;
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all([
      ...open.map((runner) => this.#end(runner)),
      ...[...this.#closing.values()].map(({ closed }) => closed),
    ]);
  }

  async #end(runner: JobRunner): Promise<void> {
    await runner.close();
    await this.#uses.get(runner)?.release();
    this.#uses.delete(runner);
  }

  #runners(): JobRunner[] {
    return [...this.#open.values(), ...[...this.#closing.values()].map(({ runner }) => runner)];
  }

  /** (1) and (2) */
  #inTurn(term: number, act: () => Promise<OrderResult>): Promise<OrderResult> {
    const acted = this.#turn.then(async (): Promise<OrderResult> => {
      if (term < this.#term) return { kind: 'stale-term', term: this.#term };
      if (term > this.#term) {
        await this.#options.journal.term(term);
        this.#term = term;
        this.#options.book.forgetBefore(term);
      }
      return act();
    });
    this.#turn = acted.catch(() => undefined);
    return acted;
  }
}
