/**
 * What a namespace asks for, read out of the scenario's own definition: slots, sequences, who is known. Written from
 * scheduling.md (S1, S2, S4), and not from core's compiler.
 */
import type { LimitPlan, NamespacePlan } from '../namespaces/namespace-plan.js';

export interface SlotModel {
  name: string;
  members: ReadonlySet<number>;
  limit: number;
}

export class NamespaceModel {
  readonly number: number;
  /** Whether hosts that went wrong go on counting after the end of their job (S3). */
  readonly holdsUntilWell: boolean;
  readonly slots: readonly SlotModel[];
  readonly #known: ReadonlySet<number>;
  /** By host: hosts that have to be done before it. */
  readonly #before = new Map<number, Set<number>>();

  constructor(plan: NamespacePlan) {
    const { number, apps, envs, limits, sequences, holdFailures } = plan;
    this.number = number;
    this.holdsUntilWell = holdFailures === 'until-well';
    const groups = [
      ...Object.values(apps),
      ...Object.values(envs).flatMap((values) => Object.values(values)),
    ];
    this.#known = new Set(groups.flat());
    const slots: SlotModel[] = [];
    for (const [type, values] of Object.entries(envs)) {
      for (const [value, inside] of Object.entries(values)) {
        const within = (app: string) => (apps[app] ?? []).filter((host) => inside.includes(host));
        for (const [app, limit] of Object.entries(limits[type] ?? {})) {
          const members = new Set(within(app));
          if (members.size === 0) continue;
          slots.push({ name: `${app}@${type}=${value}`, members, limit: mostOf(limit, members.size) });
        }
        for (const [earlier, later] of pairsOf(sequences[type] ?? [])) {
          for (const host of within(later)) {
            for (const other of within(earlier)) this.#precedes(other, host);
          }
        }
      }
    }
    this.slots = slots;
  }

  knows(host: number): boolean {
    return this.#known.has(host);
  }

  slotsOf(host: number): SlotModel[] {
    return this.slots.filter(({ members }) => members.has(host));
  }

  /** Hosts of every earlier app within an environment value that it is in (S4). */
  predecessorsOf(host: number): ReadonlySet<number> {
    return this.#before.get(host) ?? new Set();
  }

  #precedes(earlier: number, later: number): void {
    const known = this.#before.get(later);
    if (known === undefined) this.#before.set(later, new Set([earlier]));
    else known.add(earlier);
  }
}

/** (S2) */
function mostOf(limit: LimitPlan, members: number): number {
  if (typeof limit === 'number') return limit;
  return Math.max(1, Math.floor((Number.parseInt(limit, 10) * members) / 100));
}

/** Every pair of an earlier and a later app that the lists come to, by way of others as well. */
function pairsOf(lists: readonly (readonly string[])[]): [earlier: string, later: string][] {
  const after = new Map<string, Set<string>>();
  for (const list of lists) {
    for (const [at, app] of list.entries()) {
      const later = after.get(app) ?? new Set();
      for (const other of list.slice(at + 1)) later.add(other);
      after.set(app, later);
    }
  }
  const pairs: [string, string][] = [];
  for (const app of after.keys()) {
    const reached = new Set<string>();
    const open = [app];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const later of after.get(next) ?? []) {
        if (reached.has(later)) continue;
        reached.add(later);
        open.push(later);
      }
    }
    for (const later of reached) pairs.push([app, later]);
  }
  return pairs;
}
