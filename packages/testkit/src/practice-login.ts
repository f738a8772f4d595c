import { createHash, timingSafeEqual } from 'node:crypto';
import ssh2, { type AuthContext, type AuthenticationType } from 'ssh2';
import { bareKey } from './public-key.js';

/** Who may log in to a practice host, and how: a method without its credential is off. */
export interface PracticeCredentials {
  user: string;
  /** Turns `password` on, and `keyboard-interactive` too, which asks one hidden question for it. */
  password?: string;
  /** Public key lines; turn `publickey` on. */
  authorizedKeys?: readonly string[];
}

/** One decided attempt: evidence of what a client tried. */
export interface PracticeAuthAttempt {
  method: string;
  user: string;
  result: 'accepted' | 'failed';
  from: { address: string; port: number };
  to: { address: string; port: number };
}

type Decided = Pick<PracticeAuthAttempt, 'method' | 'user' | 'result'>;

/** Answers one authentication request (RFC 4252). */
export function decideLogin(
  context: AuthContext,
  credentials: PracticeCredentials,
  onDecided: (attempt: Decided) => void,
): void {
  const { user, password, authorizedKeys } = credentials;
  const methods: AuthenticationType[] = [
    ...(authorizedKeys ? (['publickey'] as const) : []),
    ...(password === undefined ? [] : (['password', 'keyboard-interactive'] as const)),
  ];
  const decide = (accepted: boolean) => {
    onDecided({ method: context.method, user: context.username, result: accepted ? 'accepted' : 'failed' });
    if (accepted) context.accept();
    else context.reject(methods);
  };
  const isPassword = (given: string) =>
    context.username === user && password !== undefined && sameText(given, password);

  switch (context.method) {
    case 'password':
      decide(isPassword(context.password));
      return;
    case 'keyboard-interactive':
      if (password === undefined) decide(false);
      else {
        context.prompt({ prompt: 'Password: ', echo: false }, (answers) =>
          decide(isPassword(answers[0] ?? '')),
        );
      }
      return;
    case 'publickey': {
      const line = `${context.key.algo.replace(/^rsa-sha2-.*/, 'ssh-rsa')} ${context.key.data.toString('base64')}`;
      const authorized = authorizedKeys?.some((candidate) => bareKey(candidate) === line) ?? false;
      if (context.username !== user || !authorized) {
        decide(false);
      } else if (context.signature && context.blob) {
        const key = ssh2.utils.parseKey(line);
        decide(
          !(key instanceof Error) && key.verify(context.blob, context.signature, context.hashAlgo) === true,
        );
      } else {
        // The client only asks whether the key would do.
        context.accept();
      }
      return;
    }
    default:
      context.reject(methods);
  }
}

function sameText(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
