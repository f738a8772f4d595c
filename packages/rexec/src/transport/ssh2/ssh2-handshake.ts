/**
 * From an open socket to an authenticated ssh2 client.
 *
 * 1. `hostVerifier` is always set: ssh2 accepts any key without it.
 * 2. The time limit stands still while `login.next` thinks: waiting for other hosts' answers is not this host's fault.
 * 3. After a failure the socket is destroyed, and nothing is pending.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '@pogo/lifecycle';
import type { AnyAuthMethod, Client, ClientErrorExtensions } from 'ssh2';
import { type LoginAction, type PromptAnswers, revealTyped } from '../../auth/login.js';
import type { KeyAgent } from '../../identities/key-agent.js';
import type { ConnectFailure, ConnectOptions } from '../transport.js';
import { ForwardedAgent } from './forwarded-agent.js';
import { hostKeyOrder } from './host-key-order.js';
import { QuietClient } from './quiet-client.js';
import { Ssh2Agent } from './ssh2-agent.js';

/** A connection on which nothing is heard for three keepalives is lost. */
const keepalivesUnanswered = 2;

export type HandshakeOutcome =
  { readonly ok: true; readonly client: Client } | { readonly ok: false; readonly failure: ConnectFailure };

/** ssh2's agents, one per agent of the job. */
const agents = new WeakMap<KeyAgent, Ssh2Agent>();

/** What all connections of a transport share. */
export interface HandshakeSettings {
  readonly clock: Clock;
  readonly keepaliveMs: number;
}

export function handshake(
  socket: Socket,
  options: ConnectOptions,
  settings: HandshakeSettings,
): Promise<HandshakeOutcome> {
  return new Promise((resolve) => {
    new Handshake(socket, options, settings, resolve).start();
  });
}

class Handshake {
  readonly #client = new QuietClient();
  readonly #socket: Socket;
  readonly #options: ConnectOptions;
  readonly #clock: Clock;
  readonly #keepaliveMs: number;
  readonly #resolve: (outcome: HandshakeOutcome) => void;
  readonly #onAbort = () => this.#fail({ kind: 'aborted' });
  #phase: 'key-exchange' | 'login' | 'over' = 'key-exchange';
  #hostKeyRefused = false;
  #timer: Timer | undefined;
  #leftMs: number;
  #timerSetMs = 0;

  constructor(
    socket: Socket,
    options: ConnectOptions,
    { clock, keepaliveMs }: HandshakeSettings,
    resolve: (outcome: HandshakeOutcome) => void,
  ) {
    this.#socket = socket;
    this.#options = options;
    this.#clock = clock;
    this.#keepaliveMs = keepaliveMs;
    this.#resolve = resolve;
    this.#leftMs = options.handshakeMs;
  }

