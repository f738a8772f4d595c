/**
 * What goes wrong, and when: at moments drawn from the seed, and in traps that snap when something happens for the n-th
 * time, so that crashes hit the gaps between two steps that matter.
 */
import type { DispatcherMachine } from './dispatcher/dispatcher-machine.js';
import type { AttemptName, CommandWatcher, SimulatedHost } from './hosts/simulated-host.js';
import type { Call, CallWatcher } from './network/call.js';
import type { Network } from './network/network.js';
import type { Random } from './random.js';
import type { Elections } from './store/elections.js';
import type { StoreWeather } from './store/simulated-store.js';
import type { Trace } from './trace.js';
import type { VirtualTime } from './virtual-time.js';
import type { WorkerMachine } from './worker/worker-machine.js';

export interface Fleet {
  dispatchers: readonly DispatcherMachine[];
  workers: readonly WorkerMachine[];
  hosts: readonly SimulatedHost[];
  network: Network;
  elections: Elections;
  weather: StoreWeather;
}

export interface FaultsOptions extends Fleet {
  time: VirtualTime;
  trace: Trace;
  random: Random;
  untilMs: number;
  faults: number;
  traps: number;
}

/** Moments at which a crash is most telling. */
const points = [
  'batch appended',
  'order sent',
  'order sent',
  'order answered',
  'report sent',
  'report answered',
  'command began',
  'command began',
  'command ended',
] as const;
type Point = (typeof points)[number];

interface Trap {
  point: Point;
  /** Snaps at the n-th time. */
  occurrence: number;
  act: Fault;
  delayMs: number;
}

/** `involved`: names of those whom the moment is about; empty when it is about nobody. */
type Fault = (random: Random, involved: readonly string[]) => void;

export class Faults implements CallWatcher, CommandWatcher {
  readonly #options: FaultsOptions;
  readonly #traps: Trap[] = [];
  readonly #counts = new Map<Point, number>();

  constructor(options: FaultsOptions) {
    this.#options = options;
    const { time, random, untilMs, faults, traps } = options;
    const catalogue = this.#catalogue();
    for (let number = 0; number < faults; number++) {
      const fault = random.pick(catalogue);
      time.schedule(random.spread(50, untilMs), () => fault(random, []));
    }
    const deaths = this.#deaths();
    for (let number = 0; number < traps; number++) {
      this.#traps.push({
        act: random.pick(deaths),
        point: random.pick(points),
        occurrence: Math.round(random.spread(1, 12)),
        delayMs: random.chance(0.4) ? 0 : random.spread(0.05, 20),
      });
    }
  }

  batchAppended(writer: string): void {
    this.#reached('batch appended', [writer]);
  }

  sent({ method, caller, callee }: Call): void {
    if (method === 'worker.report') this.#reached('report sent', [caller, callee]);
    else if (method.startsWith('job.')) this.#reached('order sent', [caller, callee]);
  }

  answered({ method, caller, callee }: Call): void {
    if (method === 'worker.report') this.#reached('report answered', [caller, callee]);
    else if (method.startsWith('job.')) this.#reached('order answered', [caller, callee]);
  }

  commandBegan(_attempt: AttemptName, { worker }: { worker: string }): void {
    this.#reached('command began', [worker]);
  }

  commandEnded(): void {
    this.#reached('command ended', []);
  }

  #reached(point: Point, involved: readonly string[]): void {
    const { time, random, untilMs } = this.#options;
    const count = (this.#counts.get(point) ?? 0) + 1;
    this.#counts.set(point, count);
    if (time.nowMs > untilMs) return;
    for (const trap of this.#traps) {
      if (trap.point === point && trap.occurrence === count) {
        time.schedule(trap.delayMs, () => trap.act(random, involved));
      }
    }
  }

  /** What a trap does. */
  #deaths(): Fault[] {
    const { dispatchers, workers, network } = this.#options;
    return [
      (random, involved) => oneOf(dispatchers, random, involved).crash(random.spread(50, 8000)),
      (random, involved) => oneOf(workers, random, involved).crash(random.spread(50, 12_000), false),
      (random, involved) => oneOf(workers, random, involved).crash(random.spread(500, 12_000), true),
      (random, involved) => oneOf(workers, random, involved).killRexec(random),
      (random, involved) => oneOf(workers, random, involved).cutHost(random),
      (random, involved) => oneOf(dispatchers, random, involved).freeze(random.spread(500, 20_000)),
      // Long enough for another to take over, and not so long that its connections are given up.
      (random, involved) => oneOf(dispatchers, random, involved).freeze(random.spread(5000, 13_000)),
      (random, involved) => oneOf(workers, random, involved).freeze(random.spread(500, 30_000)),
      // Long enough to be called lost, while what it began goes on.
      (random, involved) => oneOf(workers, random, involved).freeze(random.spread(4000, 40_000)),
      (random) => this.#endLease(random),
      (random, involved) => {
        // What a leader has just sent arrives when another one leads.
        const isTakeover = random.chance(0.7);
        network.stall(random, involved, isTakeover ? random.spread(3000, 14_000) : random.spread(50, 8000));
        if (isTakeover) this.#endLease(random);
      },
    ];
  }

  /** As an expired session would; its holder hears of it later. */
  #endLease(random: Random): void {
    const { elections, trace } = this.#options;
    const { holder } = elections;
    if (holder === undefined) return;
    trace.add('store', `the lease of ${holder.name} ends`);
    elections.expire(holder, random.spread(0.1, 6000));
  }

  #catalogue(): Fault[] {
    const { dispatchers, workers, hosts, network, weather, time, trace } = this.#options;
    return [
      ...this.#deaths(),
      (random) => random.pick(hosts).crash(),
      (random) => network.cutOne(random),
      (random) => network.part(random.spread(100, 15_000), random),
      (random) => {
        weather.outageUntilMs = Math.max(weather.outageUntilMs, time.nowMs + random.spread(50, 8000));
        trace.add('store', `is out until ${weather.outageUntilMs.toFixed(0)}`);
      },
      (random) => {
        const process = random.chance(0.5) ? random.pick(dispatchers).process : random.pick(workers).process;
        process?.jumpWallClock(random.integer(-200_000, 200_000));
      },
    ];
  }
}

/** Mostly one of those involved. */
function oneOf<T extends { name: string }>(
  machines: readonly T[],
  random: Random,
  involved: readonly string[],
): T {
  const concerned = machines.filter(({ name }) => involved.includes(name));
  return random.pick(concerned.length > 0 && random.chance(0.8) ? concerned : machines);
}
