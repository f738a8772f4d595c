/**
 * What becomes of orders that can't be handed to their worker at once.
 *
 * 1. Without the job's credentials an order waits, and the job asks for them (V5): it was decided, and stays decided.
 * 2. When the job is halted meanwhile, or its worker doesn't know it after all, nobody can say any more that the attempt
 *    never will begin: it ends as `unknown` (A3).
 */
import { decideWorkerLoss, holdsAttempt, isEnded, isOrdered, toHostSet } from '@pogo/core';
import type { OrderedAttempt } from '@pogo/protocol';
import type { Logger } from 'pino';
import type { Specs } from '../jobs/specs.js';
import type { Leader } from '../leader/leader.js';
import type { CredentialsKeeper } from '../vault/credentials-keeper.js';
import type { Vault } from '../vault/vault.js';
import { UndeliveredOrders } from './undelivered-orders.js';
import type { JobOpening, OrderLane, Undelivered } from './order-lane.js';

export interface OrderDeliveryOptions {
  leader: Leader;
  /** The way to a worker, while there is one. */
  lane: (worker: string) => OrderLane | undefined;
  specs: Specs;
  vault: Vault;
  keeper: CredentialsKeeper;
  logger: Logger;
}

export class OrderDelivery {
  readonly #options: OrderDeliveryOptions;
  readonly #waiting = new UndeliveredOrders();

  constructor(options: OrderDeliveryOptions) {
    this.#options = options;
  }

  async opening(job: number): Promise<JobOpening> {
    const { leader, vault, specs } = this.#options;
    const accepted = await leader.read((state) => {
      const record = state.jobs.get(job);
      return record === undefined || isEnded(record.state) ? undefined : record.accepted;
    });
    if (accepted.kind === 'lost' || accepted.answer === undefined) return { kind: 'over' };
    const { digest, specRef } = accepted.answer;
    const spec = await specs.get(specRef);
    const credentials = vault.get({ job, digest });
    return credentials === undefined
      ? { kind: 'no-credentials' }
      : { kind: 'ready', params: { digest, spec, credentials } };
  }

  undelivered(worker: string, job: number, attempts: readonly OrderedAttempt[], why: Undelivered): void {
    if (why === 'unknown-job') {
      this.#giveUp(worker, job, attempts, `worker ${worker} does not know the job`);
      return;
    }
    this.#waiting.add(worker, job, attempts);
    this.#settle(async () => {
      const found = await this.#options.leader.read(({ jobs }) => {
        const record = jobs.get(job);
        if (record === undefined || isEnded(record.state)) return 'over';
        return record.halt === undefined ? 'open' : 'halted';
      });
      if (found.kind === 'lost') return;
      if (found.answer === 'halted') this.halted(job);
      else if (found.answer === 'open') this.#options.keeper.need(job);
      else this.#waiting.take(job);
    });
  }

  /** There are credentials again, so what waited for them goes out. */
  credentialsBack(job: number): void {
    const waiting = this.#waiting.take(job);
    if (waiting.size === 0) return;
    this.#settle(async () => {
      const open = await this.#options.leader.read((state) => {
        const record = state.jobs.get(job);
        return new Map(
          [...waiting].map(([worker, attempts]) => [
            worker,
            attempts.filter(({ host, attempt }) => {
              const at = record?.hosts[host];
              if (at === undefined || at.attempt !== attempt || !isOrdered(at.state)) return false;
              return holdsAttempt(state, at, worker);
            }),
          ]),
        );
      });
      if (open.kind === 'lost') return;
      for (const [worker, attempts] of open.answer) {
        if (attempts.length > 0) this.#options.lane(worker)?.assign(job, attempts);
      }
    });
  }

  halted(job: number): void {
    for (const [worker, attempts] of this.#waiting.take(job)) {
      this.#giveUp(worker, job, attempts, "nobody held the job's credentials any more when it was halted");
    }
  }

  /** These hosts won't be asked what became of their attempts. */
  unasked(worker: string, job: number, hosts: readonly number[], why: Undelivered): void {
    const detail =
      why === 'no-credentials'
        ? 'the host was not asked: nobody holds the credentials for it any more'
        : `the host was not asked: worker ${worker} does not know the job`;
    this.#settle(() =>
      this.#options.leader.command((state) => {
        const record = state.jobs.get(job);
        const open = hosts.filter((host) => {
          const resolution = record?.resolutions.get(host);
          return resolution?.asking === true && resolution.worker === worker;
        });
        if (open.length === 0) return { entries: [], answer: undefined };
        return {
          entries: [{ type: 'hosts-unsettled', job, hosts: toHostSet(open), detail }],
          answer: undefined,
        };
      }),
    );
  }

  forget(worker: string): void {
    this.#waiting.forget(worker);
  }

  clear(): void {
    this.#waiting.clear();
  }

  #giveUp(worker: string, job: number, attempts: readonly OrderedAttempt[], cause: string): void {
    this.#settle(() =>
      this.#options.leader.command((state) => {
        const record = state.jobs.get(job);
        const open = attempts.filter(({ host, attempt }) => {
          const at = record?.hosts[host];
          return at?.state === 'assigned' && at.worker === worker && at.attempt === attempt;
        });
        const entries = decideWorkerLoss(
          open.map((attempt) => ({ job, ...attempt })),
          `the order could not be handed to worker ${worker}: ${cause}`,
        );
        return { entries, answer: undefined };
      }),
    );
  }

  #settle(act: () => Promise<unknown>): void {
    act().catch((error: unknown) =>
      this.#options.logger.error({ err: error }, 'an order that was not delivered could not be settled'),
    );
  }
}
