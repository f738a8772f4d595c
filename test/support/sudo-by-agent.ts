/** sudo that wants a signature of a forwarded agent instead of a password (`pam_ssh_agent_auth`). */
import { createPamService, type Key } from '@pogo/testkit';

export interface SudoByAgent {
  /** Lines of sudoers; `USER` in them is the account's name. */
  readonly rules: readonly string[];
  remove(): void;
}

/** Whoever can sign with `key` may do everything. */
export function allowSudoByAgent(key: Key): SudoByAgent {
  const pam = createPamService(
    [
      'auth required pam_ssh_agent_auth.so file=FILE',
      'account required pam_permit.so',
      'session required pam_permit.so',
    ],
    `${key.publicLine.trim()}\n`,
  );
  return {
    rules: [
      'USER ALL=(ALL) ALL',
      `Defaults:USER pam_service=${pam.name}`,
      'Defaults:USER env_keep += "SSH_AUTH_SOCK"',
    ],
    remove: () => pam.remove(),
  };
}
