/** What is done to the fleet: each kind of death, of being stopped for longer than a session lasts, and of being parted. */
import {
  descendantsOf,
  type FleetPart,
  type Place,
  processTable,
  type SeededRandom,
  signalProcesses,
  type ZooKeeperServer,
} from '@pogo/testkit';
import { delay, systemClock } from '@pogo/lifecycle';
import { type Arena, sessionTimeoutMs } from './arena.js';
import { hostRange, someHosts } from './site.js';

/** Something is broken now. */
export interface Struck {
  /** What was done to whom, for a person. */
  readonly what: string;
  /** Makes it good again; resolves when everything runs. */
  heal(): Promise<void>;
}

export interface Fault {
  readonly name: string;
  /** How long it lasts, in milliseconds. */
  readonly lastsMs: readonly [least: number, most: number];
  strike(arena: Arena, random: SeededRandom): Promise<Struck>;
}

/** Longer than a session lasts, so that its owner is taken for dead. */
const beyondSession = [sessionTimeoutMs + 1500, sessionTimeoutMs + 3000] as const;
const aWhile = [1000, sessionTimeoutMs + 1500] as const;
/** For a worker that has just taken its orders. */
const rexecPatienceMs = 3000;

type Chosen<Whom> = (arena: Arena, random: SeededRandom) => Whom | Promise<Whom>;

const leader: Chosen<FleetPart> = ({ fleet }) => {
  const found = fleet.leader();
  if (found === undefined) throw new Error('no dispatcher leads');
  return found;
};
const follower: Chosen<FleetPart> = ({ fleet }, random) =>
  random.pick(fleet.dispatchers.filter((one) => one !== fleet.leader()));
const worker: Chosen<FleetPart> = ({ fleet }, random) => random.pick(fleet.workers);
const leadingServer: Chosen<readonly ZooKeeperServer[]> = async ({ zookeeper }) => [await zookeeper.leader()];
const twoServers: Chosen<readonly ZooKeeperServer[]> = async ({ zookeeper }, random) => {
  const spared = random.pick(zookeeper.servers);
  return zookeeper.servers.filter((server) => server !== spared);
};

function killPart(name: string, choose: Chosen<FleetPart>): Fault {
  return {
    name: `kill ${name}`,
    lastsMs: aWhile,
    async strike(arena, random) {
      const part = await choose(arena, random);
      await part.kill();
      return { what: `kill -9 ${part.name}`, heal: () => part.start() };
    },
  };
}

function pausePart(name: string, choose: Chosen<FleetPart>): Fault {
  return {
    name: `stop ${name}`,
    lastsMs: beyondSession,
    async strike(arena, random) {
      const part = await choose(arena, random);
      part.pause();
      return { what: `SIGSTOP ${part.name}`, heal: async () => part.resume() };
    },
  };
}

const namesOf = (servers: readonly ZooKeeperServer[]) =>
  servers.map(({ id }) => `zookeeper-${id}`).join(', ');

function killServers(name: string, choose: Chosen<readonly ZooKeeperServer[]>): Fault {
  return {
    name: `kill ${name}`,
    lastsMs: beyondSession,
    async strike(arena, random) {
      const servers = await choose(arena, random);
      await Promise.all(servers.map((server) => server.kill()));
      return {
        what: `kill -9 ${namesOf(servers)}`,
        heal: async () => void (await Promise.all(servers.map((server) => server.start()))),
      };
    },
  };
}

function pauseServers(name: string, choose: Chosen<readonly ZooKeeperServer[]>): Fault {
  return {
    name: `stop ${name}`,
    lastsMs: beyondSession,
    async strike(arena, random) {
      const servers = await choose(arena, random);
      for (const server of servers) server.pause();
      return {
        what: `SIGSTOP ${namesOf(servers)}`,
        heal: async () => {
          for (const server of servers) server.resume();
        },
      };
    },
  };
}

/** One rexec of some worker, once there is one. */
async function rexecOf(
  { fleet }: Arena,
  random: SeededRandom,
): Promise<{ pid: number; of: string } | undefined> {
  const untilMs = systemClock.monotonicMs() + rexecPatienceMs;
  do {
    const table = processTable();
    const found = fleet.workers.flatMap(({ pid, name }) =>
      descendantsOf(pid ?? -1, table)
        .filter(({ argv }) => argv.some((word) => word.endsWith('pogo-rexec.js')))
        .map((entry) => ({ pid: entry.pid, of: name })),
    );
    if (found.length > 0) return random.pick(found);
    await delay(systemClock, 50);
  } while (systemClock.monotonicMs() < untilMs);
  return undefined;
}

function rexec(name: string, lastsMs: Fault['lastsMs'], signal: string, back?: string): Fault {
  return {
    name: `${name} an rexec`,
    lastsMs,
    async strike(arena, random) {
      const found = await rexecOf(arena, random);
      if (found === undefined) return { what: 'no rexec was left', heal: async () => undefined };
      signalProcesses(signal, [found.pid]);
      return {
        what: `SIG${signal} an rexec of ${found.of}`,
        heal: async () => {
          if (back !== undefined) signalProcesses(back, [found.pid]);
        },
      };
    },
  };
}

/** Who is parted from whom: names, and addresses or ranges of them. */
interface Parting {
  from: readonly string[];
  to: readonly string[];
  what: string;
}

