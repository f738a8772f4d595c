import { read } from 'node:fs';
import { promisify } from 'node:util';
import { Secret } from '@pogo/protocol';
import { type Result, success, usageFailure } from '../failure.js';
import { systemErrorText } from '../system-error.js';
import { readAll, readPrivateFile, secretText } from './private-file.js';

const maxPasswordBytes = 64 * 1024;

/** From `--password-file`: one line break at the end is dropped. */
export async function passwordFromFile(path: string): Promise<Result<Secret>> {
  const content = await readPrivateFile(path, 'password file', maxPasswordBytes);
  return content.ok ? checkedPassword(secretText(content.value), `password file ${path}`) : content;
}

/** From `--password-fd`: everything up to its end. */
export async function passwordFromDescriptor(descriptor: number): Promise<Result<Secret>> {
  const what = `--password-fd ${descriptor}`;
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
