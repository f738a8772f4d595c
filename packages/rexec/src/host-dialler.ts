/**
 * From a target to a logged-in connection, as often as an attempt needs one: resolve, dial, verify the host key,
 * authenticate; a second time where the first had to make room for others (password-gate.ts).
 *
 * 1. Asked for, a host that could not be reached is dialled again, with growing pauses (S11), but only while no method was
 *    tried on it: neither a refusal nor a host key nor a password gets better by being asked for twice.
 * 2. A halt ends the waiting.
 */
import type { Outcome, ReasonCode } from '@pogo/core';
import { backoffDelayMs, type Clock, delay } from '@pogo/lifecycle';
import { HostLogin } from './auth/host-login.js';
import type { PasswordGate } from './auth/password-gate.js';
import { escapeHostText } from './escape-text.js';
import { haltedBefore } from './host-shell.js';
import { HostKeyCheck } from './known-hosts/host-key-check.js';
import { hostKeyFailure, loginFailure } from './login-failure.js';
import type { OpenedJob } from './open-job.js';
import type { Connection, ConnectFailure, Target, Transport } from './transport/transport.js';

export interface HostDiallerOptions {
  readonly job: OpenedJob;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly gate: PasswordGate;
  readonly target: Target;
  /** `user@host:port` */
  readonly shown: string;
  readonly signal: AbortSignal;
  readonly onHostKeyAccepted: (key: { host: string; port: number; key: string }) => void;
  /** It was not reached, and is dialled again after a pause. */
  readonly onWaiting: () => void;
}

const backoff = { firstMs: 1000, maxMs: 30_000 } as const;

/** Ends after which the next dialling may come to more. A name that doesn't resolve is no host that restarts. */
const worthDialling: readonly ReasonCode[] = [
  'connection-refused',
  'connect-timeout',
  'no-route',
  'no-socket',
  'handshake-timeout',
  'handshake',
];

export interface Dialled {
  readonly connection: Connection;
  readonly methodsTried: readonly string[];
  readonly isHostKeyVouchedFor: () => boolean;
}

export type DialOutcome =
  | { readonly kind: 'connected'; readonly dialled: Dialled }
  | {
      readonly kind: 'failed';
      readonly outcome: Outcome;
      /** Dialling again may come to more. */
      readonly isWorthDialling?: boolean;
    }
  /** The host was not dialled, and why. */
  | { readonly kind: 'not-dialled'; readonly reason: string };

export class HostDialler {
  readonly #options: HostDiallerOptions;
  #idle = true;

  constructor(options: HostDiallerOptions) {
    this.#options = options;
  }

  /** No connection is open or on its way. */
  get idle(): boolean {
    return this.#idle;
  }

  /**
   * @param again how often a host that can't be reached is dialled again
   * @param spread any number: hosts with different ones don't come back at the same moment
   */
  async dial({ again, spread } = { again: 0, spread: 0 }): Promise<DialOutcome> {
    const { clock, signal, shown, onWaiting } = this.#options;
    let outcome = await this.#dialOnce();
    for (let dialled = 1; outcome.kind === 'failed' && outcome.isWorthDialling === true; dialled++) {
      if (dialled > again) return dialled === 1 ? outcome : withTimes(outcome.outcome, dialled);
      onWaiting();
      // Multiples of the golden ratio lie apart, however many there are.
      const pauseMs = backoffDelayMs(backoff, dialled - 1, (spread * 0.618_033_988_75) % 1);
      await delay(clock, pauseMs, signal);
      const next: DialOutcome = signal.aborted
        ? { kind: 'not-dialled', reason: 'the job was halted' }
        : await this.#dialOnce();
      if (next.kind !== 'connected' && signal.aborted)
        return { kind: 'failed', outcome: { ...haltedBefore(shown), methodsTried: [] } };
      // It was dialled before, so that this is no refusal.
      if (next.kind === 'not-dialled') return withTimes(outcome.outcome, dialled);
      outcome = next;
    }
    return outcome;
  }

  async #dialOnce(): Promise<DialOutcome> {
    const { job, gate, target, signal } = this.#options;
    const keys = new HostKeyCheck(job.hostKeys, target);
    const login = new HostLogin({
      methods: job.methods,
      gate,
      isHostKeyVouchedFor: () => keys.vouchedFor,
    });
    if (job.methods[0]?.sendsPassword === true) {
      const lane = await gate.waitForLane(signal);
      if (lane === undefined) {
        return { kind: 'not-dialled', reason: 'the job was halted before the host was dialled' };
      }
      login.lane = lane;
      if (gate.state === 'stopped') {
        login.leave();
        return {
          kind: 'not-dialled',
          reason: 'the password was refused by other hosts before the host was dialled',
        };
      }
    }
    const connected = await this.#connect(login, keys);
    login.leave();
    return connected;
  }

  async #connect(login: HostLogin, keys: HostKeyCheck): Promise<DialOutcome> {
    const { job, transport, gate, target, signal } = this.#options;
    const { connectMs, handshakeMs } = job.spec.timeouts;
    for (;;) {
      this.#idle = false;
      const connected = await transport.connect({
        target,
        connectMs,
        handshakeMs,
        knownKeyTypes: keys.knownTypes,
        verifyHostKey: (key) => keys.verify(key),
        login,
        ...(job.forwardedAgent !== undefined && { forwardedAgent: job.forwardedAgent }),
        signal,
      });
      this.#tellNewKey(login, keys);
      if (connected.ok) {
        const dialled = {
          connection: connected.connection,
          methodsTried: login.tried.map(({ name }) => name),
          isHostKeyVouchedFor: () => keys.vouchedFor,
        };
        return { kind: 'connected', dialled };
      }
      this.#idle = true;
      const { failure } = connected;
      if (failure.kind !== 'come-back') return this.#failed(failure, login, keys);
      login.leave();
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

  #failed(failure: ConnectFailure, login: HostLogin, keys: HostKeyCheck): DialOutcome {
    const outcome = this.#outcomeOf(failure, login, keys);
    if (failure.kind === 'host-key') return { kind: 'failed', outcome };
    const methodsTried = login.tried.map(({ name }) => name);
    const isWorthDialling =
      failure.kind === 'unreachable' && worthDialling.includes(failure.reason) && methodsTried.length === 0;
    return { kind: 'failed', outcome: { methodsTried, ...outcome }, isWorthDialling };
  }

  #outcomeOf(failure: ConnectFailure, login: HostLogin, keys: HostKeyCheck): Outcome {
    const { shown, job } = this.#options;
    switch (failure.kind) {
      case 'unreachable': {
        const message = `${shown} cannot be reached: ${escapeHostText(failure.detail)}.`;
        return { state: 'unreachable', reason: failure.reason, message };
      }
      case 'host-key':
        return hostKeyFailure(shown, keys);
      case 'login':
        return loginFailure({ shown, login, unusable: job.unusable, detail: failure.detail });
      case 'come-back':
      case 'aborted':
        return haltedBefore(shown);
    }
  }

  /** A login begins only after the host has signed with its key: until then the key may be somebody else's. */
  #tellNewKey(login: HostLogin, keys: HostKeyCheck): void {
    const { target, onHostKeyAccepted } = this.#options;
    const { host, port } = target;
    if (login.begun && keys.newKey !== undefined) onHostKeyAccepted({ host, port, key: keys.newKey });
  }
}

function withTimes(outcome: Outcome, dialled: number): DialOutcome {
  const message = `${outcome.message ?? ''} It was dialled ${dialled} times.`.trimStart();
  return { kind: 'failed', outcome: { ...outcome, message } };
}
