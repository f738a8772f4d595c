/**
 * Real system accounts for real logins: own name, home in a temporary directory, gone again after the test.
 *
 * 1. Only accounts whose name `owner.ts` gave are ever removed, and those of a killed run at the next `createAccount`.
 * 2. The password goes to `chpasswd` on stdin; it is in no argument and no environment.
 */
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLeftover, ownedName } from './owner.js';
import { endProcesses, processTable } from './process-table.js';
import { requireRoot } from './root.js';
import { mustRun, runCommand } from './run-command.js';
import { createTemporaryDirectory } from './temporary-directory.js';

export interface AccountOptions {
  /** Login shell; `/bin/sh` by default. `/bin/false` gives an account that can log in and do nothing. */
  shell?: string;
  /** Without one, no password is valid for the account. */
  password?: string;
  /** Lines for `~/.ssh/authorized_keys`. */
  authorizedKeys?: readonly string[];
}

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** Replaces `~/.ssh/authorized_keys`. */
  authorize(keys: readonly string[]): void;
  /** Ends the account's processes and removes it with its home. Returns the command lines of what still ran. */
  remove(): Promise<string[]>;
}

interface PasswordEntry {
  name: string;
  uid: number;
  gid: number;
}

function passwordEntries(): PasswordEntry[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name, , uid, gid] = line.split(':');
      return { name: name!, uid: Number(uid), gid: Number(gid) };
    });
}

/** The account tools lock their files but give up soon: test files that run side by side wait for each other here. */
function withAccountLock(file: string, args: readonly string[]): [string, string[]] {
  return ['flock', ['/run/lock/pogot-accounts', file, ...args]];
}

async function removeAccount(entry: PasswordEntry): Promise<string[]> {
  const left = endProcesses(() => processTable().filter((candidate) => candidate.uid === entry.uid));
  await mustRun(...withAccountLock('userdel', [entry.name]));
  return left.map((candidate) => candidate.argv.join(' '));
}

/** Removes accounts whose owner was killed before it could. Their homes go with the temporary directories. */
async function removeLeftovers(): Promise<void> {
  for (const entry of passwordEntries()) {
    // Another test file may be removing the same one.
    if (isLeftover(entry.name)) await removeAccount(entry).catch(() => undefined);
  }
}

/** Makes a system account. Needs root. */
export async function createAccount(options: AccountOptions = {}): Promise<Account> {
  requireRoot('a system account');
  const { shell = '/bin/sh', password, authorizedKeys } = options;
  await removeLeftovers();
  mkdirSync('/run/lock', { recursive: true });
  // Others may pass through to the homes, as through /home.
  const directory = createTemporaryDirectory({ mode: 0o755 });
  const name = ownedName();
  const home = directory.file('home');
  // '*' is "no password fits"; sshd takes the '!' that useradd would leave for a locked account.
  const create = ['--no-create-home', '--user-group', '-d', home, '-s', shell, '-p', '*', name];
  await mustRun(...withAccountLock('useradd', create));
  const entry = passwordEntries().find((candidate) => candidate.name === name)!;
  mkdirSync(home, { mode: 0o700 });
  chownSync(home, entry.uid, entry.gid);

  if (password !== undefined) {
    // The fewest rounds that SHA-256 has: two hundred logins shall not measure the hash.
    const [file, args] = withAccountLock('chpasswd', ['-c', 'SHA256', '-s', '1000']);
    const set = await runCommand(file, args, { stdin: `${name}:${password}\n` });
    if (set.exitCode !== 0) throw new Error(`chpasswd failed for ${name}: ${set.stderr}`);
  }
  const authorize = (keys: readonly string[]) => {
    const folder = join(home, '.ssh');
    const file = join(folder, 'authorized_keys');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(file, keys.map((key) => `${key.trim()}\n`).join(''), { mode: 0o600 });
    chownSync(folder, entry.uid, entry.gid);
    chownSync(file, entry.uid, entry.gid);
  };
  if (authorizedKeys) authorize(authorizedKeys);

  let removing: Promise<string[]> | undefined;
  const remove = async () => {
    const left = await removeAccount(entry);
    directory.remove();
    return left;
  };
  return {
    name,
    uid: entry.uid,
    gid: entry.gid,
    home,
    authorize,
    remove: () => (removing ??= remove()),
  };
}
