/** What a seed makes of itself: how large the fleet is, what jobs come, what hosts do, and how bad the weather gets. */
import type { JobPlan, Verb } from './client/simulated-client.js';
import type { Random } from './random.js';

/** Given on the command line; absent members follow from the seed. */
export interface ScenarioSize {
  hosts?: number;
  jobs?: number;
}

export interface Scenario {
  hosts: number;
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
  const hosts = size.hosts ?? random.integer(1, 6);
  const hasLocks = random.chance(0.75);
  const jobs = size.jobs ?? random.pick([1, 1, 1, 2, 2, 3]);
  const faultsUntilMs = random.spread(3000, 30_000);
  const isRough = random.chance(0.8);
  return {
    hosts,
    workers: random.pick([1, 2, 2, 3]),
    dispatchers: random.pick([1, 2, 2]),
    jobs: Array.from({ length: jobs }, (_, at) => jobPlan(random, at, { hosts, faultsUntilMs, hasLocks })),
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

function jobPlan(
  random: Random,
  at: number,
  { hosts, faultsUntilMs, hasLocks }: Pick<Scenario, 'hosts' | 'faultsUntilMs' | 'hasLocks'>,
): JobPlan {
  const targets = random.chance(0.6) ? hosts : random.integer(1, hosts);
  const first = random.integer(1, hosts - targets + 1);
  return {
    key: `job-${at}`,
    startMs: random.spread(1, faultsUntilMs / 2),
    targets: `h[${first}-${first + targets - 1}]`,
    concurrent: random.chance(0.6) ? random.integer(1, Math.max(1, targets - 2)) : null,
    maxFailures: random.chance(0.15) ? 1 : null,
    jobTimeoutMs: random.pick([15_000, 60_000, 300_000, 300_000]),
    commandTimeoutMs: random.pick([4000, 60_000, 60_000]),
    methods: random.chance(0.25) ? ['password'] : ['publickey'],
    halt: random.chance(0.25) ? { afterMs: random.spread(10, 10_000), kill: random.chance(0.5) } : undefined,
    resumes: random.chance(0.85),
    // What makes an unknown attempt impossible rests on the host's lock (E3).
    afterwards: hasLocks && random.chance(0.4) ? verbs(random, first, targets) : [],
  };
}

function verbs(random: Random, first: number, targets: number): Verb[] {
  const named = () => `h${random.integer(first, first + targets - 1)}`;
  return Array.from({ length: random.integer(1, 3) }, (): Verb => {
    const verb = random.pick(['retry', 'retry', 'resolve', 'resolve', 'release'] as const);
    if (verb === 'resolve') return { verb };
    if (verb === 'release') return { verb, hosts: named() };
    return { verb, hosts: random.chance(0.6) ? named() : undefined, fence: random.chance(0.4) };
  });
}
