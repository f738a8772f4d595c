/**
 * From a target to a logged-in connection, as often as an attempt needs one: resolve, dial, verify the host key,
 * authenticate; a second time where the first had to make room for others (password-gate.ts).
 */
import type { Outcome } from '@pogo/core';
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
  readonly transport: Transport;
  readonly gate: PasswordGate;
  readonly target: Target;
  /** `user@host:port` */
  readonly shown: string;
  readonly signal: AbortSignal;
  readonly onHostKeyAccepted: (key: { host: string; port: number; key: string }) => void;
}

export interface Dialled {
  readonly connection: Connection;
  readonly methodsTried: readonly string[];
  readonly isHostKeyVouchedFor: () => boolean;
}

export type DialOutcome =
  | { readonly kind: 'connected'; readonly dialled: Dialled }
  | { readonly kind: 'failed'; readonly outcome: Outcome }
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

  async dial(): Promise<DialOutcome> {
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
    return { kind: 'failed', outcome: { methodsTried, ...outcome } };
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
