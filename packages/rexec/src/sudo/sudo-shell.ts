/**
 * A shell as another account. sudo starts it where sudoers allows that, and the stub then runs, watches and kills as
 * that account. Where sudoers allows the command alone, the shell stays the login user's, and the command goes through
 * sudo: the stub can't signal it then, and says so.
 */
import type { Secret } from '@pogo/protocol';
import type { PasswordGate } from '../auth/password-gate.js';
import type { OpenShellOptions, ShellOutcome } from '../host-shell.js';
import { throughSudo } from './sudo-dialogue.js';
import { commandOnlyArgv, commandOnlyText, sudoShellText } from './sudo-text.js';

/** sudo answers at once, or after the few seconds that it makes wrong passwords wait. */
const sudoLimitMs = 12_000;

export interface SudoShellOptions extends OpenShellOptions {
  readonly newNonce: () => string;
  readonly runAs: string;
  readonly password: Secret | undefined;
  /** The host has an agent of ours, which may be all that sudo asks for. */
  readonly agentForwarded: boolean;
  readonly gate: PasswordGate;
  readonly isHostKeyVouchedFor: () => boolean;
  /** For the second way; absent where there is none: a script of the job's own lies where sudoers can't name it. */
  readonly command?: readonly (Uint8Array | string)[];
}

/** `notAllowed`: the shell behind sudo is forbidden, and no command was given for the second way. */
export type SudoShellOutcome = ShellOutcome & { readonly notAllowed?: true };

export async function openSudoShell(options: SudoShellOptions): Promise<SudoShellOutcome> {
  const { newNonce, runAs, shellLine, password, agentForwarded, command } = options;
  const limitMs = Math.min(options.limitMs, sudoLimitMs);
  const nonce = newNonce();
  const text = sudoShellText({ nonce, runAs, shellLine });
  const first = await throughSudo({ ...options, limitMs, nonce, text });
  if (first.ok) return first;
  const { outcome, refusal } = first;
  if (refusal?.commandMayBeAllowed !== true) return { ok: false, outcome };
  if (command === undefined) return { ok: false, outcome, notAllowed: true };
  // Not where sudo has just asked for what isn't there.
  const authenticate = refusal.reason === 'sudo-not-allowed' && (password !== undefined || agentForwarded);
  const secondNonce = newNonce();
  const second = await throughSudo({
    ...options,
    limitMs,
    nonce: secondNonce,
    text: commandOnlyText({ nonce: secondNonce, runAs, shellLine, command, authenticate }),
  });
  if (second.ok) return { ...second, commandOnly: commandOnlyArgv({ runAs, command, authenticate }) };
  // sudo -l is silent about what it doesn't allow; the first answer said it.
  return { ok: false, outcome: second.outcome.reason === 'sudo-failed' ? outcome : second.outcome };
}
