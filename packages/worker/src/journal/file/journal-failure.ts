/**
 * - `journal-locked`: another worker has it open.
 * - `journal-damaged`: what it holds can't be what was written.
 * - `journal-format-newer`: a newer version of Pogo has written it.
 * - `journal-full`: the disk has no room.
 * - `journal-unavailable`: it can't be made, read or written.
 */
export type JournalFailureCode =
  'journal-locked' | 'journal-damaged' | 'journal-format-newer' | 'journal-full' | 'journal-unavailable';

/** What is wrong with a journal, for a person: names the file, the cause and the next step. */
export interface JournalFailure {
  code: JournalFailureCode;
  message: string;
}

/** What is to be done about a journal that can't be read. */
const newIdentity =
  'restore it from a backup, or move the whole directory away: the worker then begins a new journal under a new identity, and what it held ends as unknown';

export function damaged(path: string, what: string): JournalFailure {
  return {
    code: 'journal-damaged',
    message: `${path} ${what}: this worker can't tell any more which commands it began. Look at the disk first; then ${newIdentity}.`,
  };
}

export function formatNewer(path: string): JournalFailure {
  return {
    code: 'journal-format-newer',
    message: `${path} was written by a newer version of Pogo: install that version, or ${newIdentity}.`,
  };
}

/** What the file system said. */
export function systemFailure(path: string, error: unknown): JournalFailure {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return {
      code: 'journal-full',
      message: `${path}: there is no room for the journal (${message}): free some space there. Until then nothing begins; nothing acknowledged is lost.`,
    };
  }
  return {
    code: 'journal-unavailable',
    message: `${path}: ${message}: the worker needs a directory of its own that it can write; check its owner, its mode and the mount.`,
  };
}
