/** Files that hold secrets: 0600, in directories of 0700; wider ones are refused (security.md, "Identity of the parts"). */
import { chmod, link, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { Secret } from '@pogo/protocol';

/** Why a file can't be used; the message names it, the cause and the next step. */
export class FileRefused extends Error {
  readonly code: 'file-missing' | 'file-too-open' | 'file-unreadable' | 'file-exists';

  constructor(code: FileRefused['code'], message: string) {
    super(message);
    this.name = 'FileRefused';
    this.code = code;
  }
}

/** Whether anything stands at that path. */
export async function fileExists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}

/** Makes the directory, and what is missing above it, with mode 0700. One that is there keeps its mode. */
export async function makePrivateDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  // The process's umask can only narrow; it must not leave us locked out.
  if (first !== undefined) await chmod(path, 0o700);
}

/**
 * Writes a file that isn't there yet, whole or not at all. `temporaryName` must be unique in its directory.
 * @throws FileRefused `file-exists` when another process was faster.
 */
export async function writeNewFile(
  path: string,
  content: string,
  options: { mode: number; temporaryName: string },
): Promise<void> {
  const temporary = await writeTemporary(path, content, options);
  try {
    await link(temporary, path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    throw new FileRefused(
      'file-exists',
      `${path} was made by another process at this moment: let it finish, then try again`,
    );
  } finally {
    await unlink(temporary);
  }
}

/** Replaces a file, or makes it: readers see the old content or the new, never a part. */
export async function replaceFile(
  path: string,
  content: string,
  options: { mode: number; temporaryName: string },
): Promise<void> {
  await rename(await writeTemporary(path, content, options), path);
}

async function writeTemporary(
  path: string,
  content: string,
  { mode, temporaryName }: { mode: number; temporaryName: string },
): Promise<string> {
  const temporary = `${path}.${temporaryName}`;
  const file = await open(temporary, 'wx', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  return temporary;
}

/** Reads a file that only its owner may read. @throws FileRefused */
export async function readPrivateFile(path: string): Promise<Secret> {
  const file = await openToRead(path);
  try {
    const mode = (await file.stat()).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      throw new FileRefused(
        'file-too-open',
        `${path} has mode ${octal(mode)} and may be read by others: run chmod 600 ${path}, and replace what is in it if others could have read it`,
      );
    }
    return new Secret(await file.readFile('utf8'));
  } finally {
    await file.close();
  }
}

/** Reads a file that isn't secret. @throws FileRefused */
export async function readPublicFile(path: string): Promise<string> {
  const file = await openToRead(path);
  try {
    return await readFile(file, 'utf8');
  } finally {
    await file.close();
  }
}

async function openToRead(path: string) {
  try {
    return await open(path, 'r');
  } catch (error) {
    const missing = errorCode(error) === 'ENOENT';
    throw new FileRefused(
      missing ? 'file-missing' : 'file-unreadable',
      missing
        ? `${path} is missing: check the path, or make the instance with pogo-dispatcher init --home DIR`
        : `${path} can't be read (${errorCode(error)}): check its owner and mode`,
    );
  }
}

function octal(mode: number): string {
  return `0${mode.toString(8).padStart(3, '0')}`;
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
