/**
 * Names of what a test leaves in shared places (accounts, temporary directories), so that the next run can clear up
 * after one that was killed, and never touches what a living one uses.
 *
 * 1. A name says which process owns it: pid and start time, so a reused pid doesn't count as the owner.
 * 2. Only names of exactly this form, whose owner is gone, are ever treated as leftovers.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';

const form = /^pogot-([0-9a-z]+)-([0-9a-z]+)-[0-9a-f]{6}$/;

/** When a process started, in clock ticks since boot (field 22 of /proc/PID/stat); undefined if there is none. */
export function startTicks(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return afterName[0] === 'Z' ? undefined : Number(afterName[19]);
}

/** The id of this process. */
export function ownPid(): number {
  return Number(readlinkSync('/proc/self'));
}

/** What all names begin with that this process gives. */
export function ownNames(): string {
  const pid = ownPid();
  return `pogot-${pid.toString(36)}-${(startTicks(pid) ?? 0).toString(36)}-`;
}

/** A new name, owned by this process: at most 29 characters of `[a-z0-9-]`, valid for an account and for a file. */
export function ownedName(): string {
  return `${ownNames()}${randomBytes(3).toString('hex')}`;
}

/** Whether `name` was given by `ownedName` in a process that no longer runs. */
export function isLeftover(name: string): boolean {
  const match = form.exec(name);
  if (match === null) return false;
  return startTicks(Number.parseInt(match[1]!, 36)) !== Number.parseInt(match[2]!, 36);
}