const addressesOf = (places: readonly Place[]) => places.map(({ address }) => address);

function part(name: string, choose: Chosen<Parting>): Fault {
  return {
    name: `part ${name}`,
    lastsMs: beyondSession,
    async strike(arena, random) {
      const { from, to, what } = await choose(arena, random);
      // One in three is deaf only, or dumb only.
      const way = random.pick(['both', 'both', 'out', 'in'] as const);
      await arena.network.part(
        way === 'in' ? { from: to, to: from, oneWay: true } : { from, to, oneWay: way === 'out' },
      );
      const how = { both: 'from', out: 'on its way to', in: 'for what comes from' }[way];
      const [who, whom] = what.split(' / ') as [string, string];
      return { what: `part ${who} ${how} ${whom}`, heal: () => arena.network.heal() };
    },
  };
}

function placeOf({ fleet, places }: Arena, one: FleetPart): Place {
  const dispatcher = fleet.dispatchers.findIndex((other) => other === one);
  return dispatcher >= 0 ? places.dispatchers[dispatcher]! : places.workers[fleet.workers.indexOf(one)]!;
}

const partings: readonly [string, Chosen<Parting>][] = [
  [
    'client and leading dispatcher',
    async (arena, random) => {
      const one = await leader(arena, random);
      return {
        from: [arena.places.client.address],
        to: [placeOf(arena, one).address],
        what: `the client / ${one.name} (leads)`,
      };
    },
  ],
  [
    'client and all dispatchers',
    ({ places }) => ({
      from: [places.client.address],
      to: addressesOf(places.dispatchers),
      what: 'the client / all dispatchers',
    }),
  ],
  [
    'leading dispatcher and the other dispatchers',
    async (arena, random) => {
      const one = await leader(arena, random);
      const place = placeOf(arena, one);
      const others = arena.places.dispatchers.filter((other) => other !== place);
      return {
        from: [place.address],
        to: addressesOf(others),
        what: `${one.name} (leads) / the other dispatchers`,
      };
    },
  ],
  [
    'leading dispatcher and ZooKeeper',
    async (arena, random) => {
      const one = await leader(arena, random);
      return {
        from: [placeOf(arena, one).address],
        to: addressesOf(arena.places.zookeeper),
        what: `${one.name} (leads) / all of ZooKeeper`,
      };
    },
  ],
  [
    'all dispatchers and a ZooKeeper server',
    ({ places }, random) => {
      const at = random.below(places.zookeeper.length);
      return {
        from: addressesOf(places.dispatchers),
        to: [places.zookeeper[at]!.address],
        what: `all dispatchers / zookeeper-${at + 1}`,
      };
    },
  ],
  [
    'leading ZooKeeper server and the other servers',
    async ({ places, zookeeper }) => {
      const at = zookeeper.servers.indexOf(await zookeeper.leader());
      const others = places.zookeeper.filter((_, other) => other !== at);
      return {
        from: [places.zookeeper[at]!.address],
        to: addressesOf(others),
        what: `zookeeper-${at + 1} (leads) / the other servers`,
      };
    },
  ],
  [
    'a worker and all dispatchers',
    async (arena, random) => {
      const one = await worker(arena, random);
      return {
        from: [placeOf(arena, one).address],
        to: addressesOf(arena.places.dispatchers),
        what: `${one.name} / all dispatchers`,
      };
    },
  ],
  [
    'all workers and the leading dispatcher',
    async (arena, random) => {
      const one = await leader(arena, random);
      return {
        from: addressesOf(arena.places.workers),
        to: [placeOf(arena, one).address],
        what: `all workers / ${one.name} (leads)`,
      };
    },
  ],
  [
    'a worker and all hosts',
    async (arena, random) => {
      const one = await worker(arena, random);
      return { from: [placeOf(arena, one).address], to: [hostRange], what: `${one.name} / all hosts` };
    },
  ],
];

/** @param hosts how many there are. */
export function allFaults(hosts: number): Fault[] {
  const someOfThem = someHosts(hosts);
  return [
    killPart('the leading dispatcher', leader),
    killPart('a following dispatcher', follower),
    killPart('a worker', worker),
    rexec('kill', aWhile, 'KILL'),
    killServers('the leading ZooKeeper server', leadingServer),
    killServers('two ZooKeeper servers', twoServers),
    pausePart('the leading dispatcher', leader),
    pausePart('a following dispatcher', follower),
    pausePart('a worker', worker),
    rexec('stop', beyondSession, 'STOP', 'CONT'),
    pauseServers('the leading ZooKeeper server', leadingServer),
    pauseServers('two ZooKeeper servers', twoServers),
    ...partings.map(([name, choose]) => part(name, choose)),
    part('all workers and some hosts', ({ places }) => ({
      from: addressesOf(places.workers),
      to: [someOfThem],
      what: `all workers / the hosts of ${someOfThem}`,
    })),
  ];
}

/** Faults without end: all of them in random order, and then again in another. */
export function* drawFaults(random: SeededRandom, hosts: number): Generator<Fault, never> {
  for (;;) {
    const left = allFaults(hosts);
    while (left.length > 0) yield left.splice(random.below(left.length), 1)[0]!;
  }
}
