/** Which process it is: a pid alone may be another's by the time that it is looked at. Linux only. */
import { readFileSync, readlinkSync } from 'node:fs';

export interface ProcessIdentity {
  pid: number;
  /** Boot id, and ticks since that boot at which the process was started. */
  startTime: string;
}

/** This process itself. */
export function ownIdentity(): ProcessIdentity {
  const pid = Number(readlinkSync('/proc/self'));
  return { pid, startTime: startTimeOf(pid) ?? '' };
}

/** Undefined when there is no such process any more; one that has ended but wasn't waited for counts as gone. */
export function startTimeOf(pid: number): string | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The name is in parentheses and may hold anything; fields are counted behind it: state, then 18 others (proc(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const ticks = fields[19];
  if (state === 'Z' || state === 'X' || ticks === undefined) return undefined;
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return `${bootId}/${ticks}`;
}

/** Whether it is still there, and the same. */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return startTimeOf(pid) === startTime;
}
