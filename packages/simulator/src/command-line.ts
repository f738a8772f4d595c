/** The command line of `npm run simulate`. */
import { parseArgs } from 'node:util';
import { type BugName, bugNames } from './planted-bugs.js';
import type { ScenarioSize } from './scenario.js';

export interface SimulateCommand {
  first: number;
  count: number;
  size: ScenarioSize;
  bug: BugName | undefined;
  trace: boolean;
}

export type ParsedCommand =
  { kind: 'run'; command: SimulateCommand } | { kind: 'help' } | { kind: 'wrong'; message: string };

export const usage = `Runs whole fleets under virtual time, with faults drawn from a seed (docs/SIMULATOR.md).

  npm run simulate -- [options]

  --seeds N   how many seeds, one after another (1)
  --seed S    the first of them (1)
  --hosts N   hosts of each fleet (drawn from the seed)
  --jobs N    jobs of each fleet (drawn from the seed)
  --bug NAME  with that bug planted, until it is caught
  --trace     print what happens, line by line
`;

/** Largest fleet and most jobs: beyond, a seed takes too long to be of use. */
const most = { seed: 1_000_000_000, seeds: 100_000_000, hosts: 10_000, jobs: 1000 } as const;

export function parseCommandLine(args: readonly string[]): ParsedCommand {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        seeds: { type: 'string' },
        seed: { type: 'string' },
        hosts: { type: 'string' },
        jobs: { type: 'string' },
        bug: { type: 'string' },
        trace: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    const [what] = (error instanceof Error ? error.message : String(error)).split('. ');
    return wrong(`${what}: --help shows what there is`);
  }
  if (values.help) return { kind: 'help' };
  const numbers: { -readonly [Name in keyof typeof most]?: number } = {};
  for (const name of ['seed', 'seeds', 'hosts', 'jobs'] as const) {
    const text = values[name];
    if (text === undefined) continue;
    const number = Number(text);
    if (!/^\d{1,10}$/.test(text) || number < 1 || number > most[name])
      return wrong(`--${name} ${text}: a whole number from 1 to ${most[name]} is needed`);
    numbers[name] = number;
  }
  const bug = bugNames.find((name) => name === values.bug);
  if (values.bug !== undefined && bug === undefined)
    return wrong(`--bug ${values.bug}: there is no such bug, only ${bugNames.join(', ')}`);
  const { seed: first = 1, seeds: count = 1, ...size } = numbers;
  return { kind: 'run', command: { first, count, size, bug, trace: values.trace } };
}

function wrong(message: string): ParsedCommand {
  return { kind: 'wrong', message };
}
