/**
 * A worker that acts out what a test writes down, over the real link: it takes orders, tells outcomes, and holds output.
 */
import { defaultNamespace, namespaceNumberOf } from '@pogo/core';
import { systemClock } from '@pogo/lifecycle';
import {
  type AssignParams,
  assignParamsSchema,
  type AttemptReport,
  closeJobParamsSchema,
  closeOutputParamsSchema,
  dispatcherMethods,
  encodeOutputFrame,
  haltJobParamsSchema,
  helloResultSchema,
  type LeadParams,
  leadParamsSchema,
  type OpenJobParams,
  openJobParamsSchema,
  type OpenOutputParams,
  openOutputParamsSchema,
  type OrderedAttempt,
  outputCreditParamsSchema,
  pingParamsSchema,
  productVersion,
  protocolVersion,
  type ReturnCredentialsParams,
  type SettleParams,
  settleParamsSchema,
  wantCredentialsParamsSchema,
  workerMethods,
} from '@pogo/protocol';
import { method, type Peer, PeerDialer } from '@pogo/wire';
import { z } from 'zod';
import { certificateKeyId } from '../../src/instance/fingerprint.js';
import { type Attempt, type Script, succeed } from './attempt-scripts.js';
import type { TestInstance } from './instance.js';
import type { Papers } from './papers.js';

export interface SpooledPiece {
  host: number;
  attempt: number;
  stream: 'stdout' | 'stderr';
  data: Uint8Array;
}

interface Subscription {
  params: OpenOutputParams;
  creditBytes: number;
  sent: number;
}

export interface ScriptedWorkerOptions {
  url: string;
  instance: TestInstance;
  script?: Script;
  capacity?: number;
  /** `default` unless told. */
  pools?: readonly string[];
  incarnation?: string;
  protocol?: number;
  /** The oldest version of the link that it speaks; it doesn't say unless told. */
  oldestProtocol?: number;
  held?: Attempt[];
  journal?: string;
  /** Credentials that it has from before, by job, and the digests that they belong to. */
  credentials?: ReturnCredentialsParams[];
  /** Instead of the instance's own sealing certificate. */
  sealingCertificate?: string;
  /** Instead of those of the instance's own worker. */
  papers?: Papers;
}

export class ScriptedWorker {
  readonly opened = new Map<number, OpenJobParams>();
  readonly assigned: Attempt[] = [];
  /** The same with all that an order says. */
  readonly orders: (OrderedAttempt & { job: number })[] = [];
  /** What it heard of leaders, in the order in which it came. */
  readonly leads: LeadParams[] = [];
  /** Of each order to begin something, in the order in which they came. */
  readonly terms: number[] = [];
  readonly asked: SettleParams[] = [];
  /** Jobs in the order in which they were opened, again included. */
  readonly openings: OpenJobParams[] = [];
  /** Answers to what the dispatcher was given back. */
  readonly returned: string[] = [];
  readonly halted: { job: number; kill: boolean }[] = [];
  readonly closed: number[] = [];
  readonly refusals: string[] = [];
  /** Output of jobs, in the order in which it was written. */
  readonly spool = new Map<number, SpooledPiece[]>();
  /** Bytes of payload that were sent to readers. */
  sentBytes = 0;
  script: Script;
  held: Attempt[];
  /** The next assignment is answered with an error. */
  failNextAssignment = false;
  readonly #options: ScriptedWorkerOptions;
  readonly #dialer: PeerDialer;
  readonly #subscriptions = new Map<number, Subscription>();
  #peer: Peer | undefined;
  #watchers: (() => void)[] = [];
  #greeted = false;

