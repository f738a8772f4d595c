/**
 * What another version of a namespace changes, by what it means rather than by how it is written: hosts, groups, limits
 * in hosts, orders, pools, aliases. Pure.
 */
import { foldForPeople } from '../targets/fold-for-people.js';
import { hostKey } from '../targets/target.js';
import type { Namespace, Slot } from './namespace.js';

/** Hosts that came and went, folded; empty text for none. */
export interface HostChanges {
  readonly before: number;
  readonly after: number;
  readonly added: string;
  readonly addedHosts: number;
  readonly removed: string;
  readonly removedHosts: number;
}

/** A group or a pool that has other hosts, is new, or is no more. */
export interface GroupChange extends HostChanges {
  /** `@frontend`, `@coast:east`; a pool by its name. */
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed';
}

export interface LimitState {
  /** How many may be disturbed at once. */
  readonly limit: number;
  readonly written: string;
  /** Hosts of the slot. */
  readonly members: number;
}

/** A slot whose limit comes to something else, is new, or is no more. */
export interface SlotLimitChange {
  /** `frontend@coast=east` */
  readonly slot: string;
  readonly before: LimitState | null;
  readonly after: LimitState | null;
}

/** Within each value of the type, hosts of `earlier` come before those of `later`. */
export interface OrderChange {
  readonly type: string;
  readonly earlier: string;
  readonly later: string;
  readonly change: 'added' | 'removed';
}

export interface AliasChange {
  readonly host: string;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

export interface NamespaceDifference {
  readonly same: boolean;
  readonly hosts: HostChanges;
  readonly groups: readonly GroupChange[];
  readonly limits: readonly SlotLimitChange[];
  readonly orders: readonly OrderChange[];
  readonly pools: readonly GroupChange[];
  readonly aliases: readonly AliasChange[];
  /** How long a host that went wrong goes on counting; null where that is the same. */
  readonly holdFailures: { readonly before: string; readonly after: string } | null;
}

/** @param before undefined: there was none. */
export function diffNamespaces(before: Namespace | undefined, after: Namespace): NamespaceDifference {
  const hosts = hostChanges(before?.hosts ?? [], after.hosts);
  const groups = groupChanges(before === undefined ? new Map() : groupsOf(before), groupsOf(after));
  const limits = limitChanges(before?.slots ?? [], after.slots);
  const orders = orderChanges(before, after);
  const pools = groupChanges(before === undefined ? new Map() : poolsOf(before), poolsOf(after));
  const aliases = aliasChanges(before, after);
  const hold = [before?.definition.holdFailures ?? 'until-well', after.definition.holdFailures] as const;
  const holdFailures = hold[0] === hold[1] ? null : { before: hold[0], after: hold[1] };
  const lists = [groups, limits, orders, pools, aliases];
  const same =
    before !== undefined &&
    hosts.addedHosts + hosts.removedHosts === 0 &&
    lists.every((list) => list.length === 0) &&
    holdFailures === null;
  return { same, hosts, groups, limits, orders, pools, aliases, holdFailures };
}

type HostLists = ReadonlyMap<string, readonly string[]>;

function groupsOf({ definition, groups }: Namespace): HostLists {
  const lists = new Map<string, readonly string[]>();
  for (const app of Object.keys(definition.apps))
    lists.set(
      `@${app}`,
      groups.app(app)!.map(({ host }) => host),
    );
  for (const [type, values] of Object.entries(definition.envs))
    for (const value of Object.keys(values))
      lists.set(
        `@${type}:${value}`,
        groups.environment(type, value)!.map(({ host }) => host),
      );
  return lists;
}

function poolsOf({ definition, hosts, poolOf }: Namespace): HostLists {
  const lists = new Map<string, string[]>(Object.keys(definition.pools ?? {}).map((pool) => [pool, []]));
  hosts.forEach((host, member) => {
    const pool = poolOf(member);
    if (pool !== undefined) lists.get(pool)!.push(host);
  });
  return lists;
}

function groupChanges(before: HostLists, after: HostLists): GroupChange[] {
  const changes: GroupChange[] = [];
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before.get(name), after.get(name)];
    const hosts = hostChanges(old ?? [], now ?? []);
    const change = old === undefined ? 'added' : now === undefined ? 'removed' : 'changed';
    if (change !== 'changed' || hosts.addedHosts + hosts.removedHosts > 0)
      changes.push({ name, change, ...hosts });
  }
  return changes;
}

function hostChanges(before: readonly string[], after: readonly string[]): HostChanges {
  const added = without(after, before);
  const removed = without(before, after);
  return {
    before: before.length,
    after: after.length,
    added: foldForPeople(added),
    addedHosts: added.length,
    removed: foldForPeople(removed),
    removedHosts: removed.length,
  };
}

function without(hosts: readonly string[], others: readonly string[]): string[] {
  const keys = new Set(others.map(hostKey));
  return hosts.filter((host) => !keys.has(hostKey(host)));
}

function limitChanges(before: readonly Slot[], after: readonly Slot[]): SlotLimitChange[] {
  const [old, now] = [byName(before), byName(after)];
  const changes: SlotLimitChange[] = [];
  for (const slot of new Set([...old.keys(), ...now.keys()])) {
    const [one, other] = [limitState(old.get(slot)), limitState(now.get(slot))];
    if (one?.limit !== other?.limit || one?.written !== other?.written)
      changes.push({ slot, before: one, after: other });
  }
  return changes;
}

function byName(slots: readonly Slot[]): Map<string, Slot> {
  return new Map(slots.map((slot) => [slot.name, slot]));
}

function limitState(slot: Slot | undefined): LimitState | null {
  return slot === undefined ? null : { limit: slot.limit, written: slot.written, members: slot.members };
}

/** Orders that hold somewhere, whichever lists of the file they follow from. */
function orderChanges(before: Namespace | undefined, after: Namespace): OrderChange[] {
  const [old, now] = [before === undefined ? new Map<string, Order>() : ordersOf(before), ordersOf(after)];
  return [
    ...[...old].flatMap(([key, order]) => (now.has(key) ? [] : [{ ...order, change: 'removed' as const }])),
    ...[...now].flatMap(([key, order]) => (old.has(key) ? [] : [{ ...order, change: 'added' as const }])),
  ];
}

type Order = Omit<OrderChange, 'change'>;

function ordersOf({ stages }: Namespace): Map<string, Order> {
  const orders = new Map<string, Order>();
  for (const { type, app: later, after } of stages) {
    for (const index of after) {
      const earlier = stages[index]!.app;
      orders.set(`${type} ${earlier} ${later}`, { type, earlier, later });
    }
  }
  return orders;
}

function aliasChanges(before: Namespace | undefined, after: Namespace): AliasChange[] {
  const [old, now] = [before?.definition.aliases ?? {}, after.definition.aliases ?? {}];
  const changes: AliasChange[] = [];
  for (const host of new Set([...Object.keys(old), ...Object.keys(now)])) {
    const [one, other] = [old[host] ?? [], now[host] ?? []];
    const added = without(other, one);
    const removed = without(one, other);
    if (added.length + removed.length > 0) changes.push({ host, added, removed });
  }
  return changes;
}
