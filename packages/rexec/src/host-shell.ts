/**
 * A shell on the host that reads from the channel what it shall run: the login user's own, or one behind sudo. Stub
 * and probe are handed to it alike.
 *
 * 1. Nothing but what opens it was written to the channel when it is handed over.
 * 2. Whatever the host does, opening it ends: within the limit, time spent waiting for one's turn with a password not
 *    counted.
 */
import type { Outcome } from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import { escapeHostText } from './escape-text.js';
import type { Connection, ExecChannel, ExecHandlers } from './transport/transport.js';

export interface OpenShellOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  /** `user@host:port`, for messages. */
  readonly shown: string;
  readonly shellLine: string;
  readonly limitMs: number;
  /** Get everything once the shell is open, and its end in any case after that. */
  readonly handlers: ExecHandlers;
  readonly signal: AbortSignal;
}

export type ShellOutcome =
  | {
      readonly ok: true;
      readonly channel: ExecChannel;
      /** The command itself goes through sudo, as this; nothing of ours runs as the other account. */
      readonly commandOnly?: readonly (Uint8Array | string)[];
    }
  /** Nothing was begun, and why. */
  | { readonly ok: false; readonly outcome: Outcome };

export type OpenShell = (
  options: Pick<OpenShellOptions, 'shellLine' | 'handlers' | 'signal'>,
) => Promise<ShellOutcome>;

export async function openPlainShell(options: OpenShellOptions): Promise<ShellOutcome> {
  const { connection, clock, shown, shellLine, limitMs, handlers, signal } = options;
  if (signal.aborted) return { ok: false, outcome: haltedBefore(shown) };
  return new Promise((resolve) => {
    const settle = (outcome: ShellOutcome) => {
      limit.cancel();
      signal.removeEventListener('abort', halted);
      resolve(outcome);
    };
    const halted = () => settle({ ok: false, outcome: haltedBefore(shown) });
    const limit = clock.setTimer(limitMs, () => {
      const message = `${shown} did not open a session within ${limitMs / 1000} s.`;
      settle({ ok: false, outcome: { state: 'unreachable', reason: 'channel-refused', message } });
    });
    signal.addEventListener('abort', halted, { once: true });
    void connection.exec(shellLine, handlers).then((opened) => {
      settle(opened.ok ? opened : { ok: false, outcome: notOpened(opened, shown) });
    });
  });
}

/** The host took the login and no command. */
export function notOpened(
  { kind, detail }: { readonly kind: 'refused' | 'lost'; readonly detail: string },
  shown: string,
): Outcome {
  const text = escapeHostText(detail);
  return kind === 'refused'
    ? {
        state: 'unreachable',
        reason: 'channel-refused',
        message: `${shown} accepted the login but refused to run anything: ${text}.`,
      }
    : {
        state: 'unreachable',
        reason: 'connection-broken',
        message: `The connection to ${shown} broke before the command began: ${text}.`,
      };
}

export function haltedBefore(shown: string): Outcome {
  return {
    state: 'killed',
    reason: 'halt-kill',
    message: `Halted before the command on ${shown} began.`,
  };
}

/** The login shell came to its end without a word of ours. */
export function shellUnusable(
  shown: string,
  end: { readonly exitCode?: number; readonly signal?: string },
  said: string,
): Outcome {
  const how =
    end.exitCode !== undefined
      ? `exited with status ${end.exitCode}`
      : end.signal !== undefined
        ? `was ended by ${escapeHostText(end.signal)}`
        : 'ended';
  const words = said.trim() === '' ? '' : `, and said: ${escapeHostText(said.trim())}`;
  return {
    state: 'unreachable',
    reason: 'shell-unusable',
    message: `The login shell at ${shown} ${how} without running the command${words}.`,
  };
}
