/**
 * One worker at a time has a journal directory open. Each writes a claim whose name is its own identity and looks at the
 * others afterwards, so that of two one sees the other, and nobody ever removes a live claim. Two that come in the same instant may
 * both go away again. Processes of other pid namespaces aren't seen: a journal isn't shared between containers.
 */
import { open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, ownIdentity, type ProcessIdentity } from '../../process-identity.js';

const pattern = /^lock-(\d+)-([0-9a-f-]+)-(\d+)$/;

export type LockOutcome =
  { kind: 'held'; release(): Promise<void> } | { kind: 'locked'; holder: ProcessIdentity };

/** @throws what the file system throws. */
export async function takeJournalLock(directory: string): Promise<LockOutcome> {
  const own = ownIdentity();
  const path = join(directory, `lock-${own.pid}-${own.startTime.replace('/', '-')}`);
  const release = () => unlink(path);
  try {
    await (await open(path, 'wx', 0o600)).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return { kind: 'locked', holder: own };
  }
  for (const name of await readdir(directory)) {
    const match = pattern.exec(name);
    if (match === null || join(directory, name) === path) continue;
    const holder = { pid: Number(match[1]), startTime: `${match[2]}/${match[3]}` };
    if (isAlive(holder)) {
      await release();
      return { kind: 'locked', holder };
    }
    // Two that come at once may both remove it.
    await unlink(join(directory, name)).catch(() => undefined);
  }
  return { kind: 'held', release };
}
