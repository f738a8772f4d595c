/** What a login consists of, in terms that every transport understands. */
import type { Secret } from '@pogo/protocol';
import type { KeyAgent } from '../identities/key-agent.js';

/** A question of `keyboard-interactive`. */
export interface Prompt {
  readonly text: string;
  /** Whether what is typed would be shown. */
  readonly echo: boolean;
}

/** What is typed; plain text where a method has made it itself, such as a one-time code. */
export type Typed = Secret | string;

export function revealTyped(typed: Typed): string {
  return typeof typed === 'string' ? typed : typed.reveal();
}

/** One for each prompt; undefined when the questions must not be answered. */
export type PromptAnswers = readonly Typed[] | undefined;

/** One step of a login. */
export type LoginAction =
  /** Ask which methods the host offers; no credential is in the question. */
  | { readonly kind: 'learn-methods' }
  /** Offer the agent's keys, one after the other. */
  | { readonly kind: 'keys'; readonly agent: KeyAgent }
  | { readonly kind: 'password'; readonly password: Typed }
  /** Start `keyboard-interactive`; `answer` is called for each round of questions. */
  | {
      readonly kind: 'prompts';
      answer(prompts: readonly Prompt[]): PromptAnswers | Promise<PromptAnswers>;
    }
  /** Hang up: nothing is left that may be tried. */
  | { readonly kind: 'give-up' }
  /** Hang up, and connect again later. */
  | { readonly kind: 'come-back' };

/** What the host said to the last action; nothing at first. */
export interface LoginAnswer {
  /** SSH names of the methods that can go on; undefined as long as the host hasn't said. */
  readonly offered: readonly string[] | undefined;
  /** The last method was accepted, and another is wanted too. */
  readonly partial: boolean;
}

/** Decides, on one host, what is tried next. */
export interface Login {
  next(answer: LoginAnswer): LoginAction | Promise<LoginAction>;
  /** The host accepted the last action: logged in. */
  accepted(): void;
  /** The connection ended without an answer to the last action, or while `next` was thinking. */
  broken(): void;
}
