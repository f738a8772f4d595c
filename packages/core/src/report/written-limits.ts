/**
 * Slots and sequences as a namespace file writes them, read once more from the definition for the report: an auditor who
 * trusts the planner's reading of the limits audits nothing.
 *
 * 1. Nothing here comes from `constraints/`, `plan.ts` or `fold.ts`, nor from the slots that the namespace was compiled to.
 */
import type { NamespaceDefinition } from '../namespace/definition.js';
import type { Namespace } from '../namespace/namespace.js';

/** A limit: so many hosts of an app in one environment value at once (S1, S2). */
export interface WrittenSlot {
  /** `frontend@coast=east` */
  readonly name: string;
  /** `25%`, `1` */
  readonly written: string;
  /** How many hosts of the namespace it is about. */
  members: number;
  /** Most of them at once; known when all members are. */
  limit: number;
}

/** An app in one environment value that has to wait for others, or others for it (S4). */
export interface WrittenStep {
  /** `backend@coast=east` */
  readonly name: string;
  /** `coast=east` */
  readonly environment: string;
  readonly app: string;
  /** Apps that come before it, in the middle or not. */
  readonly before: ReadonlySet<string>;
}

interface Places {
  readonly slots: readonly WrittenSlot[];
  readonly steps: readonly WrittenStep[];
}

const nowhere: Places = { slots: [], steps: [] };

export class WrittenLimits {
  readonly #namespace: Namespace;
  readonly #slots = new Map<string, WrittenSlot>();
  readonly #steps = new Map<string, WrittenStep>();
  readonly #places: Places[];

  constructor(namespace: Namespace) {
    this.#namespace = namespace;
    const { definition } = namespace;
    const before = new Map(
      Object.entries(definition.constraints).map(([type, { sequence }]) => [type, appsBefore(sequence)]),
    );
    // Hosts of the same apps and environments stand in the same places.
    const known = new Map<string, Places>();
    this.#places = namespace.hosts.map((_, member) => {
      const key = JSON.stringify([namespace.appsOf(member), namespace.environmentsOf(member)]);
      let places = known.get(key);
      if (places === undefined) known.set(key, (places = this.#placesOf(member, definition, before)));
      for (const slot of places.slots) slot.members++;
      return places;
    });
    for (const slot of this.#slots.values()) slot.limit = limitOf(slot);
  }

  get holdFailures(): NamespaceDefinition['holdFailures'] {
    return this.#namespace.definition.holdFailures;
  }

  memberOf(host: string): number | undefined {
    return this.#namespace.memberOf(host);
  }

  nameOf(member: number): string {
    return this.#namespace.hosts[member]!;
  }

  slotsOf(member: number): readonly WrittenSlot[] {
    return this.#places[member]!.slots;
  }

  stepsOf(member: number): readonly WrittenStep[] {
    return this.#places[member]!.steps;
  }

  #placesOf(
    member: number,
    { constraints }: NamespaceDefinition,
    before: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>,
  ): Places {
    const slots: WrittenSlot[] = [];
    const steps: WrittenStep[] = [];
    for (const { type, value } of this.#namespace.environmentsOf(member)) {
      if (!Object.hasOwn(constraints, type)) continue;
      const { concurrency } = constraints[type]!;
      for (const app of this.#namespace.appsOf(member)) {
        const name = `${app}@${type}=${value}`;
        if (Object.hasOwn(concurrency, app)) slots.push(this.#slot(name, concurrency[app]!));
        const earlier = before.get(type)?.get(app);
        if (earlier !== undefined) steps.push(this.#step(name, `${type}=${value}`, app, earlier));
      }
    }
    return slots.length + steps.length === 0 ? nowhere : { slots, steps };
  }

  #slot(name: string, limit: NamespaceDefinition['constraints'][string]['concurrency'][string]): WrittenSlot {
    const written = limit.kind === 'percent' ? `${limit.percent}%` : `${limit.count}`;
    let slot = this.#slots.get(name);
    if (slot === undefined) this.#slots.set(name, (slot = { name, written, members: 0, limit: 0 }));
    return slot;
  }

  #step(name: string, environment: string, app: string, before: ReadonlySet<string>): WrittenStep {
    let step = this.#steps.get(name);
    if (step === undefined) this.#steps.set(name, (step = { name, environment, app, before }));
    return step;
  }
}

/** S2: a count as it stands, of a percentage the whole hosts that it comes to, and at least one. */
function limitOf({ written, members }: WrittenSlot): number {
  const value = Number.parseInt(written, 10);
  if (!written.endsWith('%')) return value;
  const share = Math.floor((value * members) / 100);
  return share < 1 ? 1 : share;
}

/** By app, every app that comes before it: in its own lists, and before those, in other lists. */
function appsBefore(lists: readonly (readonly string[])[]): Map<string, Set<string>> {
  const direct = new Map<string, Set<string>>();
  for (const list of lists) {
    list.forEach((app, place) => {
      const before = direct.get(app) ?? new Set();
      for (const earlier of list.slice(0, place)) before.add(earlier);
      direct.set(app, before);
    });
  }
  for (const before of direct.values()) {
    // A set that grows while it is walked is walked to its end.
    for (const earlier of before) for (const one of direct.get(earlier) ?? []) before.add(one);
  }
  return direct;
}
