import { readFile } from 'node:fs/promises';
import type { ClientProfile, HomeLayout, Secret } from '@pogo/protocol';
import { readPrivateFile, secretText } from '../credentials/private-file.js';
import { exitCodes, failed, type Result, success } from '../failure.js';
import { errorCode, systemErrorText } from '../system-error.js';

/** Where the dispatcher is, what is pinned of it, and the token that it knows us by. */
export interface Access {
  readonly profile: ClientProfile;
  readonly token: Secret;
}

/** Reads what `pogo up` or `pogo-dispatcher init` left below the state directory. */
export async function readAccess({ client }: HomeLayout): Promise<Result<Access>> {
  let content: string;
  try {
    content = await readFile(client.profile, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') {
      return failed({
        code: 'no-dispatcher',
        message: `no dispatcher is known here: ${client.profile} does not exist. Start one on this machine with \`pogo up\`, or set POGO_HOME to the directory of one`,
        exitCode: exitCodes.error,
      });
    }
    return failed({
      code: 'unreadable-file',
      message: `profile ${client.profile}: ${systemErrorText(error)}`,
      exitCode: exitCodes.error,
    });
  }
  const profile = parseProfile(content);
  if (profile === undefined) {
    return failed({
      code: 'invalid-profile',
      message: `${client.profile} is not a profile of this version: let \`pogo-dispatcher init\` write it again, or copy it from the dispatcher's machine`,
      exitCode: exitCodes.error,
    });
  }
  const token = await readPrivateFile(client.token, 'token', 4096);
  return token.ok ? success({ profile, token: secretText(token.value) }) : token;
}

/**
 * The profile, checked by hand for the form that `clientProfileSchema` has: the schema library would take longer to load
 * than everything else that comes before the first request.
 */
function parseProfile(content: string): ClientProfile | undefined {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return undefined;
  }
  if (value === null || typeof value !== 'object') return undefined;
  const { version, url, linkRoot, sealingRoot } = value as Record<string, unknown>;
  if (version !== 1 || typeof url !== 'string' || !/^https:\/\/[^/]+$/.test(url) || !URL.canParse(url))
    return undefined;
  if (typeof linkRoot !== 'string' || typeof sealingRoot !== 'string') return undefined;
  return { version, url, linkRoot, sealingRoot };
}
