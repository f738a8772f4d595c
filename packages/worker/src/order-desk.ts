/**
 * Takes orders from dispatchers.
 *
 * 1. An order of an older term than the highest seen of its namespace is refused, and that says nothing about its attempts
 *    (A2).
 * 2. Orders are worked off one by one, in the order in which they came: an assignment never overtakes the opening of
 *    its job.
 * 3. Orders are idempotent: what was taken before is answered as taken, and done once (A6).
 * 4. An assignment is answered when it is journaled (A4); what follows it doesn't wait for that.
 */
import type {
  AssignParams,
  CloseJobParams,
  HaltJobParams,
  LeadParams,
  LeadResult,
  OpenJobParams,
  OrderResult,
  SettleParams,
} from '@pogo/protocol';
import { namespaceNumberOf } from '@pogo/core';
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
  /** By the number of the namespace; one that isn't here is as the journal has it. */
  readonly #terms = new Map<number, number>();
  #turn: Promise<unknown> = Promise.resolve();
  #refusal: string | undefined;

  constructor(options: OrderDeskOptions) {
    this.#options = options;
  }

  /** The highest term seen of the namespace of that number. */
  termOf(namespace: number): number {
    return this.#terms.get(namespace) ?? this.#options.journal.state.termOf(namespace);
  }

  /** What a dispatcher that leads a namespace hears: everything that is held here of it, once its term is journaled (A2). */
  lead({ namespace, term }: LeadParams): Promise<LeadResult> {
    return this.#inTurn<LeadResult>(namespace, term, async () => ({
      kind: 'taken',
      held: this.#options.book.heldIn(namespace),
      credentials: this.#jobsWithCredentials(namespace),
    }));
  }

  /** Jobs that are open. */
  get openJobs(): number {
    return this.#open.size;
  }

  /** What came with the opening of the job, while it is open. */
  openingOf(job: number): OpenJobParams | undefined {
    return this.#open.get(job)?.order;
  }

  openJob(order: OpenJobParams): Promise<OrderResult> {
    return this.#inTurn<OrderResult>(namespaceNumberOf(order.job), order.term, async () => {
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
    const result = await this.#inTurn<OrderResult>(namespaceNumberOf(order.job), order.term, async () => {
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
    return this.#inTurn<OrderResult>(namespaceNumberOf(order.job), order.term, async () => {
      const runner = this.#open.get(order.job);
      if (runner === undefined) return { kind: 'unknown-job' };
      runner.ask(order.attempts);
      return { kind: 'taken' };
    });
  }

  haltJob(order: HaltJobParams): Promise<OrderResult> {
    return this.#inTurn<OrderResult>(namespaceNumberOf(order.job), order.term, async () => {
      const runner = this.#open.get(order.job);
      if (runner === undefined) return { kind: 'unknown-job' };
      runner.halt(order.kill);
      return { kind: 'taken' };
    });
  }

  closeJob(order: CloseJobParams): Promise<OrderResult> {
    return this.#inTurn<OrderResult>(namespaceNumberOf(order.job), order.term, async () => {
      const runner = this.#open.get(order.job);
      if (runner === undefined) return { kind: 'unknown-job' };
      this.#open.delete(order.job);
      const closed = this.#end(runner).finally(() => this.#closing.delete(order.job));
      this.#closing.set(order.job, { runner, closed });
      return { kind: 'taken' };
    });
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

  /** (V2) */
  #jobsWithCredentials(namespace: number): number[] {
    return [...this.#open.values()]
      .filter(({ job, order }) => order !== undefined && namespaceNumberOf(job) === namespace)
      .map(({ job }) => job);
  }

  /** (1) and (2) */
  #inTurn<Result>(
    namespace: number,
    term: number,
    act: () => Promise<Result>,
  ): Promise<Result | { kind: 'stale-term'; term: number }> {
    const { journal, book } = this.#options;
    const acted = this.#turn.then(async () => {
      const highest = this.termOf(namespace);
      if (term < highest) return { kind: 'stale-term' as const, term: highest };
      if (term > highest) {
        if (!(await journal.term(term, namespace)))
          throw new Error('the worker stopped before the term was journaled');
        this.#terms.set(namespace, term);
        book.forgetBefore(term, namespace);
      }
      return act();
    });
    this.#turn = acted.catch(() => undefined);
    return acted;
  }
}
