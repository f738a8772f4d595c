/**
 * A set of hosts of one job, as indexes into the job's expanded target list: single indexes and inclusive ranges,
 * ascending, disjoint. Ten thousand hosts that move together cost a few bytes in the log (L6).
 */
export type HostSet = readonly (number | readonly [from: number, to: number])[];

/** Folds ascending or unordered indexes into a {@link HostSet}; duplicates vanish. */
export function toHostSet(indexes: Iterable<number>): HostSet {
  const given = Array.isArray(indexes) ? (indexes as readonly number[]) : [...indexes];
  const sorted = isAscending(given) ? given : Int32Array.from(given).sort();
  const set: (number | [number, number])[] = [];
  for (let start = 0; start < sorted.length;) {
    let end = start;
    while (end + 1 < sorted.length && sorted[end + 1]! - sorted[end]! <= 1) end++;
    const [first, last] = [sorted[start]!, sorted[end]!];
    set.push(first === last ? first : [first, last]);
    start = end + 1;
  }
  return set;
}

function isAscending(indexes: readonly number[]): boolean {
  for (let at = 1; at < indexes.length; at++) if (indexes[at]! <= indexes[at - 1]!) return false;
  return true;
}

/** The indexes of a {@link HostSet}, ascending. */
export function* hostIndexes(set: HostSet): Generator<number> {
  for (const item of set) {
    if (typeof item === 'number') yield item;
    else for (let index = item[0]; index <= item[1]; index++) yield index;
  }
}

/** How many hosts the set holds. */
export function hostCount(set: HostSet): number {
  let count = 0;
  for (const item of set) count += typeof item === 'number' ? 1 : item[1] - item[0] + 1;
  return count;
}

/** The hosts that are in any of the sets. */
export function unionOf(sets: readonly HostSet[]): HostSet {
  const items = sets.flat().sort((one, other) => firstOf(one) - firstOf(other));
  const union: (number | readonly [number, number])[] = [];
  for (const item of items) {
    const last = union.at(-1);
    if (last === undefined || firstOf(item) > lastOf(last) + 1) union.push(item);
    else if (lastOf(item) > lastOf(last)) union[union.length - 1] = [firstOf(last), lastOf(item)];
  }
  return union;
}

function firstOf(item: HostSet[number]): number {
  return typeof item === 'number' ? item : item[0];
}

function lastOf(item: HostSet[number]): number {
  return typeof item === 'number' ? item : item[1];
}
