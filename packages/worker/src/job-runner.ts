/**
 * One open job on this worker: its attempts, and the rexec that runs them.
 *
 * 1. `begun` is journaled and then reported before rexec hears of an attempt (A4); after the journal's answer the job may have
 *    been halted: then it is refused, truthfully, since rexec never got it.
 * 2. Every attempt ends in exactly one final report: rexec's, a refusal, or `unknown` when rexec died with it (E1).
 * 3. A report of the end leaves only after the output before it is in the spool: who hears of the end can read it all.
 * 4. Sealed credentials are kept until the job is closed, in memory alone; a second rexec needs them if the first
 *    dies. There is no third.
 */
import type { Clock, Timer } from '@pogo/lifecycle';
import type { AttemptReport, OpenJobParams, OutputFrame, RexecMessage } from '@pogo/protocol';
import type { AcceptedHostKeys } from './accepted-host-keys.js';
import type { Attempt } from './attempt.js';
import type { Claimant, ConnectionSlots } from './connection-slots.js';
import type { DispatcherContact } from './dispatcher-contact.js';
import type { JobSpool } from './job-spool.js';
import type { Journal } from './journal.js';
import type { Log } from './log.js';
import type { Outbox } from './outbox.js';
import type { RexecPool } from './rexec-pool.js';
import type { RexecEnd, RexecProcess } from './rexec-process.js';

/** How long rexec may take to exit after its job was closed. */
export const closeLimitMs = 10_000;
/** While fewer run, their ends don't wait for output to gather. */
const fewRunning = 16;
/** A job's rexec may be lost once; then what is left is refused (4). */
const mostLostRexecs = 2;

/** What every rexec of this worker is told. */
export interface RexecSettings {
  sealingKeyFile: string;
  kid: string;
  workerKnownHostsFile: string;
  authPlugins: Record<string, string>;
}

export interface JobRunnerOptions {
  order: OpenJobParams;
  spool: JobSpool;
  settings: RexecSettings;
  pool: RexecPool;
  slots: ConnectionSlots;
  contact: DispatcherContact;
  journal: Journal;
  outbox: Outbox;
  hostKeys: AcceptedHostKeys;
  clock: Clock;
  log: Log;
}

interface Running {
  attempt: number;
  /** Holds a handshake slot: not authenticated yet. */
  dialling: boolean;
  /** The rexec that was told to run it; undefined while `begun` is on its way to the journal. */
  rexec: RexecProcess | undefined;
}

export class JobRunner implements Claimant {
  readonly job: number;
  readonly #options: JobRunnerOptions;
  #order: OpenJobParams | undefined;
  #queue: Attempt[] = [];
  /** By host: a host has one attempt at a time. */
  readonly #running = new Map<number, Running>();
  #rexec: RexecProcess | undefined;
  #lostRexecs = 0;
  #lastEnd = 'was not started';
  /** Set once nothing more may begin, to the reason. */
  #refusal: string | undefined;
  #closing = false;
  #killTimer: Timer | undefined;
  /** Reports on their way to the outbox. */
  #settling = 0;
  #idle: (() => void)[] = [];

