/**
 * One open job on this worker: its attempts, and the rexec that runs them.
 *
 * 1. `begun` is journaled and then reported before rexec hears of an attempt (A4); after the journal's answer the job may have
 *    been halted: then it is refused, truthfully, since rexec never got it.
 * 2. Every attempt ends in exactly one final report: rexec's, a refusal, or `unknown` when rexec died with it and the
 *    host has no evidence (E1); evidence may still come after that (E2).
 */
import type { Clock, Timer } from '@pogo/lifecycle';
import type { AttemptReport, OpenJobParams, OrderedAttempt, OutputFrame, RexecMessage } from '@pogo/protocol';
import type { AcceptedHostKeys } from './accepted-host-keys.js';
import type { Attempt } from './attempt.js';
import { AttemptEnds } from './attempt-ends.js';
import type { AttachmentCache } from './attachment-cache.js';
import type { Claimant, ConnectionSlots } from './connection-slots.js';
import type { DispatcherContact } from './dispatcher-contact.js';
import { JobRexec, type RexecSettings } from './job-rexec.js';
import { JobScript } from './job-script.js';
import type { JobSpool } from './job-spool.js';
import type { FinalReport, Journal } from './journal/journal.js';
import { deniedReport, unknownReport } from './local-reports.js';
import type { Log } from './log.js';
import type { Outbox } from './outbox.js';
import { answerLimitMs, Questions, type SettledAttempt } from './questions.js';
import type { RexecPool } from './rexec-pool.js';
import type { Rexec, RexecEnd } from './rexec-process.js';

/** How long rexec may take to exit after its job was closed. */
export const closeLimitMs = 10_000;
/** While fewer run, their ends don't wait for output to gather. */
const fewRunning = 16;

export interface JobRunnerOptions {
  order: OpenJobParams;
  spool: JobSpool;
  settings: RexecSettings;
  attachments: AttachmentCache;
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
  ordered: OrderedAttempt;
  /** Holds a handshake slot: neither authenticated yet, nor waiting to be dialled again. */
  dialling: boolean;
  /** The rexec that was told to run it; undefined while `begun` is on its way to the journal. */
  rexec: Rexec | undefined;
}

export class JobRunner implements Claimant {
  readonly job: number;
  readonly #options: JobRunnerOptions;
  readonly #rexec: JobRexec;
  readonly #script: JobScript;
  readonly #questions: Questions;
  readonly #ends: AttemptEnds;
  #queue: OrderedAttempt[] = [];
  /** By host: a host has one attempt at a time. */
  readonly #running = new Map<number, Running>();
  /** Set once nothing more may begin, to the reason. */
  #refusal: string | undefined;
  #closing = false;
  #idle: (() => void)[] = [];

