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
    lists.set(hosts, (members = findMembers(namespace, hosts)));
  }
  return members;
}

/** Hosts mostly come in the namespace's own order, and under its names: then each is the member after the last one. */
function findMembers(namespace: Namespace, hosts: readonly string[]): Int32Array {
  const members = new Int32Array(hosts.length);
  let next = 0;
  for (let at = 0; at < hosts.length; at++) {
    const host = hosts[at]!;
    const member = namespace.hosts[next] === host ? next : (namespace.memberOf(host) ?? -1);
    members[at] = member;
    next = member + 1;
  }
  return members;
}
