/** What an account has left on this machine, which is all the "hosts" of a test: processes and files. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Account, processTable } from '@pogo/testkit';

/** Where the stub may write, besides the home. */
const sharedPlaces = ['/tmp', '/var/tmp', '/dev/shm', '/run/lock'];

/**
 * Sorted lines: each process of the account (sshd's own left out), each file in its home with its size, each file of
 * its own in the places that everybody may write to.
 */
export function footprintOf(account: Account, homes: readonly string[] = [account.home]): string[] {
  const processes = processTable()
    .filter(({ uid, argv }) => uid === account.uid && !/^(\S*\/)?sshd\b/.test(argv[0] ?? ''))
    .map(({ argv }) => `process ${argv.join(' ')}`);
  const files = homes.flatMap((home) => filesBelow(home, () => true));
  const shared = sharedPlaces.flatMap((place) => filesBelow(place, (uid) => uid === account.uid));
  return [...processes, ...files, ...shared].sort();
}

function filesBelow(directory: string, counts: (uid: number) => boolean): string[] {
  const found: string[] = [];
  for (const name of namesIn(directory)) {
    const path = join(directory, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    if (counts(stat.uid)) found.push(`file ${path} ${stat.isDirectory() ? 'directory' : stat.size}`);
    // A directory of somebody else's is looked into only as far as homes go.
    if (stat.isDirectory() && counts(stat.uid)) found.push(...filesBelow(path, counts));
  }
  return found;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
