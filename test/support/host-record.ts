/** What commands wrote down on the hosts themselves: when each began and ended, in one file that all hosts share. */
import { expect } from 'vitest';

/** Shell text that notes in a file of the account that the command begins here, does the rest, and notes that it ends. */
export const noting = (file: string, rest: string) =>
  `note() { echo "$POGO_HOST $1" >> "$HOME/${file}"; }; note begin; ${rest}; note end`;

/** Most hosts that were in the middle of a command at once. Fails when two commands were on one host at once. */
export function peakOf(lines: readonly string[]): number {
  const busy = new Set<string>();
  let peak = 0;
  for (const line of lines) {
    const [host, what] = line.split(' ') as [string, string];
    expect(busy.has(host), `${line}, in ${lines.join(', ')}`).toBe(what === 'end');
    if (what === 'begin') busy.add(host);
    else busy.delete(host);
    peak = Math.max(peak, busy.size);
  }
  expect([...busy]).toEqual([]);
  return peak;
}

/** Hosts of which a command began, in order. */
export function begun(lines: readonly string[]): string[] {
  return lines.flatMap((line) => (line.endsWith(' begin') ? [line.slice(0, -' begin'.length)] : []));
}
