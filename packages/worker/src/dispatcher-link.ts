/**
 * The link to one dispatcher: dials it, greets it, and serves its orders. For each namespace that the dispatcher leads it
 * hears what is held here, and is a way for reports. Sealed credentials that it has lost go back to it here (V2).
 */
import { namespaceNumberOf } from '@pogo/core';
import { type Clock, type Service } from '@pogo/lifecycle';
import {
  assignParamsSchema,
  closeJobParamsSchema,
  closeOutputParamsSchema,
  dispatcherMethods,
  haltJobParamsSchema,
  type HelloParams,
  helloResultSchema,
  type LeadParams,
  leadParamsSchema,
  type LeadResult,
  openJobParamsSchema,
  openOutputParamsSchema,
  outputCreditParamsSchema,
  pingParamsSchema,
  productVersion,
  type ReportParams,
  type ReturnCredentialsParams,
  settleParamsSchema,
  wantCredentialsParamsSchema,
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
  onLinked(): void;
  onUnlinked(): void;
  /** The dispatcher leads a namespace; it may say so again. */
  onLed(namespace: number, link: ReportLink): void;
  /** The connection to a dispatcher that leads a namespace is over. */
  onUnled(namespace: number, link: ReportLink): void;
}

export class DispatcherLink implements Service {
  readonly #options: DispatcherLinkOptions;
  readonly #dialer: Service;
  /**
   * By namespace: the highest term that this dispatcher has named on the present connection; it takes its term anew while
   * it leads.
   */
  #terms = new Map<number, number>();
  readonly #closed = new WeakSet<Peer>();
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
    const { url, log, hello, onLinked, onUnlinked } = this.#options;
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
    log.info({ url, ...greeting.value }, 'linked to a dispatcher');
    onLinked();
    await peer.closed;
    onUnlinked();
  }

  /** A namespace that this dispatcher leads: what is held of it, and from then on a way for its reports. */
  async #lead(peer: Peer, links: Map<number, ReportLink>, params: LeadParams): Promise<LeadResult> {
    const { url, desk, clock, log, onLed } = this.#options;
    const { namespace, term } = params;
    this.#hear(namespace, term);
    const result = await desk.lead(params);
    if (result.kind !== 'taken') return result;
    const link = links.get(namespace) ?? this.#reportLink(peer, namespace);
    links.set(namespace, link);
    log.info({ url, namespace, term, held: result.held.length }, 'a dispatcher leads a namespace');
    // What is held is said before anything is reported of it.
    clock.setTimer(0, () => {
      if (!this.#closed.has(peer)) onLed(namespace, link);
    });
    return result;
  }

  #reportLink(peer: Peer, namespace: number): ReportLink {
    const { desk, onUnled } = this.#options;
    const link: ReportLink = {
      // What a later leader has ordered is unknown to this one, and the unknown it would take for settled (L7).
      report: (reports) =>
        (this.#terms.get(namespace) ?? -1) < desk.termOf(namespace)
          ? Promise.resolve('a later term has come')
          : report(peer, reports),
    };
    void peer.closed.then(() => {
      this.#closed.add(peer);
      onUnled(namespace, link);
    });
    return link;
  }

  #hear(namespace: number, term: number): void {
    this.#terms.set(namespace, Math.max(this.#terms.get(namespace) ?? -1, term));
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
    this.#terms = new Map();
    const links = new Map<number, ReportLink>();
    const heard = <Order extends { term: number; job: number }>(order: Order): Order => {
      this.#hear(namespaceNumberOf(order.job), order.term);
      return order;
    };
    return {
      methods: {
        [workerMethods.lead]: method(leadParamsSchema, (params) => this.#lead(peer, links, params)),
        [workerMethods.wantCredentials]: method(wantCredentialsParamsSchema, ({ jobs }) => {
          for (const job of jobs) void this.#returnCredentials(peer, job);
        }),
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
