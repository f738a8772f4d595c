/**
 * One attempt on one host: connect → open a shell → start the stub → relay → end; and the question what became of an
 * attempt, where that wasn't heard.
 *
 * 1. Every attempt ends with exactly one result, and with its connection closed.
 * 2. A refusal to begin (`refused`) is given only for a host that was never dialled.
 * 3. A connection that was lost after the command was handed over is made again, and the host asked, before the
 *    attempt is reported as `unknown`.
 * 4. The host keeps its word until the worker has recorded it (E4); nobody waits for that for longer than
 *    {@link recordingMs}.
 */
import { createHash } from 'node:crypto';
import { formatJobId, type Outcome } from '@pogo/core';
import { type Clock, delay } from '@pogo/lifecycle';
import type { OrderedAttempt } from '@pogo/protocol';
import { longestStepMs, renderKeeper, renderSettle, renderStub, type SettledEvent } from '@pogo/stub';
import type { PasswordGate } from './auth/password-gate.js';
import { type CommandEnd, CommandRun } from './command-run.js';
import { type Dialled, HostDialler } from './host-dialler.js';
import { haltedBefore, type OpenShell, openPlainShell } from './host-shell.js';
import { LastingChannel, type Reconnected } from './lasting-channel.js';
import { credentialsExpired, type OpenedJob, showTarget } from './open-job.js';
import { OutputKeeper } from './output-keeper.js';
import type { OutputRelay } from './output-relay.js';
import { outcomeOfEnd } from './outcome-of-end.js';
import { type SettleAnswer, SettleRun } from './settle-run.js';
import { argvOf, stepsOf } from './stub-order.js';
import { openSudoShell } from './sudo/sudo-shell.js';
import type { Connection, Target, Transport } from './transport/transport.js';

/** Between TERM and KILL. */
const killGraceMs = 5000;
/** Longer limits are beyond what the stub's shells can count to. */
const maxStubTimeoutMs = 2 ** 31 - 1;
/** How long the stub waits for another attempt on the host to be over. */
const lockMs = 10_000;
/** Before each further connection after one was lost. */
const reconnectAfterMs = [500, 2000, 5000] as const;
/** How long the worker may take to record a result. */
const recordingMs = 30_000;
/** How long a stub may take to leave once it has been told that it may. */
const leavingMs = 10_000;
/** Clocks of hosts that say how long they have been up. */
const uptimeToleranceMs = 60_000;

export type AttemptResult =
  | { readonly event: 'finished'; readonly outcome: Outcome }
  | { readonly event: 'refused'; readonly reason: string }
  /** The host can't tell: nothing changes. */
  | { readonly event: 'unsettled'; readonly detail: string };

/** What an attempt has to tell before its end. */
export interface AttemptListener {
  authenticated(): void;
  /** The host will be dialled again, after a pause. */
  waiting(): void;
  started(): void;
  /** The connection is lost, and the command goes on; `detail` is a clause. */
  detached(detail: string): void;
  /** Somebody is attached to it again. */
  attached(): void;
  hostKeyAccepted(key: { host: string; port: number; key: string }): void;
  /** Evidence of an earlier attempt on the host. */
  earlier(found: { job: number; attempt: number; index: number; outcome: Outcome }): void;
}

/** What the hosts of a job share. */
export interface HostRunContext {
  readonly job: OpenedJob;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly gate: PasswordGate;
  /** For sudo's password: it may be another, and what accepts a login says nothing of it. */
  readonly sudoGate: PasswordGate;
  readonly relay: OutputRelay;
  readonly newNonce: () => string;
  /** Longest time for which a stub may hear nothing. */
  readonly silenceMs: number;
}

type AttemptOrder = Omit<OrderedAttempt, 'fence'> & {
  readonly fence?: boolean;
  /** Bytes of output that the worker holds of an attempt that is asked about. */
  readonly received?: { readonly stdout: number; readonly stderr: number } | undefined;
};

