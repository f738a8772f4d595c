/**
 * Groups of hosts as an inventory of another tool has them, and what of it is taken.
 *
 * 1. A group has its own hosts first, then those of the groups that it is made of, each once.
 * 2. Taken are names of hosts and groups; account, port and every other variable belong to the job, or to the other tool.
 */
import { hostKey, isHost } from '@pogo/core';
import type { TextPlace } from '@pogo/protocol';
import { maxInventoryHosts } from './host-range.js';

/** Something wrong in an inventory; without a place in what a program has printed. */
export interface InventoryProblem {
  readonly place: TextPlace | undefined;
  readonly code: string;
  readonly message: string;
}

export type ResolvedInventory =
  | {
      readonly ok: true;
      readonly groups: ReadonlyMap<string, readonly string[]>;
      readonly notes: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly InventoryProblem[] };

interface Group {
  readonly hosts: Map<string, string>;
  readonly children: Map<string, TextPlace | undefined>;
  isDefined: boolean;
}

/** Most members of all groups together, those that they have from others included. */
const maxMembers = 4_000_000;
const maxProblems = 20;
const everyHost = 'all';
const withoutGroup = 'ungrouped';

export class Inventory {
  readonly problems: InventoryProblem[] = [];
  readonly #groups = new Map<string, Group>();
  readonly #hosts = new Map<string, string>();
  readonly #addresses = new Map<string, string>();
  readonly #accounts = new Set<string>();
  readonly #ports = new Set<string>();
  #variables = 0;

  constructor() {
    this.define(everyHost);
    this.define(withoutGroup);
  }

  add(place: TextPlace | undefined, code: string, message: string): void {
    if (this.problems.length < maxProblems) this.problems.push({ place, code, message });
  }

  /** The group is there, also when it has no host. */
  define(name: string): void {
    this.#group(name).isDefined = true;
  }

