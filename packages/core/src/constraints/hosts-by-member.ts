/**
 * Finds the hosts of a job by their member numbers. A job has each member once when it is accepted; a later version of the
 * namespace may say that two of its hosts are one.
 */
export class HostsByMember {
  /** Whether each host is a member of its own, and each a higher one than the host before it. */
  readonly isAscending: boolean;
  readonly #members: Int32Array;
  /** Hosts by ascending member; made when it is first needed, where the hosts don't stand in that order anyway. */
  #sorted: Int32Array | undefined;

  /** @param members by host; less than 0 for one that the namespace doesn't know */
  constructor(members: Int32Array) {
    this.#members = members;
    this.isAscending = isAscending(members);
  }

  /** Calls `act` for each host of the job that is this member, in ascending order. */
  forEach(member: number, act: (host: number) => void): void {
    const members = this.#members;
    const sorted = this.isAscending ? undefined : (this.#sorted ??= sortedHosts(members));
    let [from, to] = [0, (sorted ?? members).length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (members[sorted === undefined ? middle : sorted[middle]!]! < member) from = middle + 1;
      else to = middle;
    }
    for (; from < (sorted ?? members).length; from++) {
      const host = sorted === undefined ? from : sorted[from]!;
      if (members[host] !== member) return;
      act(host);
    }
  }
}

function isAscending(members: Int32Array): boolean {
  let last = -1;
  for (const member of members) {
    if (member <= last) return false;
    last = member;
  }
  return true;
}

function sortedHosts(members: Int32Array): Int32Array {
  const hosts: number[] = [];
  members.forEach((member, host) => {
    if (member >= 0) hosts.push(host);
  });
  return Int32Array.from(hosts.sort((one, other) => members[one]! - members[other]! || one - other));
}
