/**
 * The link to one dispatcher: dials it, greets it with everything that is held here, serves its orders, and is a way
 * for reports while it is up. Sealed credentials that the dispatcher has lost go back to it here (V2).
 */
import { type Clock, type Service } from '@pogo/lifecycle';
import {
  assignParamsSchema,
  closeJobParamsSchema,
  closeOutputParamsSchema,
  dispatcherMethods,
  haltJobParamsSchema,
  type HelloParams,
  type HelloResult,
  helloResultSchema,
  openJobParamsSchema,
  openOutputParamsSchema,
  outputCreditParamsSchema,
  pingParamsSchema,
  productVersion,
  type ReportParams,
  type ReturnCredentialsParams,
  settleParamsSchema,
  workerMethods,
} from '@pogo/protocol';
import {
  type LinkTls,
  method,
  type Peer,
  PeerDialer,
  type PeerDialerOptions,
  type PeerHandlers,
  type Schema,
} from '@pogo/wire';
import type { Log } from './log.js';
import type { OrderDesk } from './order-desk.js';
import type { ReportLink } from './outbox.js';
import { OutputDesk } from './output-desk.js';
import type { Spool } from './spool.js';

const helloLimitMs = 10_000;
const returnLimitMs = 30_000;
/** A dispatcher may need to append to a slow log first (L7); what isn't answered is said again. */
const reportLimitMs = 30_000;

/** An answer says by coming that the reports are in the log; it has no content. */
const anyAnswer: Schema<unknown> = {
  parse: (value) => value,
  safeParse: (value) => ({ success: true, data: value }),
};

/** Keeps one connection to a dispatcher up. */
export type Dial = (options: PeerDialerOptions) => Service;

export interface DispatcherLinkOptions {
  /** `wss://HOST:PORT` */
  url: string;
  tls: LinkTls;
  desk: OrderDesk;
  spool: Spool;
  clock: Clock;
  random: () => number;
  log: Log;
  /** Keeps the connection up; by TLS unless told otherwise. */
  dial?: Dial | undefined;
  /** Made anew for each connection: what is held changes. */
  hello(): HelloParams;
  /** The dispatcher has answered the greeting. */
  onLinked(link: ReportLink, dispatcher: HelloResult): void;
  onUnlinked(link: ReportLink): void;
}

export class DispatcherLink implements Service {
  readonly #options: DispatcherLinkOptions;
  readonly #dialer: Service;
  /** Highest term that this dispatcher has named on the present connection; it takes its term anew while it leads. */
  #term = -1;
  #lastFailure = '';

  constructor(options: DispatcherLinkOptions) {
    const { url, tls, clock, random, log } = options;
    this.#options = options;
    const dial = options.dial ?? ((given) => new PeerDialer(given));
    this.#dialer = dial({
      url,
      tls,
      expectRole: 'dispatcher',
      clock,
      random,
      handlers: (peer) => this.#handlers(peer),
      onConnected: (peer) => this.#greet(peer),
      onDisconnected: (reason) => log.warn({ url, reason }, 'the link to a dispatcher is down'),
      onDialFailed: (reason) => {
        // Once for each cause: the dials go on for as long as it takes.
        if (reason !== this.#lastFailure) log.warn({ url, reason }, 'a dispatcher cannot be reached');
        this.#lastFailure = reason;
      },
    });
  }

  start(): Promise<void> {
    return this.#dialer.start();
  }

  stop(): Promise<void> {
    return this.#dialer.stop();
  }

  async #greet(peer: Peer): Promise<void> {
    const { url, log, hello, desk, onLinked, onUnlinked } = this.#options;
    const greeting = await peer.call(dispatcherMethods.hello, hello(), helloResultSchema, {
      timeoutMs: helloLimitMs,
    });
    if (greeting.kind !== 'ok') {
      const reason = describe(greeting);
      log.error({ url, dispatcher: peer.identity.name, reason }, 'the dispatcher did not take the greeting');
      peer.close(1008, 'the greeting was not answered');
      return;
    }
    this.#lastFailure = '';
    for (const job of greeting.value.wanted) void this.#returnCredentials(peer, job);
    this.#term = Math.max(this.#term, greeting.value.term);
    if (!(await desk.noteTerm(greeting.value.term))) return;
    const link: ReportLink = {
      // What a later leader has ordered is unknown to this one, and the unknown it would take for settled (L7).
      report: (params) =>
        this.#term < desk.term ? Promise.resolve('a later term has come') : report(peer, params),
    };
    log.info({ url, ...greeting.value }, 'linked to a dispatcher');
    onLinked(link, greeting.value);
    await peer.closed;
    onUnlinked(link);
  }

  /** (V2) */
  async #returnCredentials(peer: Peer, job: number): Promise<void> {
    const { desk, log, url } = this.#options;
    const order = desk.openingOf(job);
    // Closed since the greeting: nobody needs them any more.
    if (order === undefined) return;
    const params: ReturnCredentialsParams = { job, digest: order.digest, credentials: order.credentials };
    const answer = await peer.call(dispatcherMethods.returnCredentials, params, anyAnswer, {
      timeoutMs: returnLimitMs,
    });
    if (answer.kind === 'ok') log.info({ url, job }, 'sealed credentials were given back to a dispatcher');
    else log.warn({ url, job, reason: describe(answer) }, 'sealed credentials were not taken back');
  }

  #handlers(peer: Peer): PeerHandlers {
    const { desk, spool, log } = this.#options;
    const output = new OutputDesk({ peer, spool, log });
    this.#term = -1;
    const heard = <Order extends { term: number }>(order: Order): Order => {
      this.#term = Math.max(this.#term, order.term);
      return order;
    };
    return {
      methods: {
        [workerMethods.openJob]: method(openJobParamsSchema, (order) => desk.openJob(heard(order))),
        [workerMethods.assign]: method(assignParamsSchema, (order) => desk.assign(heard(order))),
        [workerMethods.settle]: method(settleParamsSchema, (order) => desk.settle(heard(order))),
        [workerMethods.haltJob]: method(haltJobParamsSchema, (order) => desk.haltJob(heard(order))),
        [workerMethods.closeJob]: method(closeJobParamsSchema, (order) => desk.closeJob(heard(order))),
        [workerMethods.openOutput]: method(openOutputParamsSchema, async (order) => {
          // A job that was ordered just before has its spool by then.
          await desk.upToDate();
          return output.open(order);
        }),
        [workerMethods.outputCredit]: method(outputCreditParamsSchema, ({ subscription, bytes }) =>
          output.credit(subscription, bytes),
        ),
        [workerMethods.closeOutput]: method(closeOutputParamsSchema, ({ subscription }) =>
          output.close(subscription),
        ),
        [workerMethods.ping]: method(pingParamsSchema, () => ({ version: productVersion })),
      },
      failed: (name, error) =>
        log.error({ method: name, error: String(error) }, 'an order could not be handled'),
    };
  }
}

async function report(peer: Peer, params: ReportParams): Promise<string | undefined> {
  const answer = await peer.call(dispatcherMethods.report, params, anyAnswer, { timeoutMs: reportLimitMs });
  return answer.kind === 'ok' ? undefined : describe(answer);
}

function describe(outcome: { kind: string; code?: string; message?: string }): string {
  return [outcome.kind, outcome.code, outcome.message].filter((part) => part !== undefined).join(': ');
}
