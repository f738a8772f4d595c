import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

/** One row of the process table, as /proc shows it. */
export interface ProcessEntry {
  pid: number;
  parentPid: number;
  /** Real user id. */
  uid: number;
  /** The command line; empty for a kernel thread. */
  argv: string[];
  /** Identity of the network namespace; undefined where this user may not see it. */
  networkNamespace: string | undefined;
}

function readEntry(pid: number): ProcessEntry | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    // A zombie runs nothing any more; its parent has yet to collect it.
    if (/^State:\s+Z/m.test(status)) return undefined;
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return {
      pid,
      parentPid: Number(/^PPid:\s+(\d+)/m.exec(status)![1]),
      uid: Number(/^Uid:\s+(\d+)/m.exec(status)![1]),
      argv: commandLine === '' ? [] : commandLine.replace(/\0$/, '').split('\0'),
      networkNamespace: networkNamespaceOf(pid),
    };
  } catch {
    return undefined;
  }
}

/** Identity of the network namespace of a process, like `net:[4026531840]`. */
export function networkNamespaceOf(pid: number | 'self'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** All processes that run now, zombies left out. */
export function processTable(): ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const entry = readEntry(Number(name));
    if (entry) entries.push(entry);
  }
  return entries;
}

/** Children, grandchildren and so on of `pid`, without itself. Those that were orphaned are not seen. */
export function descendantsOf(pid: number, table: readonly ProcessEntry[] = processTable()): ProcessEntry[] {
  const found: ProcessEntry[] = [];
  const parents = [pid];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const entry of table) {
      if (entry.parentPid !== parent) continue;
      found.push(entry);
      parents.push(entry.pid);
    }
  }
  return found;
}

/**
 * Sends a signal, named without `SIG`, to each of `pids`; a negative one is a process group. Those that have ended are
 * passed over: look at the table for who is left.
 */
export function signalProcesses(signal: string, pids: readonly number[]): void {
  if (pids.length === 0) return;
  // The shell's own: a minimal Debian has no /bin/kill.
  spawnSync(
    '/bin/sh',
    ['-c', 'signal=$1; shift; kill -s "$signal" "$@"', 'kill', signal, ...pids.map(String)],
    {
      stdio: 'ignore',
    },
  );
}

/**
 * Kills what `find` finds, again and again until it finds nothing, since what is killed may have forked meanwhile.
 * Returns what it found first. Throws if something can't be killed.
 */
export function endProcesses(find: () => ProcessEntry[]): ProcessEntry[] {
  const first = find();
  let rest = first;
  for (let rounds = 0; rest.length > 0; rounds++) {
    if (rounds === 1000) {
      throw new Error(
        `these don't end: ${rest.map((entry) => `${entry.pid} ${entry.argv.join(' ')}`).join('; ')}`,
      );
    }
    signalProcesses(
      'KILL',
      rest.map((entry) => entry.pid),
    );
    rest = find();
  }
  return first;
}

/**
 * Processes that were started with `name` in their environment, set to `value` or to something that begins with
 * `value` and a slash. None where there is no /proc.
 */
export function markedProcesses(name: string, value: string): ProcessEntry[] {
  if (!existsSync('/proc/self/environ')) return [];
  return processTable().filter(({ pid }) =>
    environmentOf(pid).some((entry) => entry === `${name}=${value}` || entry.startsWith(`${name}=${value}/`)),
  );
}

/** `NAME=value` as the process was started with them; empty for one that this user may not look at. */
export function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
  } catch {
    return [];
  }
}
