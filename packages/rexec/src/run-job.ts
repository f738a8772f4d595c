/**
 * Serves one job: takes the worker's orders, runs its hosts, and reports.
 *
 * 1. Every attempt that was ordered gets exactly one `finished` or `refused`.
 * 2. A host's output goes out before the report of its end.
 * 3. Once the worker is gone nothing is dialled, every connection is closed, and `ended` resolves.
 */
import type { Outcome } from '@pogo/core';
import type { Clock, Timer } from '@pogo/lifecycle';
import { type AttemptReport, keyFingerprint, type RexecOrder } from '@pogo/protocol';
import { heartbeatIntervalMs } from '@pogo/stub';
import { PasswordGate } from './auth/password-gate.js';
import {
  credentialsExpired,
  type OpenedJob,
  openJob,
  type OpenJobOutcome,
  type OpenOrder,
} from './open-job.js';
import { OutputRelay } from './output-relay.js';
import type { RexecLink } from './rexec-link.js';
import { type AttemptKey, type AttemptResult, HostRun } from './run-host.js';
import type { Transport } from './transport/transport.js';

/** Longest time for which a stub may hear nothing: its own default. */
const silenceMs = 30_000;

export interface RunJobOptions {
  readonly link: RexecLink;
  readonly clock: Clock;
  readonly transport: Transport;
  /** 16 to 64 letters and digits that nobody can guess, another one at each call. */
  readonly newNonce: () => string;
}

export class RunJob {
  /** Resolves after `close` and the last attempt, or once the worker is gone. */
  readonly ended: Promise<void>;
  readonly #options: RunJobOptions;
  readonly #relay: OutputRelay;
  readonly #gate: PasswordGate;
  readonly #active = new Set<HostRun>();
  #end: () => void = () => {};
  #opening: Promise<OpenJobOutcome> | undefined;
  #job: number | undefined;
  #ordered = 0;
  #halted: { kill: boolean } | undefined;
  #closing = false;
  #abandoned = false;
  #reports: AttemptReport[] = [];
  #flush: Timer | undefined;
  #heartbeat: Timer | undefined;

  constructor(options: RunJobOptions) {
    this.#options = options;
    this.#relay = new OutputRelay(options.link);
    this.#gate = new PasswordGate({ onStopped: () => options.link.send({ type: 'password-refused' }) });
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  take(order: RexecOrder): void {
    switch (order.type) {
      case 'open':
        this.#open(order);
        return;
      case 'run':
        for (const key of order.attempts) void this.#run(key);
        return;
      case 'halt':
        this.#halted = { kill: order.kill || this.#halted?.kill === true };
        for (const host of this.#active) host.halt(order.kill);
        return;
      case 'close':
        this.#closing = true;
        this.#endIfDone();
        return;
    }
  }

  /** The worker is gone: nobody can be told anything any more. */
  abandon(): void {
    this.#abandoned = true;
    this.#flush?.cancel();
    this.#heartbeat?.cancel();
    for (const host of this.#active) host.abandon();
    this.#end();
  }

  #open(order: OpenOrder): void {
    if (this.#opening !== undefined)
      return this.#log('error', 'a second job was sent; one process serves one job');
    this.#job = order.job;
    this.#opening = openJob(order, this.#options.clock);
    void this.#opening.then((opened) => {
      if (opened.ok) for (const warning of opened.warnings) this.#log('warn', warning);
      else this.#log('error', opened.outcome.message ?? 'the job cannot be run');
    });
  }

  async #run(key: AttemptKey): Promise<void> {
    this.#ordered++;
    const result = await this.#attempt(key);
    this.#ordered--;
    const { host, attempt } = key;
    if (this.#job === undefined) this.#log('error', `host ${host} was ordered before a job was opened`);
    else this.#report({ job: this.#job, host, attempt, ...onTheWire(result) });
    this.#endIfDone();
  }

  async #attempt(key: AttemptKey): Promise<AttemptResult> {
    const opened = await this.#opening;
    if (opened === undefined) return { event: 'refused', reason: 'the job was not opened' };
    if (this.#halted !== undefined) {
      return { event: 'refused', reason: 'the job was halted before the host was dialled' };
    }
    if (!opened.ok) return finished(opened.outcome);
    const { job } = opened;
    const { clock, transport, newNonce } = this.#options;
    if (clock.wallMs() > job.expiresAtMs) return finished(credentialsExpired());
    const target = job.targets[key.host];
    if (target === undefined) {
      return finished({
        state: 'denied',
        reason: 'spec-mismatch',
        message: `The order names host ${key.host}, but the sealed list has ${job.targets.length}.`,
      });
    }
    const context = { job, clock, transport, gate: this.#gate, relay: this.#relay, newNonce };
    const host = new HostRun(context, target, key, this.#listener(job, key));
    this.#active.add(host);
    this.#heartbeat ??= this.#scheduleHeartbeat();
    try {
      return await host.run();
    } finally {
      this.#active.delete(host);
    }
  }

  #listener({ job }: OpenedJob, { host, attempt }: AttemptKey) {
    const { link } = this.#options;
    return {
      authenticated: () => link.send({ type: 'authenticated', host }),
      started: () => this.#report({ job, host, attempt, event: 'started' }),
      hostKeyAccepted: (accepted: { host: string; port: number; key: string }) => {
        const fingerprint = keyFingerprint(accepted.key);
        link.send({ type: 'host-key-accepted', ...accepted, fingerprint });
      },
    };
  }

  #scheduleHeartbeat(): Timer {
    return this.#options.clock.setTimer(heartbeatIntervalMs(silenceMs), () => {
      for (const host of this.#active) host.heartbeat();
      this.#heartbeat = this.#active.size > 0 ? this.#scheduleHeartbeat() : undefined;
    });
  }

  /** Reports that come together go together. */
  #report(report: AttemptReport): void {
    if (this.#abandoned) return;
    this.#reports.push(report);
    this.#flush ??= this.#options.clock.setTimer(0, () => this.#sendReports());
  }

  #sendReports(): void {
    this.#flush?.cancel();
    this.#flush = undefined;
    if (this.#reports.length === 0) return;
    this.#options.link.send({ type: 'report', reports: this.#reports });
    this.#reports = [];
  }

  #endIfDone(): void {
    if (!this.#closing || this.#ordered > 0 || this.#abandoned) return;
    this.#sendReports();
    this.#heartbeat?.cancel();
    this.#end();
  }

  #log(level: 'warn' | 'error', message: string): void {
    if (!this.#abandoned) this.#options.link.send({ type: 'log', level, message });
  }
}

/** The messages have mutable arrays. */
function onTheWire(result: AttemptResult) {
  if (result.event === 'refused') return result;
  const { methodsTried, ...outcome } = result.outcome;
  return { ...result, outcome: { ...outcome, ...(methodsTried && { methodsTried: [...methodsTried] }) } };
}

function finished(outcome: Outcome): AttemptResult {
  return { event: 'finished', outcome };
}
