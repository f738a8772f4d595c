import { readFile } from 'node:fs/promises';
import type { ClientProfile, HomeLayout, Secret } from '@pogo/protocol';
import { readPrivateFile, secretText } from '../credentials/private-file.js';
import { exitCodes, failed, type Result, success } from '../failure.js';
import { errorCode, systemErrorText } from '../system-error.js';
import { dispatcherUrls, isDispatcherUrl } from './dispatcher-urls.js';

/** Where the dispatchers are, what is pinned of them, and the token that it knows us by. */
export interface Access {
  readonly profile: ClientProfile;
  readonly token: Secret;
}

/**
 * Reads what `pogo up` or `pogo-dispatcher init` left below the state directory.
 *
 * @param dispatchers where the dispatchers are, instead of where the profile says; what is pinned stays
 */
export async function readAccess(
  { client }: HomeLayout,
  dispatchers: readonly string[] = [],
): Promise<Result<Access>> {
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
  if (!token.ok) return token;
  const [url = profile.url, ...others] = dispatchers.length > 0 ? dispatchers : dispatcherUrls(profile);
  return success({ profile: { ...profile, url, others }, token: secretText(token.value) });
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
  const { version, url, others = [], linkRoot, sealingRoot } = value as Record<string, unknown>;
  if (version !== 1 || !isUrl(url) || !Array.isArray(others) || !others.every(isUrl)) return undefined;
  if (typeof linkRoot !== 'string' || typeof sealingRoot !== 'string') return undefined;
  return { version, url, ...(others.length > 0 && { others }), linkRoot, sealingRoot };
}

function isUrl(value: unknown): value is string {
  return typeof value === 'string' && isDispatcherUrl(value);
}
