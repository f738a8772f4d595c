import type { AuthMethod } from '../auth-method.js';

/**
 * Answers one hidden prompt with the password, once, and nothing else: a second question, one whose answer would be
 * shown, or several at once are somebody else's (a one-time code, a new password), and end the login.
 */
export const keyboardInteractive: AuthMethod = {
  name: 'keyboard-interactive',
  needs: { password: true },
  prepare({ password: secret }) {
    if (secret === undefined) return { ok: false, message: 'no password came with the job' };
    return {
      ok: true,
      warnings: [],
      method: {
        name: 'keyboard-interactive',
        sshName: 'keyboard-interactive',
        sendsPassword: true,
        shown: '',
        action: () => {
          let answered = false;
          return {
            kind: 'prompts',
            answer: (prompts) => {
              const [prompt] = prompts;
              if (answered || prompts.length !== 1 || prompt === undefined || prompt.echo) return undefined;
              answered = true;
              return [secret];
            },
          };
        },
      },
    };
  },
};
