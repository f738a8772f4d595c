/** What each host does with each attempt of each job: drawn when somebody first asks, from a stream of its own. */
import type { Checker } from '../checker/checker.js';
import type { Random } from '../random.js';
import type { Scenario } from '../scenario.js';
import type { SimulatedHost } from './simulated-host.js';
import type { HostScript } from './simulated-rexec.js';

export class HostScripts {
  readonly #random: Random;
  readonly #scenario: Scenario;
  readonly #hosts: readonly SimulatedHost[];
  readonly #checker: Checker;
  readonly #known = new Map<string, HostScript>();

  constructor(random: Random, scenario: Scenario, hosts: readonly SimulatedHost[], checker: Checker) {
    this.#random = random;
    this.#scenario = scenario;
    this.#hosts = hosts;
    this.#checker = checker;
  }

  /** Each attempt is another one; without `attempt` it is about reaching the host alone. */
  of(job: number, index: number, attempt = 0): HostScript {
    const name = `${job} ${index} ${attempt}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const random = this.#random.fork(name);
    const { jobs, namespaces } = this.#scenario;
    const plan = jobs.find(({ key }) => this.#checker.job(key)?.job === job);
    // Hosts that wait for each other take their time together.
    const [shortChance, mostMs] = namespaces.length > 0 ? [0.7, 15_000] : [0.5, 40_000];
    const script: HostScript = {
      host: this.#hosts[(plan?.hosts[index] ?? 1) - 1]!,
      dial: random.chance(0.9) ? 'ok' : random.pick(['unreachable', 'auth-failed']),
      dialMs: random.spread(1, 3000),
      durationMs: random.chance(shortChance) ? random.spread(5, 3000) : random.spread(2000, mostMs),
      exitCode: random.chance(0.8) ? 0 : random.integer(1, 125),
    };
    this.#known.set(name, script);
    return script;
  }
}