export class HostRun {
  readonly #context: HostRunContext;
  readonly #order: AttemptOrder;
  readonly #listener: AttemptListener;
  readonly #target: Target;
  readonly #shown: string;
  readonly #timeoutMs: number;
  readonly #aborter = new AbortController();
  readonly #dialler: HostDialler;
  #stage: 'connecting' | 'running' | 'settling' | 'over' = 'connecting';
  #command: CommandRun | undefined;
  #probe: SettleRun | undefined;
  #lasting: LastingChannel | undefined;
  #connection: Connection | undefined;
  #startedMs: number | undefined;
  /** Waits to be told that the result is recorded. */
  #unrecorded: CommandRun | SettleRun | undefined;
  #recorded: (() => void) | undefined;

  constructor(context: HostRunContext, target: Target, order: AttemptOrder, listener: AttemptListener) {
    this.#context = context;
    this.#order = order;
    this.#listener = listener;
    this.#target = target;
    this.#shown = showTarget(target);
    this.#timeoutMs = Math.min(context.job.spec.timeouts.commandMs, maxStubTimeoutMs);
    this.#dialler = new HostDialler({
      ...context,
      target,
      shown: this.#shown,
      signal: this.#aborter.signal,
      onHostKeyAccepted: (key) => listener.hostKeyAccepted(key),
      onWaiting: () => listener.waiting(),
    });
  }

  /** Runs the command. The connection may outlive the result: see {@link left}. */
  async run(): Promise<AttemptResult> {
    const { clock } = this.#context;
    const begunMs = clock.monotonicMs();
    const again = this.#context.job.spec.unreachableRetries ?? 0;
    const dialled = await this.#dialler.dial({ again, spread: this.#order.host });
    if (dialled.kind === 'not-dialled') return { event: 'refused', reason: dialled.reason };
    const outcome = dialled.kind === 'failed' ? dialled.outcome : await this.#runOn(dialled.dialled);
    this.#stage = 'over';
    const durationMs = Math.round(clock.monotonicMs() - begunMs);
    return { event: 'finished', outcome: { ...outcome, durationMs } };
  }

  /** Asks what became of the attempt, which somebody else had begun. */
  async settle(): Promise<AttemptResult> {
    this.#stage = 'settling';
    const end = await this.#takeUp();
    if (end !== undefined && !end.askAgain) {
      this.#stage = 'over';
      return { event: 'finished', outcome: end.outcome };
    }
    const answer = await this.#askOnce();
    this.#stage = 'over';
    if (answer.kind === 'ended') {
      const outcome = outcomeOfEnd(answer.event, { ...this.#endContext, fetched: true });
      return { event: 'finished', outcome };
    }
    return { event: 'unsettled', detail: this.#notSettled(answer) };
  }

  /** Due regularly while the command runs. */
  heartbeat(): void {
    this.#command?.heartbeat();
    this.#probe?.heartbeat();
  }

  /** Ends the attempt if no connection is open or on its way; with `kill`, in any case. */
  halt(kill: boolean): void {
    if (this.#stage === 'connecting' && (kill || this.#dialler.idle)) this.#aborter.abort();
    else if (this.#stage === 'running' && kill) this.#command?.terminate();
  }

  /** The worker has the result for good. */
  recorded(): void {
    this.#recorded?.();
  }

  /** Closes the connection, whatever runs on it: the stub ends the command. */
  abandon(): void {
    this.#aborter.abort();
    this.#probe?.abort();
    this.#lasting?.close();
    this.#connection?.close();
    this.#recorded?.();
  }

  /** After the result: waits until it was recorded and the stub has left, and closes the connection. */
  async left(): Promise<void> {
    const { clock } = this.#context;
    const { signal } = this.#aborter;
    const unrecorded = this.#unrecorded;
    if (unrecorded !== undefined && !signal.aborted) {
      const recorded = await this.#wasRecorded(clock);
      if (recorded && !signal.aborted) {
        unrecorded.acknowledge();
        const enough = new AbortController();
        await Promise.race([
          unrecorded.closed,
          delay(clock, leavingMs, AbortSignal.any([enough.signal, signal])),
        ]);
        enough.abort();
      }
    }
    this.#lasting?.close();
    this.#aborter.abort();
    this.#connection?.close();
  }

  #wasRecorded(clock: Clock): Promise<boolean> {
    return new Promise((resolve) => {
      const limit = clock.setTimer(recordingMs, () => resolve(false));
      this.#recorded = () => {
        limit.cancel();
        resolve(true);
      };
    });
  }

  async #runOn(dialled: Dialled): Promise<Outcome> {
    const { connection, methodsTried } = dialled;
    this.#connection = connection;
    this.#listener.authenticated();
    const { job, newNonce } = this.#context;
    const nonce = newNonce();
    const openShell = this.#openShell(dialled, argvOf(job.spec.command));
    const lasting = this.#lastingChannel(nonce);
    this.#lasting = lasting;
    const command = this.#commandRun(nonce, lasting?.open(openShell) ?? openShell);
    this.#command = command;
    this.#stage = 'running';
    void command.start();
    const end = await command.ended;
    this.#command = undefined;
    if (end.wantsAcknowledge) this.#unrecorded = command;
    else {
      this.#lasting?.close();
      connection.close();
    }
    const outcome = end.askAgain ? await this.#askAgain(end.outcome) : end.outcome;
    return { ...outcome, methodsTried };
  }

  /** Follows a command that goes on without whoever began it, to its end; undefined where there is none. */
  async #takeUp(): Promise<CommandEnd | undefined> {
    if (this.#context.job.spec.surviveDisconnect === undefined) return undefined;
    const lasting = this.#lastingChannel('', (run) => {
      const command = this.#commandRun(run, () =>
        Promise.resolve({ ok: false, outcome: haltedBefore(this.#shown) }),
      );
      this.#command = command;
      this.#stage = 'running';
      this.#listener.authenticated();
      return command;
    });
    this.#lasting = lasting;
    const notAttached = await lasting?.takeUp();
    const command = this.#command;
    if (notAttached !== undefined || command === undefined) {
      lasting?.close();
      this.#connection?.close();
      return undefined;
    }
    const end = await command.ended;
    this.#command = undefined;
    this.#stage = 'settling';
    if (end.wantsAcknowledge) this.#unrecorded = command;
    else {
      lasting?.close();
      this.#connection?.close();
    }
    return end;
  }

  #commandRun(nonce: string, openShell: OpenShell): CommandRun {
    const { job, clock, relay, silenceMs } = this.#context;
    const { host, attempt, received } = this.#order;
    const { spec } = job;
    const timeoutMs = this.#timeoutMs;
    const { retries = 0, command } = spec;
    const steps = stepsOf(spec);
    return new CommandRun({
      openShell,
      lasts: spec.surviveDisconnect !== undefined,
      clock,
      output: new OutputKeeper({ relay, host, attempt, limitBytes: job.outputLimitBytes, held: received }),
      shown: this.#shown,
      nonce,
      render: (commandOnly) =>
        renderStub({
          nonce,
          command: commandOnly === undefined ? command : { kind: 'argv', argv: commandOnly },
          environment: {
            ...spec.environment,
            POGO_JOB_ID: formatJobId(job.job),
            POGO_HOST: this.#target.host,
            POGO_ATTEMPT: String(attempt),
            POGO_USER: spec.submitter,
          },
          timeoutMs,
          killGraceMs,
          silenceMs,
          retries,
          steps,
          claim: { ...this.#claim, waitMs: lockMs, fence: this.#order.fence ?? false },
          ...(spec.surviveDisconnect && { lastingMs: spec.surviveDisconnect.limitMs }),
        }),
      runAs: spec.runAs,
      script:
        command.kind === 'script' && job.scriptFile !== undefined
          ? { file: job.scriptFile, bytes: command.bytes }
          : undefined,
      startMs: spec.timeouts.handshakeMs,
      lockMs,
      silenceMs,
      timeoutMs,
      killGraceMs,
      longestStepMs: longestStepMs({ timeoutMs, killGraceMs, retries, steps }),
      onStarted: () => {
        this.#startedMs = clock.monotonicMs();
        this.#listener.started();
      },
      onSettled: (event) => this.#foundEarlier(event),
    });
  }

  /** For a command that goes on without its connection. */
  #lastingChannel(nonce: string, onFound?: (run: string) => CommandRun): LastingChannel | undefined {
    const { clock, newNonce, job } = this.#context;
    const { surviveDisconnect, command, timeouts } = job.spec;
    if (surviveDisconnect === undefined) return undefined;
    const lasting: LastingChannel = new LastingChannel({
      ...(onFound && { onFound: (run) => onFound(run).takeUp(lasting) }),
      clock,
      nonce,
      newNonce,
      shown: this.#shown,
      render: (keeper) => renderKeeper({ ...keeper, claim: this.#claim }),
      reconnect: () => this.#reconnect(),
      scriptBytes: command.kind === 'script' ? command.bytes : undefined,
      limitMs: surviveDisconnect.limitMs,
      startMs: timeouts.handshakeMs,
      spread: this.#order.host,
      onDetached: (detail) => {
        this.#command?.detached();
        this.#listener.detached(detail);
      },
      onAttached: () => {
        this.#command?.attached();
        this.#listener.attached();
      },
    });
    return lasting;
  }

  async #reconnect(): Promise<Reconnected> {
    const { job, clock } = this.#context;
    if (clock.wallMs() > job.expiresAtMs)
      return { kind: 'never', detail: credentialsExpired().message ?? '' };
    this.#connection?.close();
    const dialled = await this.#dialler.dial();
    if (dialled.kind === 'not-dialled') return { kind: 'never', detail: dialled.reason };
    if (dialled.kind === 'failed') {
      const { state, reason, message } = dialled.outcome;
      // A refused login gets no better by being asked for twice.
      return {
        kind: state === 'unreachable' ? 'later' : 'never',
        detail: clauseOf(message ?? reason ?? state),
      };
    }
    const { connection } = dialled.dialled;
    this.#connection = connection;
    const openShell = this.#openShell(dialled.dialled, undefined, { isAsking: true });
    return { kind: 'connected', openShell, close: () => connection.close() };
  }

  #foundEarlier({ job, attempt, index, ended }: SettledEvent): void {
    if (ended === undefined) return;
    const context = { shown: this.#shown, timeoutMs: this.#timeoutMs, halted: false, fetched: true };
    this.#listener.earlier({ job, attempt, index, outcome: outcomeOfEnd(ended, context) });
  }

  /** E1: what the host still knows is better than `unknown`. */
  async #askAgain(lost: Outcome): Promise<Outcome> {
    this.#stage = 'settling';
    const { clock } = this.#context;
    const { signal } = this.#aborter;
    const { stdout, stderr, outputCutBytes } = lost;
    const kept = {
      ...(stdout && { stdout }),
      ...(stderr && { stderr }),
      ...(outputCutBytes !== undefined && { outputCutBytes }),
    };
    let answer: SettleAnswer = { kind: 'lost', detail: 'it was not asked' };
    for (const pauseMs of reconnectAfterMs) {
      if (!(await delay(clock, pauseMs, signal))) break;
      answer = await this.#askOnce();
      if (answer.kind === 'ended') {
        return { ...outcomeOfEnd(answer.event, { ...this.#endContext, fetched: true }), ...kept };
      }
      if (answer.kind === 'live' || answer.kind === 'none') break;
    }
    if (answer.kind === 'none' && this.#restartedSince(answer.uptimeSeconds)) {
      const message = `The command on ${this.#shown} is over: the host was restarted while it ran.`;
      return { state: 'killed', reason: 'stub-stopped', message, ...kept };
    }
    return { ...lost, message: `${lost.message ?? ''} Asked again: ${this.#notSettled(answer)}.` };
  }

  /** Only of a command that was known to have begun: else its order might still arrive (E1). */
  #restartedSince(uptimeSeconds: number | undefined): boolean {
    if (uptimeSeconds === undefined || this.#startedMs === undefined) return false;
    const sinceMs = this.#context.clock.monotonicMs() - this.#startedMs;
    return uptimeSeconds * 1000 + uptimeToleranceMs < sinceMs;
  }

  async #askOnce(): Promise<SettleAnswer> {
    const { clock, newNonce, silenceMs, job } = this.#context;
    const dialled = await this.#dialler.dial();
    if (dialled.kind === 'not-dialled') return { kind: 'lost', detail: dialled.reason };
    if (dialled.kind === 'failed') return { kind: 'failed', outcome: dialled.outcome };
    const { connection } = dialled.dialled;
    this.#connection = connection;
    const nonce = newNonce();
    const waitMs = silenceMs + killGraceMs;
    const probe = new SettleRun({
      openShell: this.#openShell(dialled.dialled, undefined, { isAsking: true }),
      clock,
      shown: this.#shown,
      nonce,
      stub: renderSettle({ nonce, ...this.#claim, waitMs, silenceMs }),
      startMs: job.spec.timeouts.handshakeMs,
      waitMs,
    });
    this.#probe = probe;
    const answer = await probe.ask();
    this.#probe = undefined;
    if (answer.kind === 'ended') this.#unrecorded = probe;
    else connection.close();
    return answer;
  }

  #openShell(
    { connection, isHostKeyVouchedFor }: Dialled,
    command: readonly (Uint8Array | string)[] | undefined,
    { isAsking = false } = {},
  ): OpenShell {
    const { job, clock, sudoGate, newNonce } = this.#context;
    const { runAs, timeouts } = job.spec;
    const common = { connection, clock, shown: this.#shown, limitMs: timeouts.handshakeMs };
    return async (options) => {
      if (runAs === undefined) return openPlainShell({ ...common, ...options });
      const opened = await openSudoShell({
        ...common,
        ...options,
        newNonce,
        runAs,
        password: job.sudoPassword,
        agentForwarded: job.forwardedAgent !== undefined,
        gate: sudoGate,
        isHostKeyVouchedFor,
        ...(command !== undefined && { command }),
      });
      // A question about an attempt is asked as the login user where the attempt's own stub must have run so.
      const asLoginUser = opened.notAllowed === true && isAsking;
      return asLoginUser ? openPlainShell({ ...common, ...options }) : opened;
    };
  }

  get #claim() {
    const { clock, job } = this.#context;
    const { host, port } = this.#target;
    const lockKey = createHash('sha256').update(`${host}:${port}`).digest('hex').slice(0, 16);
    const { attempt, index } = this.#order;
    return { lockKey, job: job.job, attempt, index, nowMs: clock.wallMs() };
  }

  get #endContext() {
    return { shown: this.#shown, timeoutMs: this.#timeoutMs, halted: false };
  }

  /** A clause on why there is no evidence. */
  #notSettled(answer: Exclude<SettleAnswer, { kind: 'ended' }>): string {
    switch (answer.kind) {
      case 'live':
        return 'the command still runs there';
      case 'none':
        return answer.uptimeSeconds === undefined
          ? 'the host knows nothing of it'
          : `the host, which has been up for ${answer.uptimeSeconds} s, knows nothing of it`;
      case 'failed':
        return clauseOf(answer.outcome.message ?? answer.outcome.reason ?? 'the host cannot be asked');
      case 'lost':
        return answer.detail;
    }
  }
}

/** A sentence as part of another one. */
function clauseOf(sentence: string): string {
  return sentence.replace(/\.$/, '');
}
