/**
 * Makes slots and stages out of the classes of hosts. Only those that have a host exist, and how many there may be is
 * bounded: a small file could ask for every app in every environment value.
 */
import type { TypeConstraints } from './constraints.js';
import { formatLimit, hostsAllowed, isRoundedUp } from './definition.js';
import type { HostClasses } from './host-classes.js';
import type { ClassBelongings, EnvironmentValue, Slot, Stage } from './namespace.js';
import { formatCount } from '../targets/target-error.js';
import type { ProblemList } from './problem.js';

/** Most slots of a namespace, and most stages. */
const maxSlots = 100_000;
/** Most pairs of an app and an environment value over all classes of hosts, and most pairs of stages. */
const maxPairs = 10_000_000;

/** What a group's number stands for. */
export type GroupMeaning =
  { readonly kind: 'app'; readonly app: string } | ({ readonly kind: 'environment' } & EnvironmentValue);

export interface BuiltSlots {
  readonly slots: readonly Slot[];
  readonly stages: readonly Stage[];
  /** By class. */
  readonly belongings: readonly ClassBelongings[];
}

/** Hosts of an app in one environment value that something holds for. */
interface Gathering {
  readonly constraints: TypeConstraints;
  readonly app: string;
  readonly environment: EnvironmentValue;
  /** Where it stands among all: environments first, then apps. */
  readonly rank: number;
  members: number;
  /** Classes that are in it. */
  readonly classes: number[];
}

/** Undefined when they would be too many, which the problems then have. */
export function buildSlots(
  meanings: readonly GroupMeaning[],
  constraints: ReadonlyMap<string, TypeConstraints>,
  { classes }: HostClasses,
  problems: ProblemList,
): BuiltSlots | undefined {
  const slots = new Map<number, Gathering>();
  const stages = new Map<number, Gathering>();
  const places = new Map<TypeConstraints, ReadonlyMap<string, number>>();
  for (const one of constraints.values())
    places.set(one, new Map(one.sequence.apps.map((app, place) => [app, place])));
  let pairs = 0;
  for (const [number, { groups, size }] of classes.entries()) {
    const apps = groups.filter((group) => meanings[group]!.kind === 'app');
    for (const group of groups) {
      const environment = meanings[group]!;
      if (environment.kind !== 'environment') continue;
      const held = constraints.get(environment.type);
      if (held === undefined) continue;
      pairs += apps.length;
      if (pairs > maxPairs) return tooMany('pairs of an app and an environment value', maxPairs, problems);
      for (const appGroup of apps) {
        const app = appName(meanings[appGroup]!);
        const gather = (into: Map<number, Gathering>, rank: number) => {
          let gathering = into.get(rank);
          if (gathering === undefined)
            into.set(
              rank,
              (gathering = { constraints: held, app, environment, rank, members: 0, classes: [] }),
            );
          gathering.members += size;
          gathering.classes.push(number);
        };
        if (held.limits.has(app)) gather(slots, group * meanings.length + appGroup);
        const place = places.get(held)!.get(app);
        if (place !== undefined) gather(stages, group * meanings.length + place);
      }
      if (slots.size > maxSlots) return tooMany('slots', maxSlots, problems);
      if (stages.size > maxSlots) return tooMany('steps of sequences', maxSlots, problems);
    }
  }
  const slotsOf: number[][] = classes.map(() => []);
  const stagesOf: number[][] = classes.map(() => []);
  const madeSlots = inOrder(slots).map((gathering, index) => {
    for (const number of gathering.classes) slotsOf[number]!.push(index);
    return slotOf(gathering);
  });
  const ordered = inOrder(stages);
  for (const [index, gathering] of ordered.entries())
    for (const number of gathering.classes) stagesOf[number]!.push(index);
  const madeStages = stagesInOrder(ordered, places);
  if (madeStages === undefined)
    return tooMany('steps of sequences that wait for each other', maxPairs, problems);
  const belongings = classes.map(({ groups }, number) => ({
    apps: groups.flatMap((group) => (meanings[group]!.kind === 'app' ? [appName(meanings[group]!)] : [])),
    environments: groups.flatMap((group) => {
      const meaning = meanings[group]!;
      return meaning.kind === 'environment' ? [{ type: meaning.type, value: meaning.value }] : [];
    }),
    slots: slotsOf[number]!,
    stages: stagesOf[number]!,
  }));
  return { slots: madeSlots, stages: madeStages, belongings };
}

function tooMany(what: string, most: number, problems: ProblemList): undefined {
  const message = `the constraints come to more than ${formatCount(most)} ${what}: constrain fewer apps or environments`;
  problems.add('too-many-slots', ['constraints'], message);
  return undefined;
}

function appName(meaning: GroupMeaning): string {
  return meaning.kind === 'app' ? meaning.app : '';
}

function inOrder(gatherings: ReadonlyMap<number, Gathering>): Gathering[] {
  return [...gatherings.values()].sort((one, other) => one.rank - other.rank);
}

function slotOf({ constraints, app, environment, members }: Gathering): Slot {
  const { type, value } = environment;
  const limit = constraints.limits.get(app)!;
  return {
    app,
    type,
    value,
    name: `${app}@${type}=${value}`,
    members,
    limit: hostsAllowed(limit, members),
    written: formatLimit(limit),
    roundedUp: isRoundedUp(limit, members),
  };
}

/** Stages of one environment value stand together, each after those that precede it; undefined: too many pairs. */
function stagesInOrder(
  gatherings: readonly Gathering[],
  places: ReadonlyMap<TypeConstraints, ReadonlyMap<string, number>>,
): Stage[] | undefined {
  const stages: Stage[] = [];
  let start = 0;
  let pairs = 0;
  for (const [index, { constraints, app, environment }] of gatherings.entries()) {
    if (gatherings[start]!.environment !== environment) start = index;
    pairs += index - start;
    if (pairs > maxPairs) return undefined;
    const place = places.get(constraints)!;
    const after: number[] = [];
    for (let earlier = start; earlier < index; earlier++) {
      if (constraints.sequence.precedes(place.get(gatherings[earlier]!.app)!, place.get(app)!))
        after.push(earlier);
    }
    const { type, value } = environment;
    stages.push({ app, type, value, name: `${app}@${type}=${value}`, after });
  }
  return stages;
}
