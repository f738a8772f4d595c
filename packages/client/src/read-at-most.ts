import { createReadStream } from 'node:fs';
import type { Environment } from './environment.js';
import { type Result, success, usageFailure } from './failure.js';
import { systemErrorText } from './system-error.js';

/**
 * The first bytes of a file, or of standard input for `-`; a file that never ends is no danger.
 *
 * @param what what messages call it: `namespace file`
 */
export async function readAtMost(
  environment: Environment,
  path: string,
  limits: { readonly what: string; readonly maxBytes: number },
): Promise<Result<Uint8Array>> {
  const { what, maxBytes } = limits;
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of path === '-'
      ? environment.stdin
      : createReadStream(path, { end: maxBytes - 1 })) {
      const bytes = Buffer.from(chunk as Uint8Array);
      chunks.push(bytes);
      length += bytes.length;
      if (length >= maxBytes) break;
    }
  } catch (error) {
    return usageFailure('unreadable-file', `${what} ${path}: ${systemErrorText(error)}`);
  }
  return success(Buffer.concat(chunks));
}