  constructor(options: JobRunnerOptions) {
    this.#options = options;
    this.#order = options.order;
    this.job = options.order.job;
    options.spool.onPressure((isFull) => (isFull ? this.#rexec?.pause() : this.#rexec?.resume()));
    options.slots.join(this);
  }

  /** Hands the job to a rexec, so that it can open the credentials before the first host comes. */
  open(): void {
    this.#ensureRexec();
  }

  /** Attempts that were journaled as received. */
  enqueue(attempts: readonly Attempt[]): void {
    const refusal = this.#refusal ?? (this.#ensureRexec() ? undefined : this.#rexecRefusal);
    if (refusal !== undefined) {
      this.#refuse(attempts, refusal);
      return;
    }
    for (const attempt of attempts) this.#queue.push(attempt);
    this.#options.slots.distribute();
  }

  /** Nothing of this job begins any more; with `kill` what runs is ended. */
  halt(kill: boolean): void {
    this.refuseFurther('the job was halted');
    this.#rexec?.send({ type: 'halt', kill });
  }

  /** What hasn't begun never will (A3). */
  refuseFurther(reason: string): void {
    this.#refusal ??= reason;
    this.#refuseQueue(this.#refusal);
  }

  /** Ends what runs, as far as hosts confirm it. */
  kill(): void {
    this.#rexec?.send({ type: 'halt', kill: true });
  }

  /** Ends rexec itself: what it runs becomes `unknown`. */
  killRexec(): void {
    this.#rexec?.kill();
  }

  /** Resolves once nothing runs and everything was handed to the outbox. */
  idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** The job is over: credentials go, rexec ends, the output is complete. Resolves when all of that is so. */
  async close(): Promise<void> {
    const { slots, spool, clock, log } = this.#options;
    this.refuseFurther('the job was closed');
    this.#closing = true;
    this.#order = undefined;
    const rexec = this.#rexec;
    rexec?.send({ type: 'close' });
    if (this.#isIdle) await spool.close();
    if (rexec !== undefined) {
      this.#killTimer = clock.setTimer(closeLimitMs, () => {
        log.warn(
          { job: this.job, rexec: rexec.pid },
          'rexec did not exit after its job was closed, and was ended',
        );
        rexec.kill();
      });
      await rexec.ended;
      this.#killTimer.cancel();
    }
    await this.idle();
    slots.leave(this, 0);
    await spool.close();
  }

  wants(): number {
    if (this.#refusal !== undefined || !this.#options.contact.isRecent) return 0;
    return this.#queue.length;
  }

  grant(slots: number): void {
    const batch = this.#queue.splice(0, slots);
    for (let unused = batch.length; unused < slots; unused++) {
      this.#options.slots.release(this, { dialling: true });
    }
    if (batch.length === 0) return;
    for (const { host, attempt } of batch) {
      this.#running.set(host, { attempt, dialling: true, rexec: undefined });
    }
    void this.#begin(batch);
  }

  /** (1) */
  async #begin(batch: readonly Attempt[]): Promise<void> {
    const { journal, outbox } = this.#options;
    await journal.begun(batch.map(({ host, attempt }) => ({ job: this.job, host, attempt })));
    const refusal = this.#refusal ?? (this.#ensureRexec() ? undefined : this.#rexecRefusal);
    if (refusal !== undefined || this.#rexec === undefined) {
      for (const { host } of batch) this.#end(host);
      this.#refuse(batch, refusal ?? this.#rexecRefusal);
      return;
    }
    outbox.add(batch.map(({ host, attempt }) => ({ event: 'begun', job: this.job, host, attempt })));
    for (const { host } of batch) this.#running.get(host)!.rexec = this.#rexec;
    this.#rexec.send({
      type: 'run',
      attempts: batch.map(({ host, attempt }) => ({ host, attempt })),
    });
  }

  #ensureRexec(): boolean {
    if (this.#rexec !== undefined) return true;
    if (this.#lostRexecs >= mostLostRexecs || this.#order === undefined) return false;
    const { job, digest, spec, credentials } = this.#order;
    const rexec = this.#options.pool.take();
    this.#rexec = rexec;
    rexec.serve({ message: (message) => this.#receive(message), output: (frame) => this.#output(frame) });
    rexec.send({ type: 'open', job, digest, spec, credentials, ...this.#options.settings });
    void rexec.ended.then((end) => this.#lost(rexec, end));
    return true;
  }

  get #rexecRefusal(): string {
    return `the worker's rexec ${this.#lastEnd}`;
  }

  #receive(message: RexecMessage): void {
    const { slots, outbox, hostKeys, log } = this.#options;
    switch (message.type) {
      case 'report':
        this.#reported(message.reports);
        return;
      case 'authenticated': {
        const running = this.#running.get(message.host);
        if (running?.dialling !== true) return;
        running.dialling = false;
        slots.authenticated();
        return;
      }
      case 'password-refused':
        outbox.addPasswordRefused(this.job);
        return;
      case 'host-key-accepted':
        void hostKeys.add(message).then((error) => {
          if (error === undefined) {
            log.info(
              { job: this.job, host: message.host, fingerprint: message.fingerprint },
              'new host key recorded',
            );
          } else log.error({ host: message.host, error }, 'a new host key could not be recorded');
        });
        return;
      case 'ready':
      case 'log':
        return;
    }
  }

  #reported(reports: readonly AttemptReport[]): void {
    const begun: AttemptReport[] = [];
    const ends: AttemptReport[] = [];
    for (const report of reports) {
      const running = this.#running.get(report.host);
      if (report.job !== this.job || running?.attempt !== report.attempt || running.rexec === undefined) {
        this.#options.log.warn(
          { job: report.job, host: report.host },
          'rexec reported an attempt that it does not hold',
        );
      } else if (report.event === 'started') {
        begun.push(report);
      } else if (report.event !== 'begun') {
        this.#end(report.host);
        ends.push(report);
      }
    }
    if (begun.length > 0) this.#options.outbox.add(begun);
    if (ends.length > 0) void this.#settle(ends);
  }

  /** Its slot is free again. */
  #end(host: number): void {
    const running = this.#running.get(host);
    if (running === undefined) return;
    this.#running.delete(host);
    this.#options.slots.release(this, { dialling: running.dialling });
  }

  /** Journals ends, and hands them to the outbox once their output is in the spool (3). */
  async #settle(ends: readonly AttemptReport[]): Promise<void> {
    const { journal, outbox, spool } = this.#options;
    this.#settling++;
    const hurry = this.#running.size < fewRunning;
    // Of these rexec says that it never dialled: as good as never handed over.
    const refused = ends.filter(({ event }) => event === 'refused');
    const results = ends.filter(({ event }) => event !== 'refused');
    await Promise.all([
      refused.length > 0 && journal.refused(refused, 'refused by rexec'),
      results.length > 0 && journal.result(results),
      spool.flushed({ hurry }),
    ]);
    outbox.add(ends);
    this.#settling--;
    this.#tellIdle();
  }

  #refuseQueue(reason: string): void {
    if (this.#queue.length > 0) this.#refuse(this.#queue.splice(0), reason);
  }

  #refuse(attempts: readonly Attempt[], reason: string): void {
    const { journal, outbox } = this.#options;
    this.#settling++;
    const refused = attempts.map(({ host, attempt }) => ({ job: this.job, host, attempt }));
    void journal.refused(refused, reason).then(() => {
      outbox.add(refused.map((attempt) => ({ ...attempt, event: 'refused', reason })));
      this.#settling--;
      this.#tellIdle();
    });
  }

  /**
   * rexec is gone, and all that it said was heard: what it held can't be known any more (2). One that never said that
   * it was up has read no order: what was on its way to it hasn't begun.
   */
  #lost(rexec: RexecProcess, end: RexecEnd): void {
    this.#rexec = undefined;
    this.#lastEnd = end.description;
    const lost: Attempt[] = [];
    for (const [host, running] of this.#running) {
      if (running.rexec === rexec) lost.push({ host, attempt: running.attempt });
    }
    if (lost.length > 0 || !this.#closing) {
      this.#lostRexecs++;
      const fields = { job: this.job, rexec: rexec.pid, end: end.description, lost: lost.length };
      this.#options.log.error(fields, 'rexec ended early');
    }
    for (const { host } of lost) this.#end(host);
    if (!rexec.isReady) this.#queue.unshift(...lost);
    else if (lost.length > 0) void this.#settle(lost.map((attempt) => this.#unknown(attempt, end)));
    const refusal =
      this.#refusal ?? (this.#queue.length === 0 || this.#ensureRexec() ? undefined : this.#rexecRefusal);
    if (refusal !== undefined) this.#refuseQueue(refusal);
    this.#tellIdle();
  }

  #unknown(attempt: Attempt, end: RexecEnd): AttemptReport {
    const message = `The process on the worker that ran the command ${end.description}.`;
    const outcome = { state: 'unknown', reason: 'rexec-lost', message } as const;
    return { event: 'finished', job: this.job, ...attempt, outcome };
  }

  #output(frame: OutputFrame): void {
    this.#options.spool.append(frame);
  }

  get #isIdle(): boolean {
    return this.#running.size === 0 && this.#settling === 0 && this.#queue.length === 0;
  }

  #tellIdle(): void {
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
