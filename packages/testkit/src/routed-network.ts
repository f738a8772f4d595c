/**
 * A network of several machines on this one: each has a network namespace, an address and a link of its own, and all of them
 * meet at a router, which is this process's namespace. The router can part any two sides of it.
 *
 * 1. This process has to run in a namespace that has only `lo` (`bin/in-network-namespace`): nothing outside can reach it.
 * 2. Between sides that are parted every packet vanishes, in the directions that were asked for, and nobody is told: no
 *    reset, no ICMP. Connections that stood go on once they are joined again, if their ends are still there.
 * 3. `stop` ends what runs in the namespaces, and gives them up.
 */
import { writeFileSync } from 'node:fs';
import { createNetworkNamespace, inNetworkNamespace, type NetworkNamespace } from './network-namespace.js';
import { mustRun } from './run-command.js';

/** A machine: where it is reached, and how something is run there. */
export interface Place {
  readonly address: string;
  readonly namespace: NetworkNamespace;
}

/** Addresses, or ranges of them as `10.78.0.0/25`. */
export interface Sides {
  from: readonly string[];
  to: readonly string[];
  /** Only what goes from `from` to `to` vanishes; both ways unless told. */
  oneWay?: boolean;
}

export interface RoutedNetwork {
  /** Links another machine. `range`: addresses that it has besides its own, such as `10.78.0.0/16`. */
  join(options?: { range?: string }): Promise<Place>;
  part(sides: Sides): Promise<void>;
  /** Joins all that was parted. */
  heal(): Promise<void>;
  /** Returns the command lines of what still ran. */
  stop(): Promise<string[]>;
}

const maxPlaces = 250;

export async function createRoutedNetwork(): Promise<RoutedNetwork> {
  if (!inNetworkNamespace())
    throw new Error(
      'no-router: this process has interfaces besides lo. Run it by packages/testkit/bin/in-network-namespace',
    );
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1\n');
  const places: Place[] = [];
  const parted: string[][] = [];
  const ip = (...args: string[]) => mustRun('ip', args);

  const join = async ({ range }: { range?: string } = {}): Promise<Place> => {
    const number = places.length + 1;
    if (number > maxPlaces) throw new Error(`a routed network has at most ${maxPlaces} places`);
    const namespace = await createNetworkNamespace();
    const place: Place = { address: `10.77.${number}.2`, namespace };
    places.push(place);
    const inside = async (...args: string[]) => {
      const command = namespace.command('ip', args);
      await mustRun(command.file, command.args);
    };
    const link = `place-${number}`;
    await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(namespace.pid));
    await ip('address', 'add', `10.77.${number}.1/24`, 'dev', link);
    await ip('link', 'set', link, 'up');
    await inside('address', 'add', `${place.address}/24`, 'dev', 'eth0');
    await inside('link', 'set', 'eth0', 'up');
    await inside('route', 'add', 'default', 'via', `10.77.${number}.1`);
    if (range !== undefined) {
      // Every address of the range is its own, without an interface for each.
      await inside('route', 'add', 'local', range, 'dev', 'lo');
      await ip('route', 'add', range, 'via', place.address);
    }
    return place;
  };

  return {
    join,
    async part({ from, to, oneWay = false }) {
      const pairs = from.flatMap((one) => to.map((other) => [one, other] as const));
      for (const [one, other] of oneWay
        ? pairs
        : pairs.flatMap(([a, b]) => [[a, b] as const, [b, a] as const])) {
        // The router looks its rules up for each packet; a blackhole answers nothing.
        const rule = ['from', one, 'to', other, 'blackhole'];
        await ip('rule', 'add', ...rule);
        parted.push(rule);
      }
    },
    async heal() {
      for (let rule = parted.pop(); rule !== undefined; rule = parted.pop())
        await ip('rule', 'delete', ...rule);
    },
    async stop() {
      const left: string[] = [];
      for (const { namespace } of places)
        left.push(...(await namespace.stop()).map(({ argv }) => argv.join(' ')));
      return left;
    },
  };
}
