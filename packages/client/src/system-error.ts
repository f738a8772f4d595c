const sentences: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file: check the path',
  ENOTDIR: 'a part of the path is not a directory: check the path',
  EACCES: 'permission denied: check its owner and mode',
  EISDIR: 'it is a directory: name a file',
  ENOSPC: 'no space left on the device',
  EBADF: 'there is no such open descriptor',
  EROFS: 'the file system is read-only',
};

/** `ENOENT` and the like; empty for anything else. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** An error of the operating system as a sentence; anything else is a bug, and thrown on. */
export function systemErrorText(error: unknown): string {
  const code = errorCode(error);
  if (code === '') throw error;
  return sentences[code] ?? `the system says ${code}`;
}
