/**
 * One attempt on one host, as steps over one record: connect (resolve, dial, verify the host key, authenticate) →
 * start the stub → relay → end.
 *
 * 1. Every attempt ends with exactly one result, and with its connection closed.
 * 2. A refusal to begin (`refused`) is given only for a host that was never dialled.
 */
import { formatJobId, type Outcome } from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import { renderStub } from '@pogo/stub';
import { HostLogin } from './auth/host-login.js';
import type { Lane, PasswordGate } from './auth/password-gate.js';
import { CommandRun } from './command-run.js';
import { escapeHostText } from './escape-text.js';
import { HostKeyCheck } from './known-hosts/host-key-check.js';
import { hostKeyFailure, loginFailure } from './login-failure.js';
import { type OpenedJob, showTarget } from './open-job.js';
import type { OutputRelay } from './output-relay.js';
import type { Connection, ConnectFailure, Target, Transport } from './transport/transport.js';

/** Between TERM and KILL. */
const killGraceMs = 5000;
/** Longer limits are beyond what the stub's shells can count to. */
const maxStubTimeoutMs = 2 ** 31 - 1;

export interface AttemptKey {
  readonly host: number;
  readonly attempt: number;
}

export type AttemptResult =
  | { readonly event: 'finished'; readonly outcome: Outcome }
  | { readonly event: 'refused'; readonly reason: string };

/** What an attempt has to tell before its end. */
export interface AttemptListener {
  authenticated(): void;
  started(): void;
  hostKeyAccepted(key: { host: string; port: number; key: string }): void;
}

/** What the hosts of a job share. */
export interface HostRunContext {
  readonly job: OpenedJob;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly gate: PasswordGate;
  readonly relay: OutputRelay;
  readonly newNonce: () => string;
}

export class HostRun {
  readonly #context: HostRunContext;
  readonly #key: AttemptKey;
  readonly #listener: AttemptListener;
  readonly #target: Target;
  readonly #shown: string;
  readonly #aborter = new AbortController();
  #phase: 'waiting' | 'dialling' | 'parked' | 'connected' = 'waiting';
  #command: CommandRun | undefined;
  #connection: Connection | undefined;

  constructor(context: HostRunContext, target: Target, key: AttemptKey, listener: AttemptListener) {
    this.#context = context;
    this.#key = key;
    this.#listener = listener;
    this.#target = target;
    this.#shown = showTarget(target);
  }

