/**
 * `otp`: keyboard-interactive with two questions, the account's password and a one-time code (TOTP).
 *
 * The user seals the password, and the key of the codes as the secret `otp-key`, in base32.
 */
import { readBase32, totp } from './totp.js';

/** Version of the contract that this module was written for: see docs/AUTH-METHODS.md. */
export const authMethodVersion = 1;

export const authMethod = {
  needs: { password: true, secrets: ['otp-key'] },

  /** Once per job: says what is wrong with the credentials before any host is dialled. */
  prepare({ password, secrets }) {
    const key = readBase32(secrets.get('otp-key').reveal());
    if (key === undefined) return { ok: false, message: 'the secret "otp-key" is not in base32' };
    return {
      ok: true,
      method: {
        sshName: 'keyboard-interactive',
        // Both answers count against the account when they are wrong.
        sendsPassword: true,
        shown: 'a one-time code',
        action: () => ({ kind: 'prompts', answer: answerOnce(password, key) }),
      },
    };
  },
};

/** Answers each of the two questions once per login, and nothing else. */
function answerOnce(password, key) {
  const answered = new Set();
  return (prompts) => {
    const answers = prompts.map(({ text, echo }) => {
      const question = recognise(text, echo);
      if (question === undefined || answered.has(question)) return undefined;
      answered.add(question);
      return question === 'code' ? totp(key, Date.now()) : password;
    });
    return answers.includes(undefined) ? undefined : answers;
  };
}

/** The password is given to a hidden question only; a code is worth nothing once it is used. */
function recognise(text, echo) {
  if (/one-time|verification code|otp/i.test(text)) return 'code';
  return /password/i.test(text) && !echo ? 'password' : undefined;
}
