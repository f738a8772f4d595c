/** What another version of a namespace changes, in lines. Pure. */
import type { GroupChange, HostChanges, LimitState, NamespaceDifference } from '@pogo/core';
import { neutralise } from './escape.js';

/** Empty where nothing differs. */
export function namespaceDiffText(difference: NamespaceDifference): string {
  const { hosts, groups, limits, orders, pools, aliases, holdFailures } = difference;
  const lines = [
    ...(hosts.addedHosts + hosts.removedHosts > 0
      ? [`hosts: ${countsText(hosts)}`, ...hostLines(hosts)]
      : []),
    ...groups.flatMap((group) => groupLines(group.name, group)),
    ...limits.map(({ slot, before, after }) => `limit of ${slot}: ${limitChange(before, after)}`),
    ...orders.map(({ type, earlier, later, change }) => {
      const order = `order within ${type}: ${earlier} before ${later}`;
      return `${order}: ${change === 'added' ? 'new' : 'holds no more'}`;
    }),
    ...pools.flatMap((pool) => groupLines(`pool ${pool.name}`, pool)),
    ...aliases.flatMap(({ host, added, removed }) => [
      `other names of ${host}:`,
      ...(added.length > 0 ? [`  + ${added.join(', ')}`] : []),
      ...(removed.length > 0 ? [`  - ${removed.join(', ')}`] : []),
    ]),
    ...(holdFailures === null
      ? []
      : [`failed hosts go on counting: ${holdFailures.before} -> ${holdFailures.after}`]),
  ];
  return lines.map((line) => `${neutralise(line)}\n`).join('');
}

function groupLines(name: string, { change, ...hosts }: GroupChange): string[] {
  if (change === 'removed') return [`${name}: gone, with ${hosts.before} ${noun(hosts.before)}`];
  if (change === 'added') return [`${name}: new, ${hosts.after} ${noun(hosts.after)}`, ...hostLines(hosts)];
  return [`${name}: ${countsText(hosts)}`, ...hostLines(hosts)];
}

function countsText({ before, after }: HostChanges): string {
  return before === after ? `${after}, others` : `${before} -> ${after}`;
}

function hostLines({ added, addedHosts, removed, removedHosts }: HostChanges): string[] {
  return [
    ...(addedHosts > 0 ? [`  + ${added}${ofSeveral(addedHosts)}`] : []),
    ...(removedHosts > 0 ? [`  - ${removed}${ofSeveral(removedHosts)}`] : []),
  ];
}

function ofSeveral(count: number): string {
  return count === 1 ? '' : ` (${count})`;
}

function noun(count: number): string {
  return count === 1 ? 'host' : 'hosts';
}

function limitChange(before: LimitState | null, after: LimitState | null): string {
  if (before === null) return `new, ${limitText(after!)}`;
  if (after === null) return `gone, was ${limitText(before)}`;
  return `${limitText(before)} -> ${limitText(after)}`;
}

/** `25 of 101 (25%)` */
function limitText({ limit, written, members }: LimitState): string {
  const percentage = written === String(limit) ? '' : ` (${written})`;
  return `${limit} of ${members}${percentage}`;
}
