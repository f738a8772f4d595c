/**
 * One connection of one worker after its hello: it is told which namespaces are led here, asked for credentials, and its
 * output comes in. Orders go out in lanes of their own (order-lane.ts).
 */
import { type Peer } from '@pogo/wire';
import {
  decodeOutputFrame,
  type LeadParams,
  type LeadResult,
  leadResultSchema,
  openOutputResultSchema,
  type OutputFrame,
  pingResultSchema,
  workerMethods,
} from '@pogo/protocol';
import type { Logger } from 'pino';

/** What is known of a worker's process, over its connections. */
export interface Incarnation {
  readonly id: string;
  /** Jobs that were opened there. */
  readonly opened: Set<number>;
  /** Of these, jobs whose credentials were renewed since. */
  readonly outdated: Set<number>;
}

export interface WorkerSessionOptions {
  peer: Peer;
  incarnation: Incarnation;
  logger: Logger;
}

/** Who takes the frames of one subscription. */
export type OutputReceiver = (frame: OutputFrame | undefined) => void;

/** A worker may need to sync its journal first. */
const leadTimeoutMs = 60_000;
const pingTimeoutMs = 5_000;
const outputTimeoutMs = 30_000;

export class WorkerSession {
  readonly #options: WorkerSessionOptions;
  readonly #receivers = new Map<number, OutputReceiver>();
  #nextSubscription = 1;
  #closed = false;

  constructor(options: WorkerSessionOptions) {
    this.#options = options;
  }

  get peer(): Peer {
    return this.#options.peer;
  }

  get incarnation(): Incarnation {
    return this.#options.incarnation;
  }

  /** Tells the worker that a namespace is led here. Undefined when the connection is over, or ends for want of an answer. */
  async lead(params: LeadParams): Promise<LeadResult | undefined> {
    if (this.#closed) return undefined;
    const outcome = await this.peer.call(workerMethods.lead, params, leadResultSchema, {
      timeoutMs: leadTimeoutMs,
    });
    if (outcome.kind === 'ok') return outcome.value;
    if (outcome.kind !== 'closed') {
      this.#options.logger.error(
        { worker: this.peer.identity.name, ...params, outcome },
        'a worker did not take a lead',
      );
      this.peer.close(1011, `no answer to ${workerMethods.lead}`);
    }
    return undefined;
  }

  /** Asks for the sealed credentials of jobs (V2). */
  wantCredentials(jobs: readonly number[]): void {
    if (!this.#closed && jobs.length > 0) this.peer.notify(workerMethods.wantCredentials, { jobs });
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

  /** The connection is over: subscriptions end. */
  closed(): void {
    this.#closed = true;
    const receivers = [...this.#receivers.values()];
    this.#receivers.clear();
    for (const receiver of receivers) receiver(undefined);
  }
}
