/**
 * Gathers what a job's authentication methods need from the user, and what sudo on the hosts needs.
 *
 * 1. Secrets are in {@link Secret} from the moment of reading.
 * 2. Only what the job's methods need is read, asked for and sealed: with `auth: [publickey]` no password leaves the
 *    user's hands (P7), and named secrets leave them only for a method of a plug-in.
 * 3. Without anything to offer the job is refused before a dispatcher hears of it (scheduling.md, scenario 9).
 * 4. A password for sudo is asked for only from somebody who is being asked anyway: passwordless sudo is common.
 */
import type { Secret } from '@pogo/protocol';
import { exitCodes, failed, type Result, success } from '../failure.js';
import { chooseAuthMethods, needsOf, noCredentials, passwordMethods } from './auth-methods.js';
import { type Identity, readIdentities } from './identities.js';
import { readPassword } from './password.js';
import type { Answer, Prompter } from './prompt.js';
import { noSecrets, readSecretsFile, type Secrets } from './secrets-file.js';

/** Where credentials come from: options, variables and configuration, merged. */
export interface CredentialSources {
  readonly auth?: readonly string[] | undefined;
  /** The job exists, and has its methods under its seal. */
  readonly methodsAreFixed?: boolean;
  readonly identities: readonly string[];
  readonly passwordFile?: string | undefined;
  readonly passwordDescriptor?: number | undefined;
  readonly sudoPasswordFile?: string | undefined;
  readonly sudoPasswordDescriptor?: number | undefined;
  readonly secretsFile?: string | undefined;
  /** Whom the prompt is for: the job's account. */
  readonly user: string;
  /** Account that the command runs as by sudo; absent: no password for sudo is needed. */
  readonly runAs?: string | undefined;
}

export interface Credentials {
  readonly methods: readonly string[];
  readonly password?: Secret;
  /** For sudo, where it is not the password of the login. */
  readonly sudoPassword?: Secret;
  /** For methods of plug-ins, by name. */
  readonly secrets?: ReadonlyMap<string, Secret>;
  readonly identities: readonly Identity[];
}

export async function gatherCredentials(
  sources: CredentialSources,
  prompter: Prompter,
): Promise<Result<Credentials>> {
  const secrets: Result<Secrets> =
    sources.secretsFile === undefined ? success(noSecrets) : await readSecretsFile(sources.secretsFile);
  if (!secrets.ok) return secrets;
  const asking = new CountingPrompter(prompter);
  const offered = {
    password:
      sources.passwordFile !== undefined ||
      sources.passwordDescriptor !== undefined ||
      secrets.value.password !== undefined,
    identities: sources.identities.length > 0,
  };
  const chosen = chooseAuthMethods(sources.auth, offered);
  const methods = chosen ?? passwordMethods;
  const needs = needsOf(methods);

  let identities: readonly Identity[] = [];
  if (needs.key || needs.plugIn) {
    const read = await readIdentities(sources.identities, secrets.value, asking);
    if (!read.ok) return read;
    identities = read.value;
  }
  let password: Secret | undefined;
  if (needs.password || needs.plugIn) {
    const read = await readPassword({
      name: 'password',
      file: sources.passwordFile,
      descriptor: sources.passwordDescriptor,
    });
    if (!read.ok) return read;
    password = read.value ?? secrets.value.password;
    // A key is enough where both would do: nobody is asked for a password that may not be needed.
    if (password === undefined && needs.password && identities.length === 0) {
      password = secretOf(await asking.ask(`Password of ${sources.user} on the hosts:`));
    }
  }
  const usable = methods.filter((method) => {
    const need = needsOf([method]);
    return need.plugIn || (need.password && password !== undefined) || (need.key && identities.length > 0);
  });
  if (usable.length === 0)
    return chosen === undefined ? noCredentials() : nothingForMethods(methods, sources);
  const sudoPassword = await findSudoPassword(sources, secrets.value, asking, password !== undefined);
  if (!sudoPassword.ok) return sudoPassword;
  const { named } = secrets.value;
  return success({
    methods: usable,
    identities,
    ...(password !== undefined && { password }),
    ...(sudoPassword.value !== undefined && { sudoPassword: sudoPassword.value }),
    ...(needs.plugIn && named.size > 0 && { secrets: named }),
  });
}

/** Remembers whether anybody was asked, and answered. */
class CountingPrompter {
  readonly #prompter: Prompter;
  answered = false;

  constructor(prompter: Prompter) {
    this.#prompter = prompter;
  }

  async ask(question: string): Promise<Answer> {
    const answer = await this.#prompter.ask(question);
    if (answer.kind === 'answered') this.answered = true;
    return answer;
  }
}

function secretOf(answer: Answer): Secret | undefined {
  return answer.kind === 'answered' ? answer.value : undefined;
}

function nothingForMethods(
  methods: readonly string[],
  { methodsAreFixed }: Pick<CredentialSources, 'methodsAreFixed'>,
): Result<never> {
  const needs = needsOf(methods);
  const wanted = [
    ...(needs.password ? ['--password-file FILE'] : []),
    ...(needs.key ? ['--identity FILE'] : []),
  ];
  return failed({
    code: 'credentials-needed',
    message: `the job may use ${methods.join(', ')} only, and nothing for that was offered: give ${wanted.join(' or ')}${methodsAreFixed === true ? '' : ', or change --auth'}`,
    exitCode: exitCodes.credentialsNeeded,
  });
}

async function findSudoPassword(
  sources: CredentialSources,
  secrets: Secrets,
  asking: CountingPrompter,
  hasPassword: boolean,
): Promise<Result<Secret | undefined>> {
  if (sources.runAs === undefined) return success(undefined);
  const read = await readPassword({
    name: 'sudo-password',
    file: sources.sudoPasswordFile,
    descriptor: sources.sudoPasswordDescriptor,
  });
  if (!read.ok) return read;
  const given = read.value ?? secrets.sudoPassword;
  if (given !== undefined || !asking.answered) return success(given);
  const otherwise = hasPassword ? 'the same as the login password' : 'none';
  const answer = await asking.ask(`sudo password (empty: ${otherwise}):`);
  if (answer.kind !== 'declined') return success(secretOf(answer));
  return failed({
    code: 'interrupted',
    message: 'the question for the sudo password was not answered, so nothing was sent',
    exitCode: exitCodes.interrupted,
  });
}
