/**
 * Takes orders from dispatchers.
 *
 * 1. An order of an older term than the highest seen is refused, and that says nothing about its attempts (A2).
 * 2. Orders are worked off one by one, in the order in which they came: an assignment never overtakes the opening of
 *    its job.
 * 3. Orders are idempotent: what was taken before is answered as taken, and done once (A6).
 * 4. An assignment is answered when it is journaled (A4); what follows it doesn't wait for that.
 */
import type {
  AssignParams,
  CloseJobParams,
  HaltJobParams,
  OpenJobParams,
  OrderResult,
  SettleParams,
} from '@pogo/protocol';
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
  #term: number;
  #turn: Promise<unknown> = Promise.resolve();
  #refusal: string | undefined;

  constructor(options: OrderDeskOptions) {
    this.#options = options;
    this.#term = options.journal.state.term;
  }

  get term(): number {
    return this.#term;
  }

  /** Jobs whose sealed credentials are held (V2). */
  jobsWithCredentials(): number[] {
    return [...this.#open.values()].filter(({ order }) => order !== undefined).map(({ job }) => job);
  }

  /** What came with the opening of the job, while it is open. */
  openingOf(job: number): OpenJobParams | undefined {
    return this.#open.get(job)?.order;
  }

  openJob(order: OpenJobParams): Promise<OrderResult> {
    return this.#inTurn(order.term, async () => {
      const open = this.#open.get(order.job);
      open?.renew(order);
      if (open !== undefined) return { kind: 'taken' };
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

  async assign(order: AssignParams): Promise<OrderResult> {
    const { book, journal } = this.#options;
    let journaled: Promise<boolean> = Promise.resolve(true);
    const result = await this.#inTurn(order.term, async () => {
      const runner = this.#open.get(order.job);
      if (runner === undefined) return { kind: 'unknown-job' };
      const fresh = book.take(order.job, order.attempts);
      if (fresh.length > 0) {
        // Its beginning is journaled behind this, and both with one sync.
        journaled = journal.received(fresh.map(({ host, attempt }) => ({ job: order.job, host, attempt })));
        runner.enqueue(fresh);
      }
      return { kind: 'taken' };
    });
    if (await journaled) return result;
    throw new Error('the worker stopped before the order was journaled');
  }

  settle(order: SettleParams): Promise<OrderResult> {
    return this.#inTurn(order.term, async () => {
      const runner = this.#open.get(order.job);
      if (runner === undefined) return { kind: 'unknown-job' };
      runner.ask(order.attempts);
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
      const closed = this.#end(runner).finally(() => this.#closing.delete(order.job));
      this.#closing.set(order.job, { runner, closed });
      return { kind: 'taken' };
    });
  }

  /** The term that a dispatcher names in its greeting (A2). Resolves to whether it is journaled. */
  noteTerm(term: number): Promise<boolean> {
    return this.#inTurn(term, async () => ({ kind: 'taken' })).then(
      () => true,
      () => false,
    );
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
        if (!(await this.#options.journal.term(term)))
          throw new Error('the worker stopped before the term was journaled');
        this.#term = term;
        this.#options.book.forgetBefore(term);
      }
      return act();
    });
    this.#turn = acted.catch(() => undefined);
    return acted;
  }
}
