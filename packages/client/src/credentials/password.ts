import { read } from 'node:fs';
import { promisify } from 'node:util';
import { Secret } from '@pogo/protocol';
import { type Result, success, usageFailure } from '../failure.js';
import { systemErrorText } from '../system-error.js';
import { readAll, readPrivateFile, secretText } from './private-file.js';

const maxPasswordBytes = 64 * 1024;

/** Where one password comes from; the descriptor wins. */
export interface PasswordSource {
  /** What it is called: `password` or `sudo-password`. */
  readonly name: 'password' | 'sudo-password';
  readonly file?: string | undefined;
  readonly descriptor?: number | undefined;
}

/** From the source that is given; undefined when none is. */
export async function readPassword(source: PasswordSource): Promise<Result<Secret | undefined>> {
  if (source.descriptor !== undefined) {
    return passwordFromDescriptor(source.descriptor, `--${source.name}-fd ${source.descriptor}`);
  }
  if (source.file === undefined) return success(undefined);
  return passwordFromFile(source.file, `${source.name.replace('-', ' ')} file`);
}

/** One line break at the end is dropped. */
async function passwordFromFile(path: string, what: string): Promise<Result<Secret>> {
  const content = await readPrivateFile(path, what, maxPasswordBytes);
  return content.ok ? checkedPassword(secretText(content.value), `${what} ${path}`) : content;
}

/** Everything up to its end. */
async function passwordFromDescriptor(descriptor: number, what: string): Promise<Result<Secret>> {
  const readDescriptor = promisify(read);
  try {
    const content = await readAll(
      { read: (buffer, offset, length) => readDescriptor(descriptor, buffer, offset, length, null) },
      maxPasswordBytes,
    );
    if (content === undefined) {
      return usageFailure(
        'file-too-large',
        `${what}: more than ${maxPasswordBytes} bytes came, which is no password`,
      );
    }
    return checkedPassword(secretText(new Secret<Uint8Array>(content)), what);
  } catch (error) {
    return usageFailure('unreadable-file', `${what}: ${systemErrorText(error)}`);
  }
}

function checkedPassword(password: Secret, what: string): Result<Secret> {
  const value = password.reveal();
  if (value === '') return usageFailure('empty-password', `${what} is empty: write the password into it`);
  if (value.includes('\0'))
    return usageFailure('invalid-password', `${what} has a NUL byte: is it the right file?`);
  return success(password);
}
