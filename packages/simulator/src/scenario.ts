/** What a seed makes of itself: how large the fleet is, what jobs come, what hosts do, and how bad the weather gets. */
import type { JobPlan, Verb } from './client/simulated-client.js';
import { drawNamespaces } from './namespaces/draw-namespace.js';
import { hostName, type NamespacePlan } from './namespaces/namespace-plan.js';
import type { Random } from './random.js';

/** Given on the command line; absent members follow from the seed. */
export interface ScenarioSize {
  hosts?: number;
  jobs?: number;
}

/** A version of the namespace's file, and when somebody applies it. */
export interface NamespaceChange {
  atMs: number;
  plan: NamespacePlan;
}

export interface Scenario {
  hosts: number;
  /** In order; none where the fleet has no namespace. */
  namespaces: readonly NamespaceChange[];
  workers: number;
  dispatchers: number;
  jobs: readonly JobPlan[];
  maxConnections: number;
  /** Hosts where no stub finds a place for its lock. */
  hasLocks: boolean;
  workerLostAfterMs: number;
  snapshotEveryEntries: number;
  archiveAfterMs: number;
  /** Faults come until then; afterwards everything works. */
  faultsUntilMs: number;
  faults: number;
  traps: number;
  store: { doubt: number; slow: number; staleRead: number };
  lateness: { probability: number; mostLateMs: number };
  doubling: { probability: number };
}

export function scenarioOf(random: Random, size: ScenarioSize): Scenario {
  const isConstrained = random.chance(0.6);
  const hosts = size.hosts ?? (isConstrained ? random.integer(2, 8) : random.integer(1, 6));
  const hasLocks = random.chance(0.75);
  const jobs = size.jobs ?? random.pick(isConstrained ? [1, 2, 2, 3, 3, 4] : [1, 1, 1, 2, 2, 3]);
  const faultsUntilMs = random.spread(3000, 30_000);
  const isRough = random.chance(isConstrained ? 0.65 : 0.8);
  const namespaces = isConstrained ? namespaceChanges(random.fork('namespaces'), hosts, faultsUntilMs) : [];
  const surroundings = { hosts, faultsUntilMs, hasLocks, namespaces };
  return {
    hosts,
    namespaces,
    workers: random.pick([1, 2, 2, 3]),
    dispatchers: random.pick([1, 2, 2]),
    jobs: Array.from({ length: jobs }, (_, at) => jobPlan(random, at, surroundings)),
    maxConnections: random.pick([1, 2, 8]),
    hasLocks,
    workerLostAfterMs: random.pick([1000, 2000, 20_000]),
    snapshotEveryEntries: random.pick([5, 25, 100_000]),
    archiveAfterMs: random.pick([8000, 3_600_000]),
    faultsUntilMs,
    faults: isRough ? random.integer(0, 6) : 0,
    traps: isRough ? random.integer(0, 4) : 0,
    store: {
      doubt: isRough ? random.pick([0, 0.03, 0.1, 0.3]) : 0,
      slow: isRough ? random.pick([0, 0.02, 0.1]) : 0,
      staleRead: isRough ? random.pick([0, 0.1]) : 0,
    },
    doubling: { probability: isRough ? random.pick([0, 0.05, 0.3]) : 0 },
    lateness: {
      probability: isRough ? random.pick([0, 0.03, 0.2]) : 0,
      mostLateMs: random.pick([200, 3000]),
    },
  };
}

/** The first one early, the others while jobs run, now and then after the faults. */
function namespaceChanges(random: Random, hosts: number, faultsUntilMs: number): NamespaceChange[] {
  const plans = drawNamespaces(random, hosts, random.pick([1, 1, 2, 3, 4]));
  return plans
    .map((_, at) => (at === 0 ? random.spread(1, 2000) : random.spread(500, 1.5 * faultsUntilMs)))
    .sort((one, other) => one - other)
    .map((atMs, at) => ({ atMs, plan: plans[at]! }));
}

type Surroundings = Pick<Scenario, 'hosts' | 'faultsUntilMs' | 'hasLocks' | 'namespaces'>;

function jobPlan(
  random: Random,
  at: number,
  { hosts, faultsUntilMs, hasLocks, namespaces }: Surroundings,
): JobPlan {
  const isConstrained = namespaces.length > 0;
  const targets = targetsOf(random, hosts, namespaces[0]?.plan);
  const capChance = isConstrained ? 0.25 : 0.6;
  return {
    key: `job-${at}`,
    startMs: random.spread(1, faultsUntilMs / 2),
    hosts: targets,
    concurrent: random.chance(capChance) ? random.integer(1, Math.max(1, targets.length - 2)) : null,
    maxFailures: random.chance(0.15) ? 1 : null,
    jobTimeoutMs: random.pick(
      isConstrained ? [15_000, 30_000, 60_000, 60_000] : [15_000, 60_000, 300_000, 300_000],
    ),
    commandTimeoutMs: random.pick([4000, 60_000, 60_000]),
    methods: random.chance(isConstrained ? 0.1 : 0.25) ? ['password'] : ['publickey'],
    isUnconstrained: isConstrained && random.chance(0.15),
    goesOnAfterFailure: isConstrained && random.chance(0.25),
    halt: random.chance(0.25) ? { afterMs: random.spread(10, 10_000), kill: random.chance(0.5) } : undefined,
    resumes: random.chance(0.85),
    // What makes an unknown attempt impossible rests on the host's lock (E3).
    afterwards:
      hasLocks && random.chance(isConstrained ? 0.55 : 0.4) ? verbs(random, targets, isConstrained) : [],
  };
}

/** Numbers of hosts, ascending: neighbours, or the hosts of some apps. */
function targetsOf(random: Random, hosts: number, namespace: NamespacePlan | undefined): number[] {
  if (namespace !== undefined && random.chance(0.35)) {
    const some = Object.values(namespace.apps).filter(() => random.chance(0.6));
    const named = [...new Set(some.flat())].sort((one, other) => one - other);
    if (named.length > 0) return named;
  }
  const count = random.chance(0.6) ? hosts : random.integer(1, hosts);
  const first = random.integer(1, hosts - count + 1);
  return Array.from({ length: count }, (_, at) => first + at);
}

function verbs(random: Random, targets: readonly number[], isConstrained: boolean): Verb[] {
  const named = () => hostName(random.pick(targets));
  const kinds = isConstrained
    ? (['retry', 'retry', 'release', 'release', 'resolve'] as const)
    : (['retry', 'retry', 'resolve', 'resolve', 'release'] as const);
  return Array.from({ length: random.integer(1, 3) }, (): Verb => {
    const verb = random.pick<Verb['verb']>(kinds);
    if (verb === 'resolve') return { verb };
    if (verb === 'release')
      return { verb, hosts: random.chance(0.5) ? named() : targets.map(hostName).join(',') };
    return { verb, hosts: random.chance(0.6) ? named() : undefined, fence: random.chance(0.4) };
  });
}
