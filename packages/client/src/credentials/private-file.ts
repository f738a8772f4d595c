import { open } from 'node:fs/promises';
import { Secret } from '@pogo/protocol';
import { type Result, success, usageFailure } from '../failure.js';
import { systemErrorText } from '../system-error.js';

/** Reads a file that holds a secret; one that others may read is refused, since its secret is none. */
export async function readPrivateFile(
  path: string,
  what: string,
  maxBytes: number,
): Promise<Result<Secret<Uint8Array>>> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    return usageFailure('unreadable-file', `${what} ${path}: ${systemErrorText(error)}`);
  }
  try {
    const { mode, size } = await file.stat();
    if ((mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      return usageFailure(
        'credential-file-readable',
        `${what} ${path} has mode ${shown}, so that others may read it: chmod 600 ${path}, and change the secret if others could have seen it`,
      );
    }
    if (size > maxBytes) return tooLarge(what, path, maxBytes);
    const content = await readAll(file, maxBytes);
    return content === undefined ? tooLarge(what, path, maxBytes) : success(new Secret<Uint8Array>(content));
  } catch (error) {
    return usageFailure('unreadable-file', `${what} ${path}: ${systemErrorText(error)}`);
  } finally {
    await file.close();
  }
}

interface Readable {
  read(buffer: Uint8Array, offset: number, length: number, position: null): Promise<{ bytesRead: number }>;
}

/** Everything up to the end, from pipes too; undefined when it is more than that. */
export async function readAll(file: Readable, maxBytes: number): Promise<Uint8Array | undefined> {
  const buffer = Buffer.alloc(maxBytes + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
    if (bytesRead === 0) {
      const content = Uint8Array.from(buffer.subarray(0, length));
      buffer.fill(0);
      return content;
    }
    length += bytesRead;
  }
  buffer.fill(0);
  return undefined;
}

function tooLarge(what: string, path: string, maxBytes: number): Result<never> {
  return usageFailure(
    'file-too-large',
    `${what} ${path} has more than ${maxBytes} bytes: is it the right file?`,
  );
}

/** The text of a secret in a file: UTF-8, without the one line break at its end. The buffer is wiped. */
export function secretText(content: Secret<Uint8Array>): Secret {
  const text = Buffer.from(content.reveal())
    .toString('utf8')
    .replace(/\r?\n$/, '');
  content.wipe();
  return new Secret(text);
}
