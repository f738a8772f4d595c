import type { Target } from './target.js';

/** Lists of known hosts don't change, and a namespace ranges over the same one for each of its wildcards. */
const namesOfList = new WeakMap<readonly Target[], readonly string[]>();

/** The names of the hosts as wildcards compare them: without regard to case. */
export function comparedNames(known: readonly Target[]): readonly string[] {
  let names = namesOfList.get(known);
  if (names === undefined) namesOfList.set(known, (names = known.map(({ host }) => host.toLowerCase())));
  return names;
}
