/** The hosts of the fleet, and what their namespace asks for. */
import { type LimitPlan, NamespaceModel, type NamespacePlan } from '@pogo/simulator';

/** Every host has an address in here. */
export const hostRange = '10.78.0.0/16';

/** Hosts count from 1. */
export function addressOf(host: number): string {
  return `10.78.${Math.floor((host - 1) / 200)}.${1 + ((host - 1) % 200)}`;
}

/** A range that has some of the hosts in it, a third to two thirds of them, and not the others. */
export function someHosts(hosts: number): string {
  return `10.78.0.0/${32 - Math.floor(Math.log2(Math.min(hosts, 200) * 0.66))}`;
}

export interface Site {
  readonly hosts: number;
  readonly plan: NamespacePlan;
  /** For who checks. */
  readonly model: NamespaceModel;
  /** For who applies it. */
  readonly file: string;
}

const limits: Record<string, LimitPlan> = { web: '25%', db: 2, cache: '50%' };

/** Three in five hosts serve the web, one in five is a database, one in five a cache; every second is in the east. */
export function planSite(hosts: number): Site {
  const all = Array.from({ length: hosts }, (_, at) => at + 1);
  const appOf = (host: number) => (['web', 'db', 'web', 'cache', 'web'] as const)[host % 5]!;
  const plan: NamespacePlan = {
    number: 1,
    apps: Object.fromEntries(
      ['web', 'db', 'cache'].map((app) => [app, all.filter((host) => appOf(host) === app)]),
    ),
    envs: {
      coast: { east: all.filter((host) => host % 2 === 1), west: all.filter((host) => host % 2 === 0) },
    },
    limits: { coast: limits },
    sequences: { coast: [['db', 'web']] },
    holdFailures: 'until-well',
  };
  const named = (groups: Record<string, readonly number[]>) =>
    Object.fromEntries(Object.entries(groups).map(([name, members]) => [name, members.map(addressOf)]));
  const file = {
    apps: named(plan.apps),
    envs: { coast: named(plan.envs.coast!) },
    constraints: { coast: { concurrency: limits, sequence: plan.sequences.coast } },
    hold_failures: plan.holdFailures,
  };
  return { hosts, plan, model: new NamespaceModel(plan), file: JSON.stringify(file, undefined, 1) };
}
