/** Who counts in a slot, by job and by name. Looks at every host of the jobs concerned. */
import { type ClusterState, isDisturbed } from '../cluster-state.js';
import { foldForPeople } from '../targets/fold-for-people.js';

const maxNames = 300;

/** Names of members, so many in all: what names very many hosts only counts the others. */
export class MemberNames {
  readonly #state: ClusterState;
  #left = maxNames;

  constructor(state: ClusterState) {
    this.#state = state;
  }

  /** Folded, and how many more there are. */
  of(members: readonly number[]): { hosts: string; more: number } {
    const named = members.slice(0, this.#left);
    this.#left -= named.length;
    const { hosts } = this.#state.constraints.namespace!;
    return {
      hosts: foldForPeople(named.map((member) => hosts[member]!)),
      more: members.length - named.length,
    };
  }
}

export interface SlotHolder {
  job: number;
  /** Hosts with an attempt that may be under way. */
  running: number;
  /** Hosts that ended otherwise than well, or of which nobody knows how. */
  notWell: number;
  /** Both of them, folded. */
  hosts: string;
  /** Hosts that are counted only. */
  more: number;
}

/** Jobs whose hosts count in the slot. */
export function slotHolders(state: ClusterState, slot: number, names: MemberNames): SlotHolder[] {
  const namespace = state.constraints.namespace!;
  const holders: SlotHolder[] = [];
  for (const job of state.jobs.values()) {
    const { placement } = job;
    if (placement === undefined || (job.disturbed === 0 && job.held.size === 0)) continue;
    const members: number[] = [];
    let running = 0;
    job.hosts.forEach((host, index) => {
      const member = placement.members[index]!;
      if (member < 0 || !namespace.slotsOf(member).includes(slot)) return;
      const isLive = isDisturbed(host);
      if (!isLive && !job.held.has(index)) return;
      if (isLive && host.state !== 'unknown') running++;
      members.push(member);
    });
    if (members.length === 0) continue;
    holders.push({ job: job.job, running, notWell: members.length - running, ...names.of(members) });
  }
  return holders;
}
