/** Namespaces out of chance: small ones, in which limits are reached and sequences meet. */
import type { Random } from '../random.js';
import type { LimitPlan, NamespacePlan } from './namespace-plan.js';

const appNames = ['a', 'b', 'c', 'd'] as const;
const valuesOf: Record<string, readonly string[]> = { coast: ['east', 'west'], rack: ['r1', 'r2', 'r3'] };
const limits: readonly LimitPlan[] = [1, 1, 1, 2, 2, 3, '10%', '25%', '34%', '50%', '50%', '67%', '99%'];

/** Where each host stands: what the groups are made from. */
interface Places {
  apps: string[];
  /** By environment type. */
  values: Map<string, string>;
}

/** One version after another; later ones tighten, loosen and move things. */
export function drawNamespaces(random: Random, hosts: number, count: number): NamespacePlan[] {
  const plans: NamespacePlan[] = [];
  for (let number = 1; number <= count; number++) {
    const before = plans.at(-1);
    const isRevision = before !== undefined && random.chance(0.85);
    plans.push(isRevision ? revise(random, before, number) : draw(random, hosts, number));
  }
  return plans;
}

function draw(random: Random, hosts: number, number: number): NamespacePlan {
  const apps = appNames.slice(0, random.pick([1, 2, 2, 3, 3, 4]));
  const types = random.chance(0.35) ? ['coast', 'rack'] : ['coast'];
  const width = random.pick([1, 1, 2]);
  const places = Array.from({ length: hosts }, (): Places => {
    const isKnown = random.chance(0.96);
    const own = isKnown ? [random.pick(apps)] : [];
    if (isKnown && random.chance(0.08)) own.push(random.pick(apps));
    const values = new Map(types.map((type) => [type, random.pick(valuesOf[type]!.slice(0, width))]));
    if (random.chance(0.06)) values.delete(types[0]!);
    return { apps: [...new Set(own)], values: isKnown ? values : new Map<string, string>() };
  });
  // A namespace without any app is none.
  if (places.every((place) => place.apps.length === 0)) places[0]!.apps.push('a');
  const present = apps.filter((app) => places.some((place) => place.apps.includes(app)));
  return {
    number,
    apps: Object.fromEntries(
      present.map((app) => [app, gather(places, (place) => place.apps.includes(app))]),
    ),
    envs: environments(places),
    limits: Object.fromEntries(types.map((type) => [type, drawLimits(random, present)])),
    sequences: Object.fromEntries(types.map((type) => [type, drawSequences(random, present)])),
    holdFailures: random.chance(0.75) ? 'until-well' : 'until-job-ends',
  };
}

function gather(places: readonly Places[], isIn: (place: Places) => boolean): number[] {
  return places.flatMap((place, at) => (isIn(place) ? [at + 1] : []));
}

function environments(places: readonly Places[]): NamespacePlan['envs'] {
  const envs: Record<string, Record<string, number[]>> = {};
  for (const [at, { values }] of places.entries()) {
    for (const [type, value] of values) ((envs[type] ??= {})[value] ??= []).push(at + 1);
  }
  return envs;
}

function drawLimits(random: Random, apps: readonly string[]): Record<string, LimitPlan> {
  return Object.fromEntries(apps.filter(() => random.chance(0.75)).map((app) => [app, random.pick(limits)]));
}

/** Apps always come in the order of their names, so that lists never contradict each other. */
function drawSequences(random: Random, apps: readonly string[]): string[][] {
  if (apps.length < 2 || random.chance(0.4)) return [];
  const [first, second] = apps;
  if (apps.length === 2) return [[first!, second!]];
  return random.pick<string[][]>([
    [[...apps]],
    apps.slice(1).map((app, at) => [apps[at]!, app]),
    [[first!, apps.at(-1)!]],
  ]);
}

/** Mostly a little of what somebody changes in a file. */
function revise(random: Random, before: NamespacePlan, number: number): NamespacePlan {
  const plan: NamespacePlan = { ...before, number };
  for (let changes = random.integer(1, 3); changes > 0; changes--) {
    const change = random.pick([tighten, tighten, loosen, loosen, resequence, move, forget, hold]);
    change(random, plan);
  }
  return plan;
}

type Revision = (random: Random, plan: NamespacePlan) => void;

/** As little as there can be. */
const tighten: Revision = (random, plan) => {
  const type = random.pick(Object.keys(plan.limits));
  const app = random.pick(Object.keys(plan.apps));
  plan.limits = { ...plan.limits, [type]: { ...plan.limits[type], [app]: 1 } };
};

const loosen: Revision = (random, plan) => {
  const type = random.pick(Object.keys(plan.limits));
  const some = Object.entries(plan.limits[type]!).filter(() => random.chance(0.5));
  const wider = some.map(([app, limit]) => [app, limit === 1 ? 2 : '99%'] as const);
  plan.limits = { ...plan.limits, [type]: random.chance(0.3) ? {} : Object.fromEntries(wider) };
};

const resequence: Revision = (random, plan) => {
  const type = random.pick(Object.keys(plan.sequences));
  plan.sequences = { ...plan.sequences, [type]: drawSequences(random, Object.keys(plan.apps)) };
};

/** A host changes its app. */
const move: Revision = (random, plan) => {
  const apps = Object.keys(plan.apps);
  const to = random.pick(apps);
  const from = random.pick(apps);
  const hosts = plan.apps[from]!;
  const host = random.pick(hosts);
  if (from === to || hosts.length < 2 || plan.apps[to]!.includes(host)) return;
  const arrived = [...plan.apps[to]!, host].sort((one, other) => one - other);
  plan.apps = { ...plan.apps, [from]: hosts.filter((other) => other !== host), [to]: arrived };
};

/** A host is taken out of the file. */
const forget: Revision = (random, plan) => {
  const host = random.pick(Object.values(plan.apps).flat());
  const without = (hosts: readonly number[]) => hosts.filter((other) => other !== host);
  const groups = [
    ...Object.values(plan.apps),
    ...Object.values(plan.envs).flatMap((values) => Object.values(values)),
  ];
  if (groups.some((hosts) => hosts.includes(host) && hosts.length < 2)) return;
  plan.apps = Object.fromEntries(Object.entries(plan.apps).map(([app, hosts]) => [app, without(hosts)]));
  plan.envs = Object.fromEntries(
    Object.entries(plan.envs).map(([type, values]) => [
      type,
      Object.fromEntries(Object.entries(values).map(([value, hosts]) => [value, without(hosts)])),
    ]),
  );
};

const hold: Revision = (_random, plan) => {
  plan.holdFailures = plan.holdFailures === 'until-well' ? 'until-job-ends' : 'until-well';
};
