import { exitCodes, failed, type Result } from '../failure.js';

/** Built-in methods by what they need; a method of a plug-in may use whatever is given. */
export const passwordMethods: readonly string[] = ['password', 'keyboard-interactive'];
export const keyMethods: readonly string[] = ['publickey'];

/** What some of these methods need. */
export function needsOf(methods: readonly string[]): { password: boolean; key: boolean; plugIn: boolean } {
  const some = (named: readonly string[]) => methods.some((method) => named.includes(method));
  return {
    password: some(passwordMethods),
    key: some(keyMethods),
    plugIn: methods.some((method) => ![...passwordMethods, ...keyMethods].includes(method)),
  };
}

/** What the user has to offer, before anything is asked for. */
export interface Offered {
  readonly password: boolean;
  readonly identities: boolean;
}

/**
 * The methods of a job, in the order in which hosts will be asked. `configured` wins as it is (P7); otherwise what was
 * offered decides. Undefined when nothing says which.
 */
export function chooseAuthMethods(
  configured: readonly string[] | undefined,
  offered: Offered,
): readonly string[] | undefined {
  if (configured !== undefined && configured.length > 0) return [...new Set(configured)];
  const methods = [...(offered.identities ? keyMethods : []), ...(offered.password ? passwordMethods : [])];
  return methods.length > 0 ? methods : undefined;
}

/** Neither password nor key (scheduling.md, scenario 9): refused before the dispatcher is told anything. */
export function noCredentials(): Result<never> {
  return failed({
    code: 'credentials-needed',
    message:
      'neither a password nor a key was offered: give --identity FILE, --password-file FILE, --password-fd N or --secrets FILE, or run it on a terminal to be asked',
    exitCode: exitCodes.credentialsNeeded,
  });
}

/** The methods that a job with these sources would have, for a plan, which needs no credentials. */
export function plannedMethods(sources: {
  readonly auth?: readonly string[] | undefined;
  readonly identities: readonly string[];
  readonly passwordFile?: string | undefined;
  readonly passwordDescriptor?: number | undefined;
  readonly secretsFile?: string | undefined;
}): readonly string[] {
  const password =
    sources.passwordFile !== undefined ||
    sources.passwordDescriptor !== undefined ||
    sources.secretsFile !== undefined;
  const identities = sources.identities.length > 0;
  return chooseAuthMethods(sources.auth, { identities, password: password || !identities }) ?? ['password'];
}
