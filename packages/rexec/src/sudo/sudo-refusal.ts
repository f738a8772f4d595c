/** What sudo means by what it says, in the C locale; also sudo-rs, where it says it differently. */
import type { Outcome, ReasonCode } from '@pogo/core';
import { escapeHostText } from '../escape-text.js';

export type SudoReason = ReasonCode &
  (
    | 'sudo-password-refused'
    | 'sudo-password-needed'
    | 'sudo-not-allowed'
    | 'sudo-missing'
    | 'sudo-requires-tty'
    | 'sudo-failed'
  );

/** First match counts. `command`: sudoers may still allow the command itself. */
const meanings: readonly { pattern: RegExp; reason: SudoReason; command?: true; accepted?: true }[] = [
  { pattern: /must have a tty|no tty present/i, reason: 'sudo-requires-tty' },
  { pattern: /is not allowed to execute/i, reason: 'sudo-not-allowed', command: true, accepted: true },
  {
    pattern: /is not in the sudoers file|may not run sudo|is not allowed to run sudo/i,
    reason: 'sudo-not-allowed',
    accepted: true,
  },
  { pattern: /I'm afraid I can't do that/i, reason: 'sudo-not-allowed', command: true, accepted: true },
  {
    pattern: /incorrect (password|authentication) attempt|authentication failed/i,
    reason: 'sudo-password-refused',
  },
  { pattern: /password is required|no password was provided/i, reason: 'sudo-password-needed' },
];

export interface SudoRefusal {
  readonly reason: SudoReason;
  /** sudo refused a shell, and may allow the command itself. */
  readonly commandMayBeAllowed: boolean;
  /** It had been satisfied with the password. */
  readonly passwordAccepted: boolean;
}

export function readSudoRefusal(stderr: string): SudoRefusal {
  const found = meanings.find(({ pattern }) => pattern.test(stderr));
  return {
    reason: found?.reason ?? 'sudo-failed',
    commandMayBeAllowed: found?.command === true,
    passwordAccepted: found?.accepted === true,
  };
}

const sentences: Record<SudoReason, string> = {
  'sudo-password-refused': 'sudo refused the password',
  'sudo-password-needed': 'sudo wants a password, and none came with the job',
  'sudo-not-allowed': 'sudo does not allow it',
  'sudo-missing': 'there is no sudo in the PATH of this account',
  'sudo-requires-tty': 'sudo wants a terminal',
  'sudo-failed': 'sudo did not start the command',
};

/** `said`: what sudo wrote, if that helps. */
export function sudoOutcome(reason: SudoReason, shown: string, runAs: string, said = ''): Outcome {
  const quoted = said.trim() === '' ? '' : `: ${escapeHostText(sudosOwn(said))}`;
  return {
    state: reason === 'sudo-password-refused' || reason === 'sudo-password-needed' ? 'auth-failed' : 'denied',
    reason,
    message: `${shown} as ${escapeHostText(runAs)}: ${sentences[reason]}${quoted}.`,
  };
}

/** Of all that was written there, the line that says why; else the one that sudo has most likely written. */
function sudosOwn(said: string): string {
  const lines = said.split('\n').map((line) => line.trim());
  // Where the host's own name does not resolve, sudo says so first, and goes on.
  const written = lines.filter((line) => line !== '' && !/^sudo: unable to resolve host /.test(line));
  return (
    written.find((line) => meanings.some(({ pattern }) => pattern.test(line))) ??
    written.find((line) => /^sudo: |^Sorry, /.test(line)) ??
    written.at(-1) ??
    ''
  );
}
