/** What is worth a look before a job is run: sentences for people. Pure. */
import { foldTargets, membersOf, type Namespace } from '@pogo/core';
import type { EstimateDocument, ForecastDocument, PlanBasis } from '@pogo/protocol';
import type { HostList } from '../jobs/host-names.js';
import { isConstrained } from '../namespaces/place-targets.js';

/** @param basis names the slots that the job's hosts are in. */
export function namespaceWarnings(
  namespace: Namespace | undefined,
  basis: PlanBasis,
  { hosts }: HostList,
): string[] {
  if (namespace === undefined) return [];
  const warnings: string[] = [];
  const used = new Set(basis.slots.map(({ name }) => name));
  for (const { name, written, members, roundedUp } of namespace.slots) {
    if (roundedUp && used.has(name))
      warnings.push(
        `${written} of the ${members} hosts of ${name} is less than one: one at a time is let through`,
      );
  }
  for (const { code, message } of namespace.warnings) if (code === 'empty-group') warnings.push(message);
  if (!isConstrained(namespace)) return warnings;
  const members = membersOf(namespace, hosts);
  const unknown = hosts.filter((_host, index) => members[index]! < 0);
  if (unknown.length > 0)
    warnings.push(
      `no limit protects ${foldTargets(unknown.map((host) => ({ host })))}: the namespace doesn't know ${unknown.length === 1 ? 'it' : 'them'}`,
    );
  return warnings;
}

export function forecastWarnings(forecast: ForecastDocument): string[] {
  const { ending, never, startedHosts } = forecast;
  if (ending === 'cut')
    return [`the order of the hosts is worked out for the first ${startedHosts} of them only`];
  // Of pools that nobody reaches a plan tells anyway.
  const others = never.filter(({ obstacles }) => obstacles.some(({ kind }) => kind !== 'pool'));
  return others.map(({ hosts, count, obstacles }) => {
    const isSequence = obstacles.some(({ kind }) => kind === 'stage');
    const reasons = obstacles.map(reasonOf).filter((reason) => reason !== '');
    const what = count === 1 ? `${hosts} never starts` : `${count} hosts never start (${hosts})`;
    const why = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
    return `${what}${why}${isSequence ? ', so that the sequence never ends' : ''}`;
  });
}

type Obstacle = ForecastDocument['never'][number]['obstacles'][number];

function reasonOf(obstacle: Obstacle): string {
  switch (obstacle.kind) {
    case 'slot': {
      const { slot, use, limit, holders } = obstacle;
      const by = holders.map(({ job }) => job).join(', ');
      return `${slot} has no room, ${use} of ${limit} are in use${by === '' ? '' : ` by ${by}`}`;
    }
    case 'stage':
      return `${obstacle.pending} of ${obstacle.stage} would have to be done before`;
    case 'own-cap':
      return `the job's own limit of ${obstacle.concurrent} is in use`;
    case 'busy':
      return `${obstacle.jobs.join(', ')} may have a command there`;
    case 'frozen':
      return `${obstacle.slot ?? 'the namespace'} is frozen by ${obstacle.by}`;
    case 'ramp':
      return `step ${obstacle.step} of the ramp would wait for somebody to confirm it`;
    case 'job-state':
      return `the job would be ${obstacle.state}`;
    case 'worker':
      return 'no worker has room';
    default:
      return '';
  }
}

/** S10: a run that is expected to be cut off by its own timeout. */
export function timeoutWarnings({ clockMs }: EstimateDocument, jobTimeoutMs: number): string[] {
  if (clockMs === undefined || clockMs <= jobTimeoutMs) return [];
  return [
    `the job would take about ${seconds(clockMs)} s and is ended after ${seconds(jobTimeoutMs)} s: give it a longer --job-timeout`,
  ];
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
