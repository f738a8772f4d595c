/**
 * Hosts that are in the same groups form a class: most of a hundred thousand hosts share a few of them, so that what
 * follows from groups is worked out and kept once per class.
 */
export interface HostClasses {
  /** Class of each host, by member number. */
  readonly classOf: Uint32Array;
  readonly classes: readonly HostClass[];
}

export interface HostClass {
  /** Numbers of its groups, ascending. */
  readonly groups: readonly number[];
  /** Its first host. */
  readonly first: number;
  size: number;
}

/** @param members Member numbers of each group's hosts. */
export function classifyHosts(hostCount: number, members: readonly (readonly number[])[]): HostClasses {
  // A tree of classes on the way: each is another one, and one group more. Number 0 has no group.
  const parents = [0];
  const added = [-1];
  const children = new Map<number, number>();
  const current = new Uint32Array(hostCount);
  for (const [group, hosts] of members.entries()) {
    for (const host of hosts) {
      const parent = current[host]!;
      const key = parent * members.length + group;
      let child = children.get(key);
      if (child === undefined) {
        child = parents.length;
        children.set(key, child);
        parents.push(parent);
        added.push(group);
      }
      current[host] = child;
    }
  }
  const numbers = new Map<number, number>();
  const classes: HostClass[] = [];
  for (let host = 0; host < hostCount; host++) {
    const found = numbers.get(current[host]!);
    if (found !== undefined) {
      current[host] = found;
      classes[found]!.size += 1;
      continue;
    }
    const groups: number[] = [];
    for (let node = current[host]!; node !== 0; node = parents[node]!) groups.push(added[node]!);
    numbers.set(current[host]!, classes.length);
    current[host] = classes.length;
    classes.push({ groups: groups.reverse(), first: host, size: 1 });
  }
  return { classOf: current, classes };
}
