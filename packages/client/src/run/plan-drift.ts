/** What has changed since a plan was made, in sentences: whatever concerns its job, and nothing else. Pure. */
import { foldForPeople, hostKey, resolveTargets, type Target } from '@pogo/core';
import { canonicalJson, type PlanBasis, type PlanFile, type ResolvedSpec } from '@pogo/protocol';

/** The dispatcher's to say, so that another one doesn't make another job of it. */
const notCompared: readonly string[] = ['submitter', 'lifetimeMs'];

/** Of the spec and the limits that the dispatcher makes of the same request now. */
export function specDrift(
  planned: Pick<PlanFile, 'spec' | 'limits'>,
  now: { spec: Readonly<Record<string, unknown>>; limits: PlanFile['limits'] },
): string[] {
  const lines: string[] = [];
  const members = new Set([...Object.keys(planned.spec), ...Object.keys(now.spec)]);
  for (const member of members) {
    if (notCompared.includes(member)) continue;
    const before = textOf(planned.spec[member as keyof ResolvedSpec]);
    const after = textOf(now.spec[member]);
    if (before !== after) lines.push(`${member}: ${shown(after)} instead of ${shown(before)}`);
  }
  const before = textOf(planned.limits);
  const after = textOf(now.limits);
  if (before !== after) lines.push(`limits of the job: ${shown(after)} instead of ${shown(before)}`);
  return lines;
}

/** Of the namespace. */
export function basisDrift(planned: PlanBasis, now: PlanBasis): string[] {
  return [
    ...slotDrift(planned, now),
    ...groupDrift(planned, now),
    ...stageDrift(planned, now),
    ...(planned.holdFailures === now.holdFailures
      ? []
      : [`hosts that fail go on counting ${now.holdFailures}, and not ${planned.holdFailures}`]),
  ];
}

/** Of the hosts that were chosen. */
export function targetDrift(planned: readonly Target[], now: readonly Target[]): string[] {
  const missing = without(planned, now);
  const added = without(now, planned);
  return [
    ...(added.length > 0 ? [`the targets now name ${foldForPeople(added)} besides`] : []),
    ...(missing.length > 0 ? [`the targets no longer name ${foldForPeople(missing)}`] : []),
  ];
}

function without(targets: readonly Target[], others: readonly Target[]): string[] {
  const keys = new Set(others.map(({ host }) => hostKey(host)));
  return targets.flatMap(({ host }) => (keys.has(hostKey(host)) ? [] : [host]));
}

function slotDrift(planned: PlanBasis, now: PlanBasis): string[] {
  const before = new Map(planned.slots.map(({ name, limit }) => [name, limit]));
  return now.slots.flatMap(({ name, limit }) => {
    const was = before.get(name);
    return was === undefined || was === limit
      ? []
      : [`${name} lets ${limit} through at once, and not ${was}`];
  });
}

/** Hosts that are in other slots or steps than they were. */
function groupDrift(planned: PlanBasis, now: PlanBasis): string[] {
  const before = belongings(planned);
  const after = belongings(now);
  const changed = new Map<string, string[]>();
  for (const host of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(host) ?? 'none';
    const is = after.get(host) ?? 'none';
    if (was === is) continue;
    const text = `slots and steps ${is} instead of ${was}`;
    const hosts = changed.get(text);
    if (hosts === undefined) changed.set(text, [host]);
    else hosts.push(host);
  }
  return [...changed].map(([text, hosts]) => `${foldForPeople(hosts)}: ${text}`);
}

function belongings({ groups }: PlanBasis): Map<string, string> {
  const found = new Map<string, string>();
  for (const { hosts, slots, stages } of groups) {
    const text = [...new Set([...slots, ...stages])].join(', ');
    const expanded = resolveTargets(hosts);
    for (const { host } of expanded.ok ? expanded.targets : []) found.set(host, text);
  }
  return found;
}

function stageDrift(planned: PlanBasis, now: PlanBasis): string[] {
  const before = new Map(planned.stages.map(({ name, after }) => [name, after.join(', ')]));
  return now.stages.flatMap(({ name, after }) => {
    const was = before.get(name);
    const is = after.join(', ');
    if (was === undefined || was === is) return [];
    return [
      `${name} comes after ${is === '' ? 'nothing' : is}, and not after ${was === '' ? 'nothing' : was}`,
    ];
  });
}

function textOf(value: unknown): string {
  return value === undefined ? 'nothing' : canonicalJson(value);
}

function shown(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
