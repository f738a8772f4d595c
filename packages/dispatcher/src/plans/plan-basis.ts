/** What of the namespace concerns a job's hosts: slots, limits, steps. Pure. */
import { membersOf, type Namespace, toHostSet } from '@pogo/core';
import type { PlanBasis } from '@pogo/protocol';
import type { HostList } from '../jobs/host-names.js';

export function planBasis(
  { version, namespace }: { version: number; namespace: Namespace | undefined },
  names: HostList,
): PlanBasis {
  if (namespace === undefined)
    return { namespaceVersion: version, holdFailures: 'until-well', groups: [], slots: [], stages: [] };
  const groups = new Map<string, { hosts: number[]; slots: readonly number[]; stages: readonly number[] }>();
  // Hosts of the same apps and environments have one list of slots between them, and one of stages.
  const known = new Map<readonly number[], { hosts: number[] } | undefined>();
  let last: readonly number[] | undefined;
  let group: { hosts: number[] } | undefined;
  membersOf(namespace, names.hosts).forEach((member, index) => {
    if (member < 0) return;
    const slots = namespace.slotsOf(member);
    if (slots !== last) {
      if (!known.has(slots)) known.set(slots, groupFor(groups, slots, namespace.stagesOf(member)));
      [last, group] = [slots, known.get(slots)];
    }
    group?.hosts.push(index);
  });
  const all = [...groups.values()];
  const slots = ascending(all.flatMap((group) => group.slots));
  const stages = ascending(all.flatMap((group) => group.stages));
  const stageName = (stage: number) => namespace.stages[stage]!.name;
  return {
    namespaceVersion: version,
    holdFailures: namespace.definition.holdFailures,
    groups: all.map((group) => ({
      hosts: names.fold(toHostSet(group.hosts)),
      slots: group.slots.map((slot) => namespace.slots[slot]!.name),
      stages: group.stages.map(stageName),
    })),
    slots: slots.map((slot) => ({
      name: namespace.slots[slot]!.name,
      limit: namespace.slots[slot]!.limit,
    })),
    stages: stages.map((stage) => ({
      name: stageName(stage),
      // Steps without a host of the job keep nobody waiting.
      after: namespace.stages[stage]!.after.filter((earlier) => stages.includes(earlier)).map(stageName),
    })),
  };
}

/** The group with these slots and stages; undefined where there are none. */
function groupFor(
  groups: Map<string, { hosts: number[]; slots: readonly number[]; stages: readonly number[] }>,
  slots: readonly number[],
  stages: readonly number[],
): { hosts: number[] } | undefined {
  if (slots.length + stages.length === 0) return undefined;
  const key = `${slots.join()};${stages.join()}`;
  let group = groups.get(key);
  if (group === undefined) groups.set(key, (group = { hosts: [], slots, stages }));
  return group;
}

function ascending(indexes: readonly number[]): number[] {
  return [...new Set(indexes)].sort((a, b) => a - b);
}
