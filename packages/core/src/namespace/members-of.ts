import type { Namespace } from './namespace.js';

/** Neither a namespace nor a list of hosts ever changes, and the same lists are asked for again and again. */
const known = new WeakMap<Namespace, WeakMap<readonly string[], Int32Array>>();

/**
 * The member numbers of these hosts, worked out once for each list; -1 for a host that the namespace doesn't know. Nobody may
 * change them, or the list.
 */
export function membersOf(namespace: Namespace, hosts: readonly string[]): Int32Array {
  let lists = known.get(namespace);
  if (lists === undefined) known.set(namespace, (lists = new WeakMap()));
  let members = lists.get(hosts);
  if (members === undefined) {
    members = Int32Array.from(hosts, (host) => namespace.memberOf(host) ?? -1);
    lists.set(hosts, members);
  }
  return members;
}