  start(): void {
    const { target, knownKeyTypes, verifyHostKey, forwardedAgent, signal } = this.#options;
    signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#runTimer();
    const client = this.#client;
    client.on('error', (error) => this.#failed(error));
    client.on('close', () => this.#failed(new Error('the host closed the connection')));
    client.on('handshake', () => {
      if (this.#phase === 'key-exchange') this.#phase = 'login';
    });
    client.on('ready', () => this.#succeed());
    // A password that has expired: nobody is here to think of a new one.
    client.on('change password', () => this.#fail({ kind: 'login', detail: 'the password has expired' }));
    const serverHostKey = hostKeyOrder(knownKeyTypes);
    client.connect({
      sock: this.#socket,
      username: target.user,
      readyTimeout: 0,
      keepaliveInterval: this.#keepaliveMs,
      keepaliveCountMax: keepalivesUnanswered,
      ...(serverHostKey === undefined ? {} : { algorithms: { serverHostKey } }),
      // Asks for forwarding with each command line. What is tried at login is `authHandler`'s alone.
      ...(forwardedAgent === undefined
        ? {}
        : { agent: new ForwardedAgent(forwardedAgent), agentForward: true }),
      hostVerifier: (key: Buffer) => {
        const accepted = verifyHostKey(key);
        this.#hostKeyRefused ||= !accepted;
        return accepted;
      },
      authHandler: (offered: readonly string[] | null, partial: boolean | null, next) => {
        this.#nextAction(offered ?? undefined, partial ?? false, next);
      },
    });
  }

  #nextAction(
    offered: readonly string[] | undefined,
    partial: boolean,
    next: (method: AnyAuthMethod) => void,
  ): void {
    this.#stopTimer();
    const perform = (action: LoginAction) => {
      if (this.#phase === 'over') return;
      this.#runTimer();
      const method = this.#authMethod(action);
      if (method !== undefined) next(method);
    };
    const action = this.#options.login.next({ offered, partial });
    // Without a detour through the microtask queue where nothing has to be waited for.
    if (action instanceof Promise) void action.then(perform);
    else perform(action);
  }

  #authMethod(action: LoginAction): AnyAuthMethod | undefined {
    const { user: username } = this.#options.target;
    switch (action.kind) {
      case 'learn-methods':
        return { type: 'none', username };
      case 'keys': {
        const agent = agents.get(action.agent) ?? new Ssh2Agent(action.agent);
        agents.set(action.agent, agent);
        return { type: 'agent', username, agent };
      }
      case 'password':
        return { type: 'password', username, password: revealTyped(action.password) };
      case 'prompts':
        return {
          type: 'keyboard-interactive',
          username,
          prompt: (_name, _instructions, _language, prompts, finish) => {
            const answered = (answers: PromptAnswers) => {
              // The method can't be left but by hanging up: an empty answer would count as a wrong password.
              if (answers === undefined)
                this.#fail({ kind: 'login', detail: 'its questions cannot be answered' });
              else if (this.#phase !== 'over') finish(answers.map(revealTyped));
            };
            const answers = action.answer(
              prompts.map(({ prompt, echo }) => ({ text: prompt, echo: echo ?? true })),
            );
            if (answers instanceof Promise) void answers.then(answered);
            else answered(answers);
          },
        };
      case 'give-up':
        this.#fail({ kind: 'login' });
        return undefined;
      case 'come-back':
        this.#fail({ kind: 'come-back' });
        return undefined;
    }
  }

  #failed(error: Error & ClientErrorExtensions): void {
    // The key agent could not sign: ssh2 goes on with the next key by itself.
    if (error.level === 'agent') return;
    if (this.#hostKeyRefused) return this.#fail({ kind: 'host-key' });
    if (this.#phase === 'login') return this.#fail({ kind: 'login', detail: error.message });
    const silent = this.#socket.bytesRead === 0;
    const detail = silent ? 'the host closed the connection before it said anything' : error.message;
    this.#fail({ kind: 'unreachable', reason: 'handshake', detail });
  }

  #timedOut(): void {
    const seconds = this.#options.handshakeMs / 1000;
    const detail =
      this.#socket.bytesRead === 0
        ? `it said nothing for ${seconds} s`
        : `${this.#phase === 'login' ? 'the login' : 'the key exchange'} took longer than ${seconds} s`;
    this.#fail({ kind: 'unreachable', reason: 'handshake-timeout', detail });
  }

  #succeed(): void {
    if (!this.#over()) return;
    this.#options.login.accepted();
    this.#resolve({ ok: true, client: this.#client });
  }

  #fail(failure: ConnectFailure): void {
    if (!this.#over()) return;
    this.#options.login.broken();
    this.#client.end();
    this.#socket.destroySoon();
    this.#resolve({ ok: false, failure });
  }

  /** False when it was over before. Errors that come later find nobody interested, but a listener. */
  #over(): boolean {
    if (this.#phase === 'over') return false;
    this.#phase = 'over';
    this.#stopTimer();
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    return true;
  }

  #runTimer(): void {
    if (this.#timer !== undefined || this.#phase === 'over') return;
    this.#timerSetMs = this.#clock.monotonicMs();
    this.#timer = this.#clock.setTimer(this.#leftMs, () => this.#timedOut());
  }

  #stopTimer(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#leftMs = Math.max(0, this.#leftMs - (this.#clock.monotonicMs() - this.#timerSetMs));
  }
}
