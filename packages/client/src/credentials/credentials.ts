/**
 * Gathers what a job's authentication methods need from the user.
 *
 * 1. Secrets are in {@link Secret} from the moment of reading.
 * 2. Only what the job's methods need is read, asked for and sealed: with `auth: [publickey]` no password leaves the
 *    user's hands (P7).
 * 3. Without anything to offer the job is refused before a dispatcher hears of it (scheduling.md, scenario 9).
 */
import { basename } from 'node:path';
import { Secret } from '@pogo/protocol';
import { exitCodes, failed, type Result, success, usageFailure } from '../failure.js';
import { chooseAuthMethods, noCredentials } from './auth-methods.js';
import { recogniseKeyFile } from './key-file.js';
import { passwordFromDescriptor, passwordFromFile } from './password.js';
import { readPrivateFile } from './private-file.js';
import type { Prompter } from './prompt.js';
import { readSecretsFile, type Secrets } from './secrets-file.js';

/** Where credentials come from: options, variables and configuration, merged. */
export interface CredentialSources {
  readonly auth?: readonly string[] | undefined;
  readonly identities: readonly string[];
  readonly passwordFile?: string | undefined;
  readonly passwordDescriptor?: number | undefined;
  readonly secretsFile?: string | undefined;
  /** Whom the prompt is for: the job's account. */
  readonly user: string;
}

export interface Identity {
  /** File name, for messages. */
  readonly label: string;
  /** The file's text as it is. */
  readonly privateKey: Secret;
  readonly passphrase?: Secret;
}

export interface Credentials {
  readonly methods: readonly string[];
  readonly password?: Secret;
  readonly identities: readonly Identity[];
}

/** Built-in methods by what they need; a method of a plug-in may use whatever is given. */
const passwordMethods = ['password', 'keyboard-interactive'];
const keyMethods = ['publickey'];

export async function gatherCredentials(
  sources: CredentialSources,
  prompter: Prompter,
): Promise<Result<Credentials>> {
  const secrets: Result<Secrets> =
    sources.secretsFile === undefined
      ? success({ passphrases: new Map() })
      : await readSecretsFile(sources.secretsFile);
  if (!secrets.ok) return secrets;
  const offered = {
    password:
      sources.passwordFile !== undefined ||
      sources.passwordDescriptor !== undefined ||
      secrets.value.password !== undefined,
    identities: sources.identities.length > 0,
  };
  const chosen = chooseAuthMethods(sources.auth, offered);
  const methods = chosen ?? passwordMethods;
  const others = methods.some((method) => ![...passwordMethods, ...keyMethods].includes(method));
  const needsPassword = methods.some((method) => passwordMethods.includes(method));
  const needsKey = methods.some((method) => keyMethods.includes(method));

  let identities: readonly Identity[] = [];
  if (needsKey || others) {
    const read = await readIdentities(sources.identities, secrets.value, prompter);
    if (!read.ok) return read;
    identities = read.value;
  }
  let password: Secret | undefined;
  if (needsPassword || others) {
    const read = await findPassword(sources, secrets.value);
    if (!read.ok) return read;
    password = read.value;
    // A key is enough where both would do: nobody is asked for a password that may not be needed.
    if (password === undefined && needsPassword && identities.length === 0) {
      password = await prompter.ask(`Password of ${sources.user} on the hosts:`);
    }
  }
  const usable = methods.filter(
    (method) =>
      (passwordMethods.includes(method) && password !== undefined) ||
      (keyMethods.includes(method) && identities.length > 0) ||
      ![...passwordMethods, ...keyMethods].includes(method),
  );
  if (usable.length === 0) return chosen === undefined ? noCredentials() : nothingForMethods(methods);
  return success({ methods: usable, identities, ...(password !== undefined && { password }) });
}

function nothingForMethods(methods: readonly string[]): Result<never> {
  const wanted = methods.some((method) => passwordMethods.includes(method))
    ? '--password-file FILE'
    : '--identity FILE';
  return failed({
    code: 'credentials-needed',
    message: `the job may use ${methods.join(', ')} only, and nothing for that was offered: give ${wanted}, or change --auth`,
    exitCode: exitCodes.credentialsNeeded,
  });
}

async function findPassword(
  sources: CredentialSources,
  secrets: Secrets,
): Promise<Result<Secret | undefined>> {
  if (sources.passwordDescriptor !== undefined) return passwordFromDescriptor(sources.passwordDescriptor);
  if (sources.passwordFile !== undefined) return passwordFromFile(sources.passwordFile);
  return success(secrets.password);
}

const maxKeyBytes = 256 * 1024;

async function readIdentities(
  paths: readonly string[],
  secrets: Secrets,
  prompter: Prompter,
): Promise<Result<readonly Identity[]>> {
  const identities: Identity[] = [];
  for (const path of new Set(paths)) {
    const content = await readPrivateFile(path, 'identity', maxKeyBytes);
    if (!content.ok) return content;
    const privateKey = new Secret(Buffer.from(content.value.reveal()).toString('utf8'));
    content.value.wipe();
    const recognised = recogniseKeyFile(privateKey.reveal());
    if (recognised.kind === 'unusable') {
      return usageFailure('identity-unusable', `identity ${path} can't be used: ${recognised.advice}`);
    }
    const label = basename(path);
    if (!recognised.encrypted) {
      identities.push({ label, privateKey });
      continue;
    }
    const passphrase =
      secrets.passphrases.get(path) ??
      secrets.passphrases.get(label) ??
      secrets.passphrase ??
      (await prompter.ask(`Passphrase of ${path}:`));
    if (passphrase === undefined) {
      return failed({
        code: 'credentials-needed',
        message: `identity ${path} is protected by a passphrase, and nobody could be asked for it: give it in --secrets FILE (pvt_key_passphrase), or run it on a terminal`,
        exitCode: exitCodes.credentialsNeeded,
      });
    }
    identities.push({ label, privateKey, passphrase });
  }
  return success(identities);
}
