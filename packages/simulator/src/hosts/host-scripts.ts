/** What each host does with each job's command: drawn when somebody first asks, from a stream of its own. */
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

  of(job: number, index: number): HostScript {
    const name = `${job} ${index}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const random = this.#random.fork(name);
    const plan = this.#scenario.jobs.find(({ key }) => this.#checker.job(key)?.job === job);
    const first = Number(/\d+/.exec(plan?.targets ?? '1')?.[0]);
    const script: HostScript = {
      host: this.#hosts[first - 1 + index]!,
      dial: random.chance(0.9) ? 'ok' : random.pick(['unreachable', 'auth-failed']),
      dialMs: random.spread(1, 3000),
      durationMs: random.chance(0.5) ? random.spread(5, 3000) : random.spread(2000, 40_000),
      exitCode: random.chance(0.8) ? 0 : random.integer(1, 125),
    };
    this.#known.set(name, script);
    return script;
  }
}
