/**
 * Serves one job: takes the worker's orders, runs its hosts, and reports.
 *
 * 1. Every attempt that was ordered to run gets exactly one `finished` or `refused`; every one that was asked about
 *    one `finished` or `unsettled`.
 * 2. A host's output goes out before the report of its end.
 * 3. A connection may outlive its report, until the worker has recorded that, and not for long.
 * 4. Once the worker is gone nothing is dialled, every connection is closed, and `ended` resolves.
 */
import type { Outcome } from '@pogo/core';
import type { Clock, Timer } from '@pogo/lifecycle';
import { type AttemptReport, keyFingerprint, type OrderedAttempt, type RexecOrder } from '@pogo/protocol';
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
import { type AttemptListener, type AttemptResult, HostRun } from './run-host.js';
import type { Transport } from './transport/transport.js';

/** Longest time for which a stub may hear nothing. */
const silenceMs = 30_000;

type AttemptKey = Omit<OrderedAttempt, 'fence'> & {
  readonly fence?: boolean;
  readonly received?: { readonly stdout: number; readonly stderr: number } | undefined;
};

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
  /** sudo's password has a gate of its own: that a login was accepted doesn't prove it. */
  readonly #sudoGate: PasswordGate;
  readonly #active = new Set<HostRun>();
  /** Attempts that are reported and not yet recorded, by host and attempt. */
  readonly #leaving = new Map<string, HostRun>();
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
    const onStopped = () => options.link.send({ type: 'password-refused' });
    this.#gate = new PasswordGate({ onStopped });
    this.#sudoGate = new PasswordGate({ onStopped });
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  take(order: RexecOrder): void {
    switch (order.type) {
      case 'open':
        this.#open(order);
        return;
      case 'run':
        for (const key of order.attempts) void this.#serve(key, 'run');
        return;
      case 'settle':
        for (const key of order.attempts) void this.#serve(key, 'settle');
        return;
      case 'recorded':
        for (const key of order.attempts) this.#leaving.get(nameOf(key))?.recorded();
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
    for (const host of [...this.#active, ...this.#leaving.values()]) host.abandon();
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

  async #serve(key: AttemptKey, what: 'run' | 'settle'): Promise<void> {
    this.#ordered++;
    const result = await (what === 'run' ? this.#attempt(key) : this.#settle(key));
    const { host, attempt } = key;
    if (this.#job === undefined) this.#log('error', `host ${host} was ordered before a job was opened`);
    else this.#report({ job: this.#job, host, attempt, ...onTheWire(result) });
    await this.#leaving.get(nameOf(key))?.left();
    this.#leaving.delete(nameOf(key));
    this.#ordered--;
    this.#endIfDone();
  }

  async #attempt(key: AttemptKey): Promise<AttemptResult> {
    const opened = await this.#opening;
    if (opened === undefined) return { event: 'refused', reason: 'the job was not opened' };
    if (this.#halted !== undefined) {
      return { event: 'refused', reason: 'the job was halted before the host was dialled' };
    }
    const host = this.#prepare(opened, key);
    return host instanceof HostRun ? this.#while(key, host, () => host.run()) : finished(host);
  }

  async #settle(key: AttemptKey): Promise<AttemptResult> {
    const opened = await this.#opening;
    if (opened === undefined) return { event: 'unsettled', detail: 'the job was not opened' };
    const host = this.#prepare(opened, key);
    if (host instanceof HostRun) return this.#while(key, host, () => host.settle());
    return { event: 'unsettled', detail: host.message ?? host.reason ?? 'the host cannot be asked' };
  }

  /** What is ready to be dialled, or how the attempt ends without that. */
  #prepare(opened: OpenJobOutcome, key: AttemptKey): HostRun | Outcome {
    if (!opened.ok) return opened.outcome;
    const { job } = opened;
    const { clock, transport, newNonce } = this.#options;
    if (clock.wallMs() > job.expiresAtMs) return credentialsExpired();
    const target = job.targets[key.host];
    if (target === undefined) {
      return {
        state: 'denied',
        reason: 'spec-mismatch',
        message: `The order names host ${key.host}, but the sealed list has ${job.targets.length}.`,
      };
    }
    const context = {
      job,
      clock,
      transport,
      gate: this.#gate,
      sudoGate: this.#sudoGate,
      relay: this.#relay,
      newNonce,
      silenceMs,
    };
    return new HostRun(context, target, key, this.#listener(job, key));
  }

  async #while(key: AttemptKey, host: HostRun, act: () => Promise<AttemptResult>): Promise<AttemptResult> {
    this.#active.add(host);
    this.#heartbeat ??= this.#scheduleHeartbeat();
    try {
      return await act();
    } finally {
      this.#active.delete(host);
      this.#leaving.set(nameOf(key), host);
    }
  }

  #listener({ job }: OpenedJob, { host, attempt }: AttemptKey): AttemptListener {
    const { link } = this.#options;
    return {
      authenticated: () => link.send({ type: 'authenticated', host }),
      waiting: () => link.send({ type: 'waiting', host }),
      started: () => this.#report({ job, host, attempt, event: 'started' }),
      detached: (detail) =>
        this.#log(
          'warn',
          `host ${host} lost its connection (${detail}): its command goes on, and is come back to`,
        ),
      attached: () => this.#log('info', `host ${host} is attached to its command again`),
      hostKeyAccepted: (accepted: { host: string; port: number; key: string }) => {
        const fingerprint = keyFingerprint(accepted.key);
        link.send({ type: 'host-key-accepted', ...accepted, fingerprint });
      },
      earlier: (found) => {
        // An earlier attempt of this job was on the same host. Of another job only its number is known here.
        if (found.job === job && found.attempt >= attempt) return;
        if (found.job === job) {
          const result = finished(found.outcome);
          this.#report({ job, host, attempt: found.attempt, ...onTheWire(result) });
        } else {
          const said = `${found.outcome.state}: ${found.outcome.message ?? ''}`;
          this.#log(
            'warn',
            `host ${host} still knew of attempt ${found.attempt} of job ${found.job}: ${said}`,
          );
        }
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

  #log(level: 'info' | 'warn' | 'error', message: string): void {
    if (!this.#abandoned) this.#options.link.send({ type: 'log', level, message });
  }
}

function nameOf({ host, attempt }: { host: number; attempt: number }): string {
  return `${host} ${attempt}`;
}

/** The messages have mutable arrays. */
function onTheWire(result: AttemptResult) {
  if (result.event !== 'finished') return result;
  const { methodsTried, ...outcome } = result.outcome;
  return { ...result, outcome: { ...outcome, ...(methodsTried && { methodsTried: [...methodsTried] }) } };
}

function finished(outcome: Outcome): AttemptResult {
  return { event: 'finished', outcome };
}
