/**
 * Logs in on one host with the job's methods, in the job's order, and remembers what was tried; also over a second
 * connection, where the first had to make room (password-gate.ts).
 *
 * 1. A method that isn't in the job's list is never used; each is used at most once.
 * 2. A method that the host has said it doesn't offer isn't tried. A password is sent only after the host has said
 *    that it takes one: that costs a round trip, and saves refusals.
 * 3. The password is handed to a host once, by whichever method, and never to one whose key nobody has vouched for.
 */
import type { PreparedMethod } from './auth-method.js';
import type { Login, LoginAction, LoginAnswer, Prompt, PromptAnswers } from './login.js';
import type { Admission, Lane, PasswordGate, PasswordTicket } from './password-gate.js';

/** Why a method of the job wasn't tried. */
export type Untried =
  /** The host doesn't offer it. */
  | 'not-offered'
  /** Another method had handed the host the same password before. */
  | 'password-used'
  /** The host's key was accepted on first sight only. */
  | 'host-key-unproven'
  /** Other hosts refused the password. */
  | 'withheld'
  /** A plug-in's fault: it threw, or gave what is no action. */
  | 'faulty';

export interface HostLoginOptions {
  readonly methods: readonly PreparedMethod[];
  readonly gate: PasswordGate;
  /** Asked after the host key was checked. */
  readonly isHostKeyVouchedFor: () => boolean;
  /** Held already, where the host is dialled for the password's sake. */
  readonly lane?: Lane | undefined;
}

export class HostLogin implements Login {
  readonly #options: HostLoginOptions;
  readonly #tried: PreparedMethod[] = [];
  readonly #untried = new Map<string, Untried>();
  readonly #faulty = new Set<PreparedMethod>();
  #begun = false;
  #passwordSent = false;
  #ticket: PasswordTicket | undefined;
  #offered: readonly string[] | undefined;
  #thinking = new AbortController();
  #lane: Lane | undefined;

  constructor(options: HostLoginOptions) {
    this.#options = options;
    this.#lane = options.lane;
  }

  /** Whether a connection came as far as a login. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Methods tried, in order. */
  get tried(): readonly PreparedMethod[] {
    return this.#tried;
  }

  /** Methods of the job that weren't tried, and why. */
  get untried(): ReadonlyMap<string, Untried> {
    return this.#untried;
  }

  /** Methods that failed by themselves, whatever the host would have said. */
  get faulty(): readonly string[] {
    return [...this.#faulty].map(({ name }) => name);
  }

  /** Whether the host was handed the password. */
  get passwordSent(): boolean {
    return this.#passwordSent;
  }

  /** What the host last said that it offers; undefined when it never did. */
  get offered(): readonly string[] | undefined {
    return this.#offered;
  }

  next(answer: LoginAnswer): LoginAction | Promise<LoginAction> {
    this.#begun = true;
    this.#settle(answer.partial);
    this.#offered = answer.offered ?? this.#offered;
    const { methods, gate, isHostKeyVouchedFor } = this.#options;
    this.#untried.clear();
    for (const method of methods) {
      if (this.#tried.includes(method)) continue;
      if (this.#faulty.has(method)) {
        this.#untried.set(method.name, 'faulty');
        continue;
      }
      if (answer.offered !== undefined && !answer.offered.includes(method.sshName)) {
        this.#untried.set(method.name, 'not-offered');
      } else if (!method.sendsPassword) {
        return this.#try(method, undefined, answer);
      } else if (!isHostKeyVouchedFor()) {
        this.#untried.set(method.name, 'host-key-unproven');
      } else if (this.#passwordSent) {
        this.#untried.set(method.name, 'password-used');
      } else if (gate.state === 'stopped') {
        this.#untried.set(method.name, 'withheld');
      } else if (answer.offered === undefined) {
        return { kind: 'learn-methods' };
      } else {
        this.#lane ??= gate.takeLane();
        if (this.#lane === undefined) return { kind: 'come-back' };
        return this.#waitForTurn(method, answer);
      }
    }
    return { kind: 'give-up' };
  }

  accepted(): void {
    this.#settle(true);
  }

  /** For another connection, after `come-back`. */
  set lane(lane: Lane) {
    this.#lane = lane;
  }

  /** The password was refused elsewhere while this host waited to be dialled again. */
  withhold(): void {
    for (const method of this.#options.methods) {
      if (method.sendsPassword && !this.#tried.includes(method)) this.#untried.set(method.name, 'withheld');
    }
  }

  /** The login is over on this connection. */
  leave(): void {
    this.#lane?.release();
    this.#lane = undefined;
  }

  broken(): void {
    this.#settle(false);
    this.#thinking.abort();
    this.#thinking = new AbortController();
  }

  #waitForTurn(method: PreparedMethod, answer: LoginAnswer): LoginAction | Promise<LoginAction> {
    const { signal } = this.#thinking;
    const enter = (admission: Admission): LoginAction | Promise<LoginAction> => {
      if (admission.kind === 'withheld') return this.next(answer);
      if (!signal.aborted) return this.#try(method, admission.ticket, answer);
      // The connection broke in the moment in which its turn came.
      admission.ticket.unused();
      return { kind: 'give-up' };
    };
    const admission = this.#options.gate.admit(signal);
    return admission instanceof Promise ? admission.then(enter) : enter(admission);
  }

  #try(
    method: PreparedMethod,
    ticket: PasswordTicket | undefined,
    said: LoginAnswer,
  ): LoginAction | Promise<LoginAction> {
    const action = actionOf(method);
    if (action === undefined) {
      ticket?.unused();
      this.#faulty.add(method);
      return this.next(said);
    }
    this.#tried.push(method);
    this.#ticket = ticket;
    if (action.kind !== 'prompts') {
      this.#passwordSent ||= method.sendsPassword;
      return action;
    }
    // Here the password goes out only if the questions are such that it may.
    const given = (answers: PromptAnswers) => {
      this.#passwordSent ||= answers !== undefined && method.sendsPassword;
      return answers;
    };
    const failed = () => {
      this.#faulty.add(method);
      return undefined;
    };
    const answer = (prompts: readonly Prompt[]) => {
      try {
        const answers = action.answer(prompts);
        return answers instanceof Promise
          ? answers.then(checked).then(given, failed)
          : given(checked(answers));
      } catch {
        return failed();
      }
    };
    return { kind: 'prompts', answer };
  }

  #settle(accepted: boolean): void {
    if (this.#passwordSent) this.#ticket?.[accepted ? 'accepted' : 'refused']();
    else this.#ticket?.unused();
    this.#ticket = undefined;
  }
}

/** Undefined where a plug-in fails; its text may hold anything, and is not looked at. */
function actionOf(method: PreparedMethod): LoginAction | undefined {
  try {
    const action: LoginAction | undefined = method.action();
    return ['keys', 'password', 'prompts'].includes(String(action?.kind)) ? action : undefined;
  } catch {
    return undefined;
  }
}

/** Throws for what can't be typed. */
function checked(answers: PromptAnswers): PromptAnswers {
  if (answers === undefined) return undefined;
  if (!Array.isArray(answers)) throw new TypeError('no list of answers');
  for (const answer of answers) {
    if (typeof answer !== 'string' && typeof answer?.reveal !== 'function') throw new TypeError('no answer');
  }
  return answers;
}
