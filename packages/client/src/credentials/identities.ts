/** Private key files of the user, with the passphrases that they need. */
import { basename } from 'node:path';
import { Secret } from '@pogo/protocol';
import { exitCodes, failed, type Result, success, usageFailure } from '../failure.js';
import { recogniseKeyFile } from './key-file.js';
import { readPrivateFile } from './private-file.js';
import type { Prompter } from './prompt.js';
import type { Secrets } from './secrets-file.js';

export interface Identity {
  /** File name, for messages. */
  readonly label: string;
  /** The file's text as it is. */
  readonly privateKey: Secret;
  readonly passphrase?: Secret;
}

const maxKeyBytes = 256 * 1024;

/** Reads each file once; a passphrase that the secrets don't have is asked for. */
export async function readIdentities(
  paths: readonly string[],
  secrets: Secrets,
  prompter: Pick<Prompter, 'ask'>,
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
      (await askPassphrase(path, prompter));
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

async function askPassphrase(path: string, prompter: Pick<Prompter, 'ask'>): Promise<Secret | undefined> {
  const answer = await prompter.ask(`Passphrase of ${path}:`);
  return answer.kind === 'answered' ? answer.value : undefined;
}
