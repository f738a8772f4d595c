/**
 * A worker whose hosts answer at once, or when their commands have taken their time: it takes every order, and tells of each attempt that it began, that the command
 * started, and how it ended, one after another. It speaks to the dispatcher as the real one does (outbox.ts): one call of
 * reports under way at a time, and what gathers meanwhile is the next one.
 *
 * 1. It answers in another turn of the event loop, as a socket would.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Outcome } from '@pogo/core';
import { systemClock } from '@pogo/lifecycle';
import {
  type AttemptReport,
  dispatcherMethods,
  type HelloParams,
  type OrderedAttempt,
  protocolVersion,
  productVersion,
  workerMethods,
} from '@pogo/protocol';
import { recipientOf } from '@pogo/simulator';
import type { CallOutcome, CloseReason, Peer, PeerHandlers, Schema } from '@pogo/wire';

export interface InstantWorkerOptions {
  name: string;
  /** Attempts that it takes at once. */
  capacity: number;
  outcome: (job: number, host: number) => Outcome;
  /** How long its command takes, in milliseconds. */
  commandMs: (host: number) => number;
  failed: (error: unknown) => void;
}

/** As many as the real one puts into a call. */
const batchReports = 2000;

export class InstantWorker {
  /** The dispatcher's end of the link. */
  readonly peer: Peer;
  readonly #options: InstantWorkerOptions;
  #handlers: PeerHandlers | undefined;
  #queue: AttemptReport[] = [];
  #sending = false;

  constructor(options: InstantWorkerOptions) {
    this.#options = options;
    this.peer = {
      identity: { role: 'worker', name: options.name },
      call: (method, params, result) => this.#ordered(method, params, result),
      notify: () => undefined,
      sendBinary: () => undefined,
      bufferedBytes: 0,
      drained: () => Promise.resolve(),
      closed: new Promise<CloseReason>(() => undefined),
      close: (code, reason) => options.failed(new Error(`the link was closed: ${code} ${reason}`)),
    };
  }

  async connect(handlers: PeerHandlers): Promise<void> {
    this.#handlers = handlers;
    const { name, capacity } = this.#options;
    const hello: HelloParams = {
      protocol: protocolVersion,
      version: productVersion,
      incarnation: `${name}-1`,
      pools: [],
      capacity,
      recipient: recipientOf(name),
      journal: `${name}-journal`,
    };
    await this.#call(dispatcherMethods.hello, hello);
  }

  async #ordered<T>(method: string, params: unknown, result: Schema<T>): Promise<CallOutcome<T>> {
    await nextTurn();
    if (method === workerMethods.assign) {
      const { job, attempts } = params as { job: number; attempts: readonly OrderedAttempt[] };
      this.#add(attempts.map(({ host, attempt }) => ({ job, host, attempt, event: 'begun' })));
    }
    return { kind: 'ok', value: result.parse({ kind: 'taken', held: [], credentials: [] }) };
  }

  #add(reports: readonly AttemptReport[]): void {
    for (const report of reports) this.#queue.push(report);
    if (this.#sending) return;
    this.#sending = true;
    this.#send().catch(this.#options.failed);
  }

  async #send(): Promise<void> {
    while (this.#queue.length > 0) {
      await nextTurn();
      const reports = this.#queue.splice(0, batchReports);
      await this.#call(dispatcherMethods.report, { reports, passwordRefused: [] });
      for (const report of reports) {
        const next = this.#after(report);
        if (next === undefined) continue;
        const waitMs = next.event === 'finished' ? this.#options.commandMs(next.host) : 0;
        if (waitMs === 0) this.#queue.push(next);
        else systemClock.setTimer(waitMs, () => this.#add([next]));
      }
    }
    this.#sending = false;
  }

  #after({ event, job, host, attempt }: AttemptReport): AttemptReport | undefined {
    if (event === 'begun') return { job, host, attempt, event: 'started' };
    if (event !== 'started') return undefined;
    const { methodsTried = [], ...outcome } = this.#options.outcome(job, host);
    return {
      job,
      host,
      attempt,
      event: 'finished',
      outcome: { ...outcome, methodsTried: [...methodsTried] },
    };
  }

  /** What arrives is parsed anew from its text there, as from a socket. */
  async #call(method: string, params: unknown): Promise<void> {
    await this.#handlers!.methods[method]!.serve(JSON.parse(JSON.stringify(params)));
  }
}