  constructor(options: JobRunnerOptions) {
    const { order, spool, slots, clock, attachments } = options;
    this.#options = options;
    this.job = order.job;
    this.#rexec = new JobRexec({
      ...options,
      message: (message, from) => this.#receive(message, from),
      output: (frame) => this.#output(frame),
      ended: (rexec, end) => this.#lost(rexec, end),
    });
    this.#script = new JobScript({ command: order.spec.command, attachments });
    this.#questions = new Questions({
      job: this.job,
      clock,
      // A command that outlives its connection is come back to, and followed to its end.
      answerLimitMs: order.spec.surviveDisconnect === undefined ? answerLimitMs : undefined,
      answered: (reports, by) => this.#answered(reports, by),
      release: (slot) => slots.release(this, slot),
    });
    this.#ends = new AttemptEnds({ ...options, job: this.job, settled: () => this.#tellIdle() });
    spool.onPressure((isFull) => {
      for (const rexec of this.#rexec.all)
        if (isFull) rexec.pause();
        else rexec.resume();
    });
    slots.join(this);
  }

  /** Sealed credentials that are held here, as they came (V2). */
  get order(): OpenJobParams | undefined {
    return this.#rexec.order;
  }

  /** Hands the job to a rexec, so that it can open the credentials before the first host comes; the script comes first. */
  open(): void {
    if (this.#script.state !== 'coming') {
      this.#rexec.ensure();
      return;
    }
    void this.#script.fetched().then((path) => {
      if (path !== undefined) this.#rexec.scriptFile = path;
      if (!this.#closing) this.#rexec.ensure();
      const queue = this.#queue.splice(0);
      if (queue.length > 0) this.enqueue(queue);
      this.#options.slots.distribute();
    });
  }

  /** The job was opened again: what begins from now on does so with these credentials. */
  renew(order: OpenJobParams): void {
    this.#rexec.renew(order);
    if (this.#refusal === undefined && this.#script.state !== 'coming') this.#rexec.ensure();
  }

  /** Attempts that the journal was told of. */
  enqueue(attempts: readonly OrderedAttempt[]): void {
    const canRun = this.#script.state === 'coming' || this.#rexec.ensure() !== undefined;
    const refusal = this.#refusal ?? (canRun ? undefined : this.#rexec.refusal);
    if (refusal !== undefined) {
      this.#refuse(attempts, refusal);
    } else if (this.#script.state === 'missing') {
      this.#deny(attempts);
    } else {
      for (const attempt of attempts) this.#queue.push(attempt);
      this.#options.slots.distribute();
    }
  }

  /** Asks hosts what became of attempts; what this runner runs itself is reported anyway. */
  ask(attempts: readonly SettledAttempt[]): void {
    const open = attempts.filter(({ host, attempt }) => this.#running.get(host)?.ordered.attempt !== attempt);
    this.#questions.ask(open);
    this.#distributeQuestions();
  }

  /** Nothing of this job begins any more; with `kill` what runs is ended. */
  halt(kill: boolean): void {
    this.refuseFurther('the job was halted');
    for (const rexec of this.#rexec.all) rexec.send({ type: 'halt', kill });
  }

  /** What hasn't begun never will (A3). */
  refuseFurther(reason: string): void {
    this.#refusal ??= reason;
    this.#refuseQueue(this.#refusal);
  }

  /** Ends what runs, as far as hosts confirm it. */
  kill(): void {
    for (const rexec of this.#rexec.all) rexec.send({ type: 'halt', kill: true });
  }

  /** Ends rexec itself, and starts no other: what it runs becomes `unknown`. */
  killRexec(): void {
    this.#rexec.close();
    for (const rexec of this.#rexec.all) rexec.kill();
  }

  /** Resolves once nothing runs and everything was handed to the outbox. */
  idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** The job is over: credentials go, rexec ends, the output is complete. Resolves when all of that is so. */
  async close(): Promise<void> {
    const { slots, spool } = this.#options;
    this.refuseFurther('the job was closed');
    this.#closing = true;
    const rexecs = this.#rexec.all;
    this.#rexec.close();
    if (this.#isIdle) await spool.close();
    await Promise.all(rexecs.map((rexec) => this.#endWithin(closeLimitMs, rexec)));
    this.#questions.giveUp('the job was closed');
    await this.idle();
    slots.leave(this, 0);
    await spool.close();
    await this.#script.release();
  }

  wants(): number {
    const { waiting } = this.#questions;
    if (this.#script.state === 'coming') return 0;
    if (this.#refusal !== undefined || !this.#options.contact.isRecent) return waiting;
    return waiting + this.#queue.length;
  }

  grant(slots: number): void {
    const asked = this.#ask(slots);
    const canBegin = this.#refusal === undefined && this.#options.contact.isRecent;
    const batch = canBegin ? this.#queue.splice(0, slots - asked.length) : [];
    for (let unused = asked.length + batch.length; unused < slots; unused++) {
      this.#options.slots.release(this, { dialling: true });
    }
    if (batch.length === 0) return;
    for (const ordered of batch) {
      this.#running.set(ordered.host, { ordered, dialling: true, rexec: undefined });
    }
    void this.#begin(batch);
  }

  /** At most so many of the questions that wait. Returns those that are asked now. */
  #ask(slots: number): SettledAttempt[] {
    if (this.#questions.waiting === 0) return [];
    const rexec = this.#rexec.ensure();
    if (rexec === undefined) {
      this.#questions.giveUp(this.#rexec.refusal);
      return [];
    }
    const attempts = this.#questions
      .take(slots, rexec)
      .map(({ host, attempt, index }) => ({ host, attempt, index }));
    if (this.#options.order.spec.surviveDisconnect === undefined) rexec.send({ type: 'settle', attempts });
    else void this.#takeUp(attempts, rexec);
    return attempts;
  }

  /** Commands that may still run, and whose output goes on behind what is on the disk. */
  async #takeUp(attempts: readonly SettledAttempt[], rexec: Rexec): Promise<void> {
    const { spool } = this.#options;
    await spool.opened();
    await spool.flushed({ hurry: true });
    const received = ({ host, attempt }: SettledAttempt) => ({
      stdout: spool.index.streamBytes({ host, attempt, stream: 'stdout' }),
      stderr: spool.index.streamBytes({ host, attempt, stream: 'stderr' }),
    });
    rexec.send({
      type: 'settle',
      attempts: attempts.map((subject) => ({ ...subject, received: received(subject) })),
    });
  }

  /** (1) */
  async #begin(batch: readonly OrderedAttempt[]): Promise<void> {
    const { journal, outbox } = this.#options;
    const attempts = batch.map(({ host, attempt }) => ({ job: this.job, host, attempt }));
    let isDurable = await journal.begun(attempts);
    let rexec = this.#rexec.ensure();
    // The one that gets them must be known to the journal too; another may have taken its place meanwhile.
    for (let known: Rexec | undefined; isDurable && rexec !== known && rexec !== undefined;) {
      known = rexec;
      isDurable = await this.#rexec.journaled();
      rexec = this.#rexec.ensure();
    }
    const refusal = this.#refusal ?? (rexec === undefined ? this.#rexec.refusal : undefined);
    if (!isDurable || refusal !== undefined || rexec === undefined) {
      for (const { host } of batch) this.#end(host);
      this.#refuse(batch, refusal ?? 'the worker is stopping');
      return;
    }
    outbox.add(attempts.map((attempt) => ({ ...attempt, event: 'begun' })));
    for (const { host } of batch) this.#running.get(host)!.rexec = rexec;
    rexec.send({ type: 'run', attempts: [...batch] });
  }

  #receive(message: RexecMessage, from: Rexec): void {
    const { slots, outbox, hostKeys, log } = this.#options;
    switch (message.type) {
      case 'report':
        this.#reported(message.reports, from);
        return;
      case 'waiting':
      case 'authenticated': {
        const running = this.#running.get(message.host);
        if (running?.dialling === true && running.rexec === from) running.dialling = false;
        else if (!this.#questions.authenticated(message.host)) return;
        slots.authenticated();
        return;
      }
      case 'password-refused':
        outbox.addPasswordRefused(this.job);
        return;
      case 'host-key-accepted':
        void hostKeys.add(message).then((error) => {
          const { host, fingerprint } = message;
          if (error === undefined) log.info({ job: this.job, host, fingerprint }, 'new host key recorded');
          else log.error({ host, error }, 'a new host key could not be recorded');
        });
        return;
      case 'ready':
      case 'log':
        return;
    }
  }

  #reported(reports: readonly AttemptReport[], from: Rexec): void {
    const begun: AttemptReport[] = [];
    const ends: FinalReport[] = [];
    for (const report of reports) {
      const running = this.#running.get(report.host);
      const isOurs = report.job === this.job;
      if (isOurs && running?.ordered.attempt === report.attempt && running.rexec === from) {
        if (report.event === 'started') begun.push(report);
        else if (report.event === 'finished' || report.event === 'refused') {
          this.#end(report.host);
          ends.push(report);
        }
      } else if (!isOurs || !this.#questions.takeAnswer(report)) {
        const { job, host, event } = report;
        this.#options.log.warn({ job, host, event }, 'rexec reported an attempt that it does not hold');
      }
    }
    if (begun.length > 0) this.#options.outbox.add(begun);
    if (ends.length > 0) this.#settle(ends, from);
    this.#tellIdle();
  }

  /** What comes of questions. */
  #answered(reports: readonly AttemptReport[], by: Rexec | undefined): void {
    const ends = reports.filter((report) => report.event === 'finished');
    const others = reports.filter((report) => report.event !== 'finished');
    if (ends.length > 0) this.#settle(ends, by);
    if (others.length > 0) this.#options.outbox.add(others);
    this.#tellIdle();
  }

  /** Its slot is free again. */
  #end(host: number): void {
    const running = this.#running.get(host);
    if (running === undefined) return;
    this.#running.delete(host);
    this.#options.slots.release(this, { dialling: running.dialling });
  }

  #settle(ends: readonly FinalReport[], rexec: Rexec | undefined): void {
    void this.#ends.take(ends, { hurry: this.#running.size < fewRunning, rexec });
  }

  #refuseQueue(reason: string): void {
    if (this.#queue.length > 0) this.#refuse(this.#queue.splice(0), reason);
  }

  #refuse(attempts: readonly Attempt[], reason: string): void {
    void this.#ends.refuse(attempts, reason);
  }

  #deny(attempts: readonly Attempt[]): void {
    const denied = attempts.map((attempt) => deniedReport(this.job, attempt, this.#script.failure));
    this.#settle(denied, undefined);
  }

  /**
   * rexec is gone, and all that it said was heard: of what it held only the hosts can tell more (2). One that never said
   * that it was up has read no order: what was on its way to it hasn't begun.
   */
  #lost(rexec: Rexec, end: RexecEnd & { isReplaced: boolean }): void {
    const lost: OrderedAttempt[] = [];
    for (const running of this.#running.values()) {
      if (running.rexec === rexec) lost.push(running.ordered);
    }
    if (lost.length > 0 || !(this.#closing || end.isReplaced)) {
      if (!end.isReplaced) this.#rexec.countLoss();
      const fields = { job: this.job, rexec: rexec.pid, end: end.description, lost: lost.length };
      this.#options.log.error(fields, 'rexec ended early');
    }
    for (const { host } of lost) this.#end(host);
    this.#questions.askAgain(rexec);
    if (!rexec.isReady) this.#queue.unshift(...lost);
    else if (lost.length > 0) {
      this.#questions.askAboutLost(
        lost.map((subject) => ({ subject, otherwise: unknownReport(this.job, subject, end) })),
      );
    }
    this.#distributeQuestions();
    const refusal =
      this.#refusal ??
      (this.#queue.length === 0 || this.#rexec.ensure() !== undefined ? undefined : this.#rexec.refusal);
    if (refusal !== undefined) this.#refuseQueue(refusal);
    this.#tellIdle();
  }

  #distributeQuestions(): void {
    if (this.#questions.waiting === 0) return;
    if (this.#script.state === 'coming') return;
    if (this.#rexec.ensure() === undefined) this.#questions.giveUp(this.#rexec.refusal);
    else this.#options.slots.distribute();
  }

  async #endWithin(limitMs: number, rexec: Rexec): Promise<void> {
    const { clock, log } = this.#options;
    const timer: Timer = clock.setTimer(limitMs, () => {
      const fields = { job: this.job, rexec: rexec.pid };
      log.warn(fields, 'rexec did not exit after its job was closed, and was ended');
      rexec.kill();
    });
    await rexec.ended;
    timer.cancel();
  }

  #output(frame: OutputFrame): void {
    this.#options.spool.append(frame);
  }

  get #isIdle(): boolean {
    return (
      this.#running.size === 0 &&
      this.#ends.underWay === 0 &&
      this.#queue.length === 0 &&
      this.#questions.size === 0
    );
  }

  #tellIdle(): void {
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