  /** Whether it may be one; a problem otherwise. */
  addHost(group: string, host: string, place: TextPlace | undefined): boolean {
    if (!isHost(host)) {
      this.add(place, 'invalid-host', `"${shown(host)}" is neither the name of a host nor an address`);
      return false;
    }
    const key = hostKey(host);
    const known = this.#hosts.get(key) ?? host;
    if (known === host) this.#hosts.set(key, host);
    if (this.#hosts.size > maxInventoryHosts) {
      if (this.#hosts.size === maxInventoryHosts + 1)
        this.add(place, 'too-many-hosts', `more than ${maxInventoryHosts} hosts up to here`);
      return false;
    }
    this.#group(group).hosts.set(key, known);
    return true;
  }

  addChild(group: string, child: string, place: TextPlace | undefined): void {
    const { children } = this.#group(group);
    if (!children.has(child)) children.set(child, place);
  }

  /** Notes a variable of a host; what it is worth is said by {@link resolve}. */
  addVariable(host: string, name: string, value: unknown): void {
    const key = hostKey(host);
    if (!this.#hosts.has(key)) return;
    switch (name) {
      case 'ansible_host':
      case 'ansible_ssh_host':
        if (typeof value === 'string' && value !== host) this.#addresses.set(key, value);
        return;
      case 'ansible_user':
      case 'ansible_ssh_user':
        this.#accounts.add(key);
        return;
      case 'ansible_port':
      case 'ansible_ssh_port':
        this.#ports.add(key);
        return;
      default:
        this.#variables++;
    }
  }

  /** Variables of groups, so many. */
  addGroupVariables(count: number): void {
    this.#variables += count;
  }

  /**
   * The hosts of every group.
   *
   * @param options.names what hosts are called: their names in the inventory, or their `ansible_host` where they have one
   * @param options.implicit groups that others are made of needn't be there: they are empty
   */
  resolve(options: { names: 'inventory' | 'ansible_host'; implicit: boolean }): ResolvedInventory {
    if (!options.implicit) this.#checkChildren();
    const order = this.problems.length > 0 ? undefined : this.#childrenFirst();
    const members = order && this.#membersOf(order);
    if (members === undefined || this.problems.length > 0) return { ok: false, problems: this.problems };
    const renamed = options.names === 'ansible_host' ? this.#renamed() : this.#hosts;
    if (renamed === undefined) return { ok: false, problems: this.problems };
    const groups = new Map<string, readonly string[]>();
    for (const [name, keys] of members) {
      const hosts = new Map<string, string>();
      for (const key of keys) {
        const host = renamed.get(key)!;
        if (!hosts.has(hostKey(host))) hosts.set(hostKey(host), host);
      }
      groups.set(name, [...hosts.values()]);
    }
    return { ok: true, groups, notes: this.#notes(options.names) };
  }

  #group(name: string): Group {
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { hosts: new Map(), children: new Map(), isDefined: false };
      this.#groups.set(name, group);
    }
    return group;
  }

  #checkChildren(): void {
    for (const [name, { children }] of this.#groups) {
      for (const [child, place] of children) {
        if (this.#groups.get(child)?.isDefined === true) continue;
        this.add(
          place,
          'unknown-group',
          `group ${shown(name)} is made of ${shown(child)}, which isn't there`,
        );
      }
    }
  }

  /** Groups in an order in which each comes behind those that it is made of; undefined where some go round in a circle. */
  #childrenFirst(): string[] | undefined {
    const parents = new Map<string, string[]>();
    const missing = new Map<string, number>();
    for (const [name, { children }] of this.#groups) {
      const present = [...children.keys()].filter((child) => this.#groups.has(child));
      missing.set(name, present.length);
      for (const child of present) {
        const others = parents.get(child);
        if (others === undefined) parents.set(child, [name]);
        else others.push(name);
      }
    }
    const order = [...missing].flatMap(([name, count]) => (count === 0 ? [name] : []));
    for (const name of order) {
      for (const parent of parents.get(name) ?? []) {
        const left = missing.get(parent)! - 1;
        missing.set(parent, left);
        if (left === 0) order.push(parent);
      }
    }
    if (order.length === this.#groups.size) return order;
    this.#addCycle(new Set([...missing].flatMap(([name, left]) => (left > 0 ? [name] : []))));
    return undefined;
  }

  #addCycle(left: ReadonlySet<string>): void {
    const path: string[] = [];
    let [name] = left;
    while (!path.includes(name!)) {
      path.push(name!);
      name = [...this.#groups.get(name!)!.children.keys()].find((child) => left.has(child));
    }
    const cycle = [...path.slice(path.indexOf(name!)), name!];
    const place = this.#groups.get(cycle[0]!)!.children.get(cycle[1]!);
    const chain = cycle.length > 12 ? [...cycle.slice(0, 10), '…', name!] : cycle;
    this.add(place, 'group-cycle', `groups are made of each other: ${chain.map(shown).join(' → ')}`);
  }

  /** Keys of the hosts of each group. */
  #membersOf(order: readonly string[]): Map<string, ReadonlySet<string>> | undefined {
    const members = new Map<string, ReadonlySet<string>>();
    let total = 0;
    for (const name of order) {
      const { hosts, children } = this.#groups.get(name)!;
      const own = new Set(hosts.keys());
      for (const child of children.keys()) for (const key of members.get(child) ?? []) own.add(key);
      total += own.size;
      if (total > maxMembers) {
        this.add(undefined, 'too-many-hosts', `its groups have more than ${maxMembers} members together`);
        return undefined;
      }
      members.set(name, own);
    }
    const inGroups = new Set<string>();
    for (const [name, keys] of members)
      if (name !== everyHost && name !== withoutGroup) for (const key of keys) inGroups.add(key);
    members.set(everyHost, new Set(this.#hosts.keys()));
    members.set(withoutGroup, new Set([...this.#hosts.keys()].filter((key) => !inGroups.has(key))));
    return members;
  }

  #renamed(): Map<string, string> | undefined {
    const renamed = new Map(this.#hosts);
    for (const [key, address] of this.#addresses) {
      if (isHost(address)) renamed.set(key, address);
      else {
        const message = `ansible_host of ${this.#hosts.get(key)!} is "${shown(address)}", which is neither a host nor an address`;
        this.add(undefined, 'invalid-host', message);
      }
    }
    return this.problems.length > 0 ? undefined : renamed;
  }

  #notes(names: 'inventory' | 'ansible_host'): string[] {
    const notes: string[] = [];
    const [first] = this.#addresses;
    if (first !== undefined && names === 'inventory') {
      const example = `${this.#hosts.get(first[0])!} has ${shown(first[1])}`;
      notes.push(
        `ansible_host of ${countOf(this.#addresses.size)} isn't taken (${example}): hosts are reached by their names in the inventory; \`names: ansible_host\` calls them by it`,
      );
    }
    const ignored = [
      ...(this.#accounts.size > 0 ? [`ansible_user of ${countOf(this.#accounts.size)}`] : []),
      ...(this.#ports.size > 0 ? [`ansible_port of ${countOf(this.#ports.size)}`] : []),
      ...(this.#variables > 0
        ? [`${this.#variables} other ${this.#variables === 1 ? 'variable' : 'variables'}`]
        : []),
    ];
    if (ignored.length > 0)
      notes.push(`not taken: ${ignored.join(', ')}; a job has its account and its port`);
    return notes;
  }
}

function countOf(hosts: number): string {
  return hosts === 1 ? '1 host' : `${hosts} hosts`;
}

/** A name on one line, short, and harmless on a terminal. */
export function shown(text: string): string {
  const line = text.replace(/[^\x20-\x7e]/g, '?');
  return line.length > 80 ? `${line.slice(0, 77)}...` : line;
}
