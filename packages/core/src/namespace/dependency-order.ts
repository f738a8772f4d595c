/** What a set of numbered things that need each other comes to. */
export interface DependencyOrder {
  /** Every number once, each after all that it needs, otherwise ascending; meaningless for those in a cycle. */
  readonly order: readonly number[];
  /**
   * Numbers of which each needs the next, and the last the first; begins with the least. Empty when there is none, and
   * not all of them when they are many.
   */
  readonly cycles: readonly (readonly number[])[];
}

/** Most cycles that are told of. */
const maxCycles = 100;

/** Orders numbers by what they need, in time linear in the needs; without recursion, so that a long chain is no danger. */
export function dependencyOrder(needs: readonly (readonly number[])[]): DependencyOrder {
  const order: number[] = [];
  const cycles: number[][] = [];
  const done = new Set<number>();
  /** The chain of needs that is being followed, in order of entry, with how many needs of each were looked at. */
  const chain = new Map<number, number>();
  for (let start = 0; start < needs.length; start++) {
    if (done.has(start)) continue;
    const stack = [start];
    chain.set(start, 0);
    while (stack.length > 0) {
      const current = stack.at(-1)!;
      const looked = chain.get(current)!;
      const next = needs[current]![looked];
      if (next === undefined) {
        stack.pop();
        chain.delete(current);
        done.add(current);
        order.push(current);
        continue;
      }
      chain.set(current, looked + 1);
      if (done.has(next)) continue;
      if (!chain.has(next)) {
        stack.push(next);
        chain.set(next, 0);
      } else if (cycles.length < maxCycles) cycles.push(fromLeast(stack.slice(stack.indexOf(next))));
    }
  }
  return { order, cycles };
}

function fromLeast(cycle: readonly number[]): number[] {
  const at = cycle.indexOf(cycle.reduce((least, number) => Math.min(least, number)));
  return [...cycle.slice(at), ...cycle.slice(0, at)];
}
