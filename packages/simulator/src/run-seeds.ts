/** Many seeds, one after another. */
import { simulate, type SimulationOptions, type SimulationResult } from './simulation.js';

export interface SeedsOptions extends Omit<SimulationOptions, 'seed'> {
  first: number;
  count: number;
  /** Ends at the first seed that violates something. */
  stopAtFirst: boolean;
  /** After each seed. */
  done?: (result: SimulationResult) => void;
}

export interface SeedsResult {
  seeds: number;
  events: number;
  commands: number;
  virtualMs: number;
  failed: SimulationResult[];
  /** As {@link SimulationResult.seen}, over all seeds. */
  seen: Map<string, number>;
}

export async function runSeeds(options: SeedsOptions): Promise<SeedsResult> {
  const { first, count, stopAtFirst, done, ...rest } = options;
  const total: SeedsResult = { seeds: 0, events: 0, commands: 0, virtualMs: 0, failed: [], seen: new Map() };
  for (let seed = first; seed < first + count; seed++) {
    const result = await simulate({ ...rest, seed });
    total.seeds++;
    total.events += result.events;
    total.commands += result.commands;
    total.virtualMs += result.virtualMs;
    for (const [name, times] of result.seen) total.seen.set(name, (total.seen.get(name) ?? 0) + times);
    done?.(result);
    if (result.violations.length === 0) continue;
    total.failed.push(result);
    if (stopAtFirst) break;
  }
  return total;
}

/** What a person types to see a seed again, line by line. */
export function replayCommand({ seed, bug, hosts, jobs }: SimulationOptions): string {
  const options = Object.entries({ seed, hosts, jobs, bug }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name} ${value}`],
  );
  return `npm run simulate -- ${options.join(' ')} --trace`;
}
