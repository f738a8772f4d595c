/** Ranges in the names of Ansible inventories: `web[01:10:2].example.com`, `db-[a:f]`. Pure. */

/** Most hosts that one name stands for, and one inventory has. */
export const maxInventoryHosts = 1_000_000;

export type ExpandedRange =
  { readonly ok: true; readonly names: readonly string[] } | { readonly ok: false; readonly message: string };

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** The names that a pattern stands for, the leftmost range varying slowest. Never throws. */
export function expandRange(pattern: string): ExpandedRange {
  const parts: (readonly string[])[] = [];
  let count = 1;
  for (const piece of pattern.split(/(\[[^[\]]*\])/)) {
    if (!piece.startsWith('[') || !piece.endsWith(']')) {
      if (/[[\]]/.test(piece))
        return { ok: false, message: `"${pattern}" has a bracket without its other one` };
      if (piece !== '') parts.push([piece]);
      continue;
    }
    const values = valuesOf(piece);
    if (typeof values === 'string') return { ok: false, message: `"${piece}" in "${pattern}": ${values}` };
    count *= values.length;
    if (count > maxInventoryHosts) return tooMany(pattern);
    parts.push(values);
  }
  let names = [''];
  for (const values of parts) names = names.flatMap((name) => values.map((value) => `${name}${value}`));
  return { ok: true, names };
}

function tooMany(pattern: string): ExpandedRange {
  return { ok: false, message: `"${pattern}" stands for more than ${maxInventoryHosts} hosts` };
}

/** The values of one range with its brackets, or what is wrong with it. */
function valuesOf(range: string): readonly string[] | string {
  const [first, last, step = '1', ...rest] = range.slice(1, -1).split(':');
  if (first === undefined || last === undefined || last === '' || rest.length > 0)
    return 'a range is written [first:last] or [first:last:step]';
  if (!/^[1-9]\d{0,8}$/.test(step)) return 'a step is a number of at least 1';
  const from = first === '' ? '0' : first;
  if (/^\d+$/.test(from) && /^\d+$/.test(last)) return numbersOf(from, last, Number(step));
  const [start, end] = [letters.indexOf(from), letters.indexOf(last)];
  if (from.length !== 1 || last.length !== 1 || start < 0 || end < 0)
    return 'a range goes from a number to a number, or from a letter to a letter';
  if (end < start) return 'a range counts upwards';
  return [...letters.slice(start, end + 1)].filter((_letter, index) => index % Number(step) === 0);
}

function numbersOf(first: string, last: string, step: number): readonly string[] | string {
  const isPadded = first.length > 1 && first.startsWith('0');
  if (isPadded && first.length !== last.length)
    return 'with leading zeros, first and last number have equally many digits';
  if (first.length > 15 || last.length > 15) return 'a number has at most 15 digits';
  const [from, to] = [Number(first), Number(last)];
  if (to < from) return 'a range counts upwards';
  const count = Math.floor((to - from) / step) + 1;
  if (count > maxInventoryHosts) return `more than ${maxInventoryHosts} hosts`;
  const width = isPadded ? first.length : 0;
  return Array.from({ length: count }, (_, index) => String(from + index * step).padStart(width, '0'));
}