  constructor(options: ScriptedWorkerOptions) {
    this.#options = options;
    this.script = options.script ?? succeed;
    this.held = options.held ?? [];
    const { instance, url, papers } = options;
    const { worker, instance: roots } = instance.layout;
    this.#dialer = new PeerDialer({
      url,
      tls: {
        key: papers?.linkKey ?? instance.read(worker.linkKey),
        cert: papers?.linkCertificate ?? instance.read(worker.linkCertificate),
        ca: instance.read(roots.linkRootCertificate),
      },
      expectRole: 'dispatcher',
      clock: systemClock,
      random: () => 0,
      handlers: {
        methods: {
          [workerMethods.lead]: method(leadParamsSchema, (params) => this.#hearLeader(params)),
          [workerMethods.wantCredentials]: method(wantCredentialsParamsSchema, ({ jobs }) => {
            for (const job of jobs) {
              const had = this.#options.credentials?.find((given) => given.job === job);
              if (had !== undefined) void this.giveBack(had);
            }
          }),
          [workerMethods.openJob]: method(openJobParamsSchema, (params) => {
            this.opened.set(params.job, params);
            this.openings.push(params);
            this.#changed();
            return { kind: 'taken' };
          }),
          [workerMethods.assign]: method(assignParamsSchema, (params) => this.#assign(params)),
          [workerMethods.settle]: method(settleParamsSchema, (params) => {
            if (!this.opened.has(params.job)) return { kind: 'unknown-job' };
            this.asked.push(params);
            this.#changed();
            return { kind: 'taken' };
          }),
          [workerMethods.haltJob]: method(haltJobParamsSchema, ({ job, kill }) => {
            this.halted.push({ job, kill });
            this.#changed();
            return { kind: 'taken' };
          }),
          [workerMethods.closeJob]: method(closeJobParamsSchema, ({ job }) => {
            this.closed.push(job);
            this.opened.delete(job);
            this.#serveOutput();
            this.#changed();
            return { kind: 'taken' };
          }),
          [workerMethods.openOutput]: method(openOutputParamsSchema, (params) => {
            if (!this.opened.has(params.job) && !this.spool.has(params.job)) return { found: false };
            const { subscription, creditBytes } = params;
            this.#subscriptions.set(subscription, { params, creditBytes, sent: 0 });
            systemClock.setTimer(0, () => this.#serveOutput());
            return { found: true };
          }),
          [workerMethods.outputCredit]: method(outputCreditParamsSchema, ({ subscription, bytes }) => {
            const open = this.#subscriptions.get(subscription);
            if (open) open.creditBytes += bytes;
            this.#serveOutput();
          }),
          [workerMethods.closeOutput]: method(closeOutputParamsSchema, ({ subscription }) => {
            this.#subscriptions.delete(subscription);
            this.#changed();
          }),
          [workerMethods.ping]: method(pingParamsSchema, () => ({ version: productVersion })),
        },
      },
      onConnected: (peer) => this.#greet(peer),
      onDisconnected: () => {
        this.#peer = undefined;
        this.#greeted = false;
        this.#subscriptions.clear();
        this.#changed();
      },
    });
  }

  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  get connected(): boolean {
    return this.#greeted;
  }

  async start(): Promise<this> {
    await this.#dialer.start();
    await this.until(() => this.#greeted || this.refusals.length > 0);
    return this;
  }

  stop(): Promise<void> {
    return this.#dialer.stop();
  }

  /** Breaks the connection; the dialer makes a new one. */
  disconnect(): void {
    this.#peer?.close(4000, 'test');
  }

  /** Resolves once `condition` holds; looked at whenever something happens here. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  /** Resolves when the dispatcher has acknowledged them. */
  async report(reports: AttemptReport[], passwordRefused: number[] = []): Promise<string> {
    const outcome = await this.#peer!.call(
      dispatcherMethods.report,
      { reports, passwordRefused },
      z.unknown(),
      { timeoutMs: 30_000 },
    );
    return outcome.kind === 'error' ? outcome.code : outcome.kind;
  }

  /** Brings credentials back that were asked for, or weren't. */
  async giveBack(params: ReturnCredentialsParams): Promise<string> {
    const outcome = await this.#peer!.call(dispatcherMethods.returnCredentials, params, z.unknown(), {
      timeoutMs: 30_000,
    });
    const answer = outcome.kind === 'error' ? outcome.code : outcome.kind;
    this.returned.push(answer);
    this.#changed();
    return answer;
  }

  /** Writes to the spool, and to whoever follows. */
  write(job: number, piece: SpooledPiece): void {
    const pieces = this.spool.get(job) ?? [];
    pieces.push(piece);
    this.spool.set(job, pieces);
    this.#serveOutput();
  }

  async #greet(peer: Peer): Promise<void> {
    this.#peer = peer;
    const { instance, capacity, incarnation, protocol, oldestProtocol } = this.#options;
    const { sealingCertificate, journal, papers } = this.#options;
    const certificate =
      sealingCertificate ??
      papers?.sealingCertificate ??
      instance.read(instance.layout.worker.sealingCertificate);
    const outcome = await peer.call(
      dispatcherMethods.hello,
      {
        protocol: protocol ?? protocolVersion,
        ...(oldestProtocol !== undefined && { oldestProtocol }),
        version: productVersion,
        incarnation: incarnation ?? 'first',
        pools: [...(this.#options.pools ?? ['default'])],
        capacity: capacity ?? 100,
        recipient: {
          worker: papers?.name ?? 'worker-1',
          kid: certificateKeyId(certificate),
          certificate,
        },
        journal: journal ?? 'journal',
      },
      helloResultSchema,
      { timeoutMs: 30_000 },
    );
    if (outcome.kind !== 'ok')
      this.refusals.push(outcome.kind === 'error' ? `${outcome.code}: ${outcome.message}` : outcome.kind);
    this.#changed();
  }

  /** It is greeted once it has heard who leads `default`. */
  #hearLeader(params: LeadParams) {
    const { namespace } = params;
    this.leads.push(params);
    this.#greeted ||= namespace === defaultNamespace.number;
    this.#changed();
    const ours = (job: number) => namespaceNumberOf(job) === namespace;
    const credentials = [
      ...this.opened.keys(),
      ...(this.#options.credentials ?? []).map(({ job }) => job),
    ].filter(ours);
    return { kind: 'taken', held: this.held.filter(({ job }) => ours(job)), credentials };
  }

  #assign({ term, job, attempts }: AssignParams) {
    this.terms.push(term);
    if (!this.opened.has(job)) return { kind: 'unknown-job' };
    if (this.failNextAssignment) {
      this.failNextAssignment = false;
      throw new Error('as the test wants');
    }
    const reports: AttemptReport[] = [];
    for (const { host, attempt, index, fence } of attempts) {
      const order = { job, host, attempt };
      this.orders.push({ job, host, attempt, index, fence });
      this.assigned.push(order);
      reports.push(...this.script(order, this));
    }
    this.#changed();
    // As a worker does: the answer first, reports in a call of their own.
    if (reports.length > 0) systemClock.setTimer(0, () => void (this.#peer && this.report(reports)));
    return { kind: 'taken' };
  }

  /** Sends what subscriptions have credit for; each piece is one position of the spool. */
  #serveOutput(): void {
    for (const [number, open] of this.#subscriptions) {
      const { job, host, from, until, follow } = open.params;
      const pieces = this.spool.get(job) ?? [];
      const wanted = host
        ? pieces.filter(
            (piece) =>
              piece.host === host.index && piece.attempt === host.attempt && piece.stream === host.stream,
          )
        : pieces.slice(from);
      const bytes = host ? Buffer.concat(wanted.map(({ data }) => data)).subarray(from, until) : undefined;
      const send = (piece: SpooledPiece, offset: number, position: number, data: Uint8Array) => {
        this.#peer?.sendBinary(
          encodeOutputFrame({
            subscription: number,
            kind: piece.stream,
            host: piece.host,
            attempt: piece.attempt,
            offset,
            position,
            data,
          }),
        );
        open.creditBytes -= data.length;
        this.sentBytes += data.length;
      };
      let drained: boolean;
      if (bytes !== undefined) {
        while (open.sent < bytes.length && open.creditBytes > 0) {
          const data = bytes.subarray(open.sent, open.sent + Math.min(open.creditBytes, 65_536));
          send(
            { host: host!.index, attempt: host!.attempt, stream: host!.stream, data },
            from + open.sent,
            0,
            data,
          );
          open.sent += data.length;
        }
        drained = open.sent >= bytes.length;
      } else {
        while (open.sent < wanted.length && open.creditBytes >= wanted[open.sent]!.data.length) {
          const piece = wanted[open.sent]!;
          const at = from + open.sent;
          const before = pieces
            .slice(0, at)
            .filter(({ host: other, stream }) => other === piece.host && stream === piece.stream);
          const offset = before.reduce((sum, { data }) => sum + data.length, 0);
          open.sent++;
          send(piece, offset, at + 1, piece.data);
        }
        drained = open.sent >= wanted.length;
      }
      if (drained && (!follow || !this.opened.has(job))) {
        this.#subscriptions.delete(number);
        const empty = new Uint8Array();
        this.#peer?.sendBinary(
          encodeOutputFrame({
            subscription: number,
            kind: 'end',
            host: 0,
            attempt: 0,
            offset: 0,
            position: pieces.length,
            data: empty,
          }),
        );
      }
    }
    this.#changed();
  }

  #changed(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher();
  }
}
