import { readFileSync } from 'node:fs';

/**
 * Whether we are the terminal's foreground process group. One in the background that reads the terminal is stopped by the
 * system; where it can't be told (no /proc), we take it that we are.
 */
export function isForeground(): boolean {
  let stat: string;
  try {
    stat = readFileSync('/proc/self/stat', 'latin1');
  } catch {
    return true;
  }
  // After the name in parentheses: state, parent, process group, session, terminal, foreground process group.
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return group === foreground;
}
