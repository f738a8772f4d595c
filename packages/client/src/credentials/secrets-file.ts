/**
 * `--secrets FILE`: YAML of mode 0600 with passwords, the passphrases of keys, and what methods from outside need by
 * name; Pogo's own names work too.
 */
import { Secret } from '@pogo/protocol';
import { similarTo } from '../command-line/similar.js';
import { failed, type Result, success, usageFailure } from '../failure.js';
import { readPrivateFile, secretText } from './private-file.js';

export interface Secrets {
  readonly password?: Secret;
  readonly sudoPassword?: Secret;
  /** For every key that has no passphrase of its own below. */
  readonly passphrase?: Secret;
  /** By the key's path as it is given elsewhere, or its file name. */
  readonly passphrases: ReadonlyMap<string, Secret>;
  /** For methods of plug-ins, by the names that these ask for. */
  readonly named: ReadonlyMap<string, Secret>;
}

/** Of a file that isn't there. */
export const noSecrets: Secrets = { passphrases: new Map(), named: new Map() };

const keys: Readonly<Record<string, 'password' | 'sudoPassword' | 'passphrase' | 'passphrases' | 'named'>> = {
  password: 'password',
  unix_password: 'password',
  sudo_password: 'sudoPassword',
  passphrase: 'passphrase',
  pvt_key_passphrase: 'passphrase',
  passphrases: 'passphrases',
  secrets: 'named',
};
const maxNameLength = 128;

export async function readSecretsFile(path: string): Promise<Result<Secrets>> {
  const content = await readPrivateFile(path, 'secrets file', 1024 * 1024);
  if (!content.ok) return content;
  const { parse } = await import('./parse-yaml.js');
  let document: unknown;
  try {
    document = parse(secretText(content.value).reveal(), { prettyErrors: false, logLevel: 'error' });
  } catch {
    // The parser's message may quote the file.
    return invalid(path, 'it is not valid YAML');
  }
  if (document === null || typeof document !== 'object' || Array.isArray(document)) {
    return invalid(path, 'expected keys such as "password" and "passphrases"');
  }
  const secrets: { password?: Secret; sudoPassword?: Secret; passphrase?: Secret } = {};
  const maps = { passphrases: new Map<string, Secret>(), named: new Map<string, Secret>() };
  for (const [name, value] of Object.entries(document)) {
    const meaning = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (meaning === undefined) {
      const similar = similarTo(name, Object.keys(keys));
      const advice =
        similar === undefined ? `known are ${Object.keys(keys).join(', ')}` : `did you mean ${similar}?`;
      return failed({
        ...invalid(path, `unknown key ${JSON.stringify(name.slice(0, 40))}: ${advice}`).failure,
        code: 'unknown-setting',
      });
    }
    if (meaning === 'passphrases' || meaning === 'named') {
      const what = meaning === 'passphrases' ? 'FILE: PASSPHRASE' : 'NAME: SECRET';
      if (value === null || typeof value !== 'object' || Array.isArray(value))
        return invalid(path, `${name}: expected ${what}`);
      for (const [key, secret] of Object.entries(value)) {
        if (typeof secret !== 'string')
          return invalid(path, `${name}: one of its values is no text: put it in quotes`);
        if (key === '' || key.length > maxNameLength)
          return invalid(path, `${name}: a name has from 1 to ${maxNameLength} characters`);
        maps[meaning].set(key, new Secret(secret));
      }
    } else {
      if (typeof value !== 'string' || value === '')
        return invalid(path, `${name}: expected a text: put it in quotes`);
      secrets[meaning] = new Secret(value);
    }
  }
  return success({ ...secrets, ...maps });
}

function invalid(path: string, problem: string) {
  return usageFailure('invalid-secrets', `secrets file ${path}: ${problem}`);
}