  async run(): Promise<AttemptResult> {
    const { clock, gate, job } = this.#context;
    const startedMs = clock.monotonicMs();
    let lane: Lane | undefined;
    if (job.methods[0]?.sendsPassword === true) {
      lane = await gate.waitForLane(this.#aborter.signal);
      if (lane === undefined)
        return { event: 'refused', reason: 'the job was halted before the host was dialled' };
      if (gate.state === 'stopped') {
        lane.release();
        return {
          event: 'refused',
          reason: 'the password was refused by other hosts before the host was dialled',
        };
      }
    }
    const outcome = await this.#attempt(lane);
    return {
      event: 'finished',
      outcome: { ...outcome, durationMs: Math.round(clock.monotonicMs() - startedMs) },
    };
  }

  /** Due regularly while the command runs. */
  heartbeat(): void {
    this.#command?.heartbeat();
  }

  /** Ends the attempt if no connection is open or on its way; with `kill`, in any case. */
  halt(kill: boolean): void {
    if (this.#phase === 'waiting' || this.#phase === 'parked') this.#aborter.abort();
    else if (kill && this.#command !== undefined) this.#command.terminate();
    else if (kill) this.#aborter.abort();
  }

  /** Closes the connection, whatever runs on it: the stub ends the command. */
  abandon(): void {
    this.#aborter.abort();
    this.#connection?.close();
  }

  async #attempt(lane: Lane | undefined): Promise<Outcome> {
    const { job, gate } = this.#context;
    const keys = new HostKeyCheck(job.hostKeys, this.#target);
    const login = new HostLogin({
      methods: job.methods,
      gate,
      lane,
      isHostKeyVouchedFor: () => keys.vouchedFor,
    });
    const connected = await this.#connect(login, keys);
    login.leave();
    if ('state' in connected) return connected;
    this.#phase = 'connected';
    this.#connection = connected;
    try {
      this.#listener.authenticated();
      const outcome = await this.#runCommand(connected);
      return { ...outcome, methodsTried: login.tried.map(({ name }) => name) };
    } finally {
      connected.close();
    }
  }

  /** Connects, a second time where the first had to make room for others. */
  async #connect(login: HostLogin, keys: HostKeyCheck): Promise<Connection | Outcome> {
    const { job, transport, gate } = this.#context;
    const { connectMs, handshakeMs } = job.spec.timeouts;
    const { signal } = this.#aborter;
    for (;;) {
      this.#phase = 'dialling';
      const connected = await transport.connect({
        target: this.#target,
        connectMs,
        handshakeMs,
        knownKeyTypes: keys.knownTypes,
        verifyHostKey: (key) => keys.verify(key),
        login,
        signal,
      });
      this.#tellNewKey(login, keys);
      if (connected.ok) return connected.connection;
      if (connected.failure.kind !== 'come-back') return this.#failed(connected.failure, login, keys);
      login.leave();
      this.#phase = 'parked';
      const lane = await gate.waitForLane(signal);
      if (lane === undefined) return this.#failed({ kind: 'aborted' }, login, keys);
      if (gate.state === 'stopped') {
        lane.release();
        login.withhold();
        return this.#failed({ kind: 'login' }, login, keys);
      }
      login.lane = lane;
    }
  }

  #failed(failure: ConnectFailure, login: HostLogin, keys: HostKeyCheck): Outcome {
    const shown = this.#shown;
    const methodsTried = login.tried.map(({ name }) => name);
    switch (failure.kind) {
      case 'unreachable': {
        const message = `${shown} cannot be reached: ${escapeHostText(failure.detail)}.`;
        return { state: 'unreachable', reason: failure.reason, message, methodsTried };
      }
      case 'host-key':
        return hostKeyFailure(shown, keys);
      case 'login': {
        const { unusable } = this.#context.job;
        return loginFailure({ shown, login, unusable, detail: failure.detail });
      }
      case 'come-back':
      case 'aborted':
        return {
          state: 'killed',
          reason: 'halt-kill',
          message: `Halted before the command on ${shown} began.`,
          methodsTried,
        };
    }
  }

  /** A login begins only after the host has signed with its key: until then the key may be somebody else's. */
  #tellNewKey(login: HostLogin, keys: HostKeyCheck): void {
    const { host, port } = this.#target;
    if (login.begun && keys.newKey !== undefined)
      this.#listener.hostKeyAccepted({ host, port, key: keys.newKey });
  }

  async #runCommand(connection: Connection): Promise<Outcome> {
    const { job, clock, relay, newNonce } = this.#context;
    const { spec } = job;
    const nonce = newNonce();
    const timeoutMs = Math.min(spec.timeouts.commandMs, maxStubTimeoutMs);
    const stub = renderStub({
      nonce,
      command: spec.command,
      environment: {
        ...spec.environment,
        POGO_JOB_ID: formatJobId(job.job),
        POGO_HOST: this.#target.host,
        POGO_ATTEMPT: String(this.#key.attempt),
        POGO_USER: spec.submitter,
      },
      timeoutMs,
      killGraceMs,
    });
    if (!stub.ok) return { state: 'denied', reason: 'not-runnable', message: stub.message };
    if (this.#aborter.signal.aborted) {
      return {
        state: 'killed',
        reason: 'halt-kill',
        message: `Halted before the command on ${this.#shown} began.`,
      };
    }
    this.#command = new CommandRun({
      connection,
      clock,
      relay,
      ...this.#key,
      shown: this.#shown,
      nonce,
      execLine: stub.execLine,
      stdin: stub.stdin,
      startMs: spec.timeouts.handshakeMs,
      timeoutMs,
      killGraceMs,
      onStarted: () => this.#listener.started(),
    });
    void this.#command.start();
    return this.#command.outcome;
  }
}
